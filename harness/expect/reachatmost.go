package expect

import (
	"fmt"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// ReachAtMost claims that n requests of the whole phase reach version at most, from the write on: also those that were
// sent while the change was on its way. Those that it answered reached it, and those that failed there. Of all cohorts,
// its own counter is asked too, for answers that were lost once the phase had settled.
func ReachAtMost(version string, n int) reachAtMost { return reachAtMost{atMost{n: n}, version} }

type reachAtMost struct {
	atMost
	version string
}

// Of limits the claim to the requests of one cohort.
func (r reachAtMost) Of(cohort string) reachAtMost {
	r.cohort = cohort
	return r
}

// String implements Expectation.
func (r reachAtMost) String() string {
	return fmt.Sprintf("%s%s %s %s from the write on", r.limit(), r.whom(), format.When(r.n < 2, "reaches")+
		format.When(r.n > 1, "reach"), r.version)
}

// Validate tells whether the claim makes sense.
func (r reachAtMost) Validate() error {
	if r.version == "" || r.n < 0 {
		return fmt.Errorf("%q: name a version, and a number of 0 or above", r)
	}
	return nil
}

// Check implements Expectation.
func (r reachAtMost) Check(o analysis.Observation) reports.Verdict {
	v := reports.Verdict{Kind: "reach-at-most", Want: r.String()}
	count := inBoth(o, r.cohort, r.reached)
	if received := o.Received[r.version]; r.cohort == "" {
		count.settled = max(count.settled, int(min(received, 1<<62))-o.UnderWay[r.version])
	}
	return r.judge(v, o, "reached "+r.version, count, inBoth(o, r.cohort, r.perhaps), r.version+" was reached by more")
}

// reached counts the requests that version answered, and those that failed in its pods.
func (r reachAtMost) reached(c analysis.Counts) int {
	return c.Versions[r.version] + failures(c, func(f analysis.Failure) bool { return r.lost(f) && inPod(f) })
}

// perhaps counts the requests that may have reached version, and that nobody knows it of: their proxy sent them there,
// and has no answer.
func (r reachAtMost) perhaps(c analysis.Counts) int {
	return failures(c, func(f analysis.Failure) bool { return r.lost(f) && !inPod(f) && !staysHere(f.Flag) })
}

// inPod tells that a request failed at its pod: at the proxy there, or in the app.
func inPod(f analysis.Failure) bool { return f.Hop == analysis.ServerHop || f.Hop == analysis.AppHop }

// lost tells that the route wanted requests of the sort to get to version, and that no answer says whether they did.
func (r reachAtMost) lost(f analysis.Failure) bool { return f.Version == "" && f.Subset == r.version }

// staysHere tells whether a flag of the proxy that routes says that the request did not get to any pod: see the
// table of docs/words.md.
func staysHere(flag string) bool {
	for _, f := range []string{"UH", "NC", "NR", "UF", "UO", "RL", "FI"} {
		if hasFlags(flag, f) {
			return true
		}
	}
	return false
}

func (r reachAtMost) about() string { return r.version }

func (r reachAtMost) excludes(other Expectation) bool {
	sort, ok := requestOf(other)
	return ok && sort.version == r.version && overlap(r.cohort, other.Cohort()) && least(other) > r.n
}

// A request that failed by the load did not reach the version, and would have.
func (r reachAtMost) rests(v reports.Verdict, at circumstances) footing {
	on := footing{onTime: !at.OnTime(r.cohort), atRate: v.Outcome == reports.Pass}
	if v.Outcome == reports.Pass {
		reached := inBoth(at.Observation, r.cohort, r.reached)
		kept := inBoth(at.Observation, r.cohort, func(c analysis.Counts) int { return keptFrom(c, r.version) })
		on.onTime = on.onTime || kept.sum() > 0 && reached.sum()+kept.sum() > r.n
	}
	return on
}

func (r reachAtMost) times(factor float64) Expectation {
	return reachAtMost{r.scaled(factor), r.version}
}

func (r reachAtMost) record() Record {
	return Record{Kind: "reach-at-most", Version: r.version, Count: r.n, Cohort: r.cohort}
}

var _ = recorded("reach-at-most", func(r Record) Expectation { return ReachAtMost(r.Version, r.Count).Of(r.Cohort) })
