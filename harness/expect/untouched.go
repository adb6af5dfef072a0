package expect

import (
	"fmt"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// Untouched claims that no request reaches version while the phase is settled. No caller got an answer from it,
// and its own counter did not move by more than the requests that were under way to it when the phase settled. The
// counter also shows requests whose answers were lost: where it was not read at both ends, or began anew in between,
// the claim is inconclusive. The counts of pods that are gone stay in it, so that a version without pods has one.
func Untouched(version string) untouched { return untouched{version} }

type untouched struct{ version string }

// Cohort implements Expectation.
func (untouched) Cohort() string { return "" }

// Need implements Expectation: enough to see a version that gets 1 % of the requests.
func (untouched) Need() int { return requests(0) }

// String implements Expectation.
func (u untouched) String() string { return "no request reaches " + u.version }

// Check implements Expectation.
func (u untouched) Check(o analysis.Observation) reports.Verdict {
	counts := o.Settled.Total
	answers := counts.Versions[u.version]
	received, read := o.Received[u.version]
	v := reports.Verdict{Kind: "untouched", Want: u.String()}
	v.Saw = fmt.Sprintf("%s answers from it to %s requests", format.Number(answers), format.Number(counts.Requests))
	if read {
		v.Saw += fmt.Sprintf(", its own counter moved by %s", format.Number(int(received)))
	}
	underWay := o.UnderWay[u.version]
	if underWay > 0 {
		v.Saw += fmt.Sprintf(" (%s sent before were not done when it was read)", format.Number(underWay))
	}
	why, few := tooFew(o, counts.Requests, u.Need())
	switch {
	case answers > 0:
		return fails(v, u.version+" answered requests")
	case received > uint64(underWay):
		return fails(v, u.version+" received requests that it was not seen to answer")
	case few:
		return unsure(v, why)
	case !read:
		return unsure(v, fmt.Sprintf("the counter of %s was not read at both ends, or began anew: it would show "+
			"requests whose answers were lost", u.version))
	}
	return passes(v)
}

func (u untouched) about() string { return u.version }

func (u untouched) excludes(other Expectation) bool {
	r, ok := requestOf(other)
	return ok && r.version != "" && r.version == u.version
}

// A request that failed by the load did not reach the version, and might have. One that did reach it did.
func (u untouched) rests(v reports.Verdict, at circumstances) footing {
	return footing{onTime: v.Outcome == reports.Pass && keptFrom(at.Settled.Total, u.version) > 0}
}

func (u untouched) record() Record { return Record{Kind: "untouched", Version: u.version} }

var _ = recorded("untouched", func(r Record) Expectation { return Untouched(r.Version) })
