package expect

import (
	"strings"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// A rester is a claim that knows on which bases its verdicts rest. A verdict of any other claim rests on all. All rest
// on analysis.OneClock: the bounds of phases, and the moments of a write, are by another clock than the requests are.
//
// A verdict stands without a basis only if it would be the same with it, whatever happened. So it is told from what was
// seen, and from what of that a late agent can have caused.
type rester interface {
	// rests tells what a pass or a fail rests on.
	rests(v reports.Verdict, at circumstances) footing
}

// circumstances are what a verdict was reached in. late is how much later than due the latest request of the run was
// sent.
type circumstances struct {
	analysis.Observation
	late time.Duration
}

// A footing is what a verdict rests on: analysis.OnTime, analysis.AtRate, or both.
type footing struct{ onTime, atRate bool }

// hold voids a verdict on a phase if it rests on what the run's problems shake.
func hold(e Expectation, o analysis.Observation, v reports.Verdict, b analysis.Accounting) reports.Verdict {
	if o.Start.IsZero() {
		return v // nothing was measured
	}
	// What could not be decided may be open because the agent was late.
	on := footing{true, true}
	if r, ok := e.(rester); ok && (v.Outcome == reports.Pass || v.Outcome == reports.Fail) {
		on = r.rests(v, circumstances{o, b.Lateness()})
	}
	var why []string
	for _, basis := range analysis.Bases() {
		shaken := b.Shaken(basis)
		stands := basis == analysis.OnTime && !on.onTime || basis == analysis.AtRate && !on.atRate
		if len(shaken) == 0 || stands {
			continue
		}
		v.Void = append(v.Void, basis)
		var texts []string
		for _, p := range shaken {
			texts = append(texts, p.Text)
		}
		why = append(why, "it rests on "+basis.String()+", and "+strings.Join(texts, "; ")+"; "+basis.Remedy())
	}
	if len(v.Void) > 0 {
		v.Outcome, v.Why = reports.Invalid, "void: "+strings.Join(why, "; ")
	}
	return v
}

// byLoad tells that requests which came at once may have caused the failure, or a lighter load have spared it.
func byLoad(f analysis.Failure) bool {
	return loadgen.Failed(f.Code) && !analysis.ConfigDecides(f.Flag)
}

// failuresByLoad counts those.
func failuresByLoad(c analysis.Counts) int {
	return failuresBut(c, func(f analysis.Failure) bool { return !byLoad(f) })
}

// failuresBut counts the failed requests but for some.
func failuresBut(c analysis.Counts, but func(analysis.Failure) bool) int {
	n := 0
	for _, f := range c.Failures {
		if loadgen.Failed(f.Code) && !but(f) {
			n += f.Count
		}
	}
	return n
}

// keptFrom counts the requests that failed by the load, that no version answered, and that may have been on their way
// to version. Which subset a request is for is drawn before it can fail.
func keptFrom(c analysis.Counts, version string) int {
	return failuresBut(c, func(f analysis.Failure) bool { return !byLoad(f) || !mayReach(f, version) })
}

func mayReach(f analysis.Failure, version string) bool {
	return f.Version == "" && (f.Subset == "" || f.Subset == version)
}

// The share of a version, a status or a flag rests on the agent's being on time unless it is drawn for each request by
// itself, and no failure by the load can have moved the count over an edge of what the claim allows.
//
// A lighter load may spare requests a failure, and give a version more answers. It does not change how many of them the
// configuration fails, nor does it make a version answer that gets none.
func (p proportion) rests(v reports.Verdict, at circumstances) footing {
	return footing{onTime: !p.single() || !p.steady(v, at.Settled.Of(p.cohort)), atRate: p.property.spared(p.percent)}
}

// single tells that each request is drawn by itself. An exact share is: its acceptance region is a binomial's. A bound
// is for what nobody can foretell, which may depend on the load.
func (p proportion) single() bool { return p.bound == 0 || p.singly }

// steady tells whether the verdict were the same if the failures by the load had been none, or others.
func (p proportion) steady(v reports.Verdict, c analysis.Counts) bool {
	low, high := v.Claim.Seen.Count, v.Claim.Seen.Count
	for _, f := range c.Failures {
		if !byLoad(f) {
			continue
		}
		switch gave, kept := p.property.moved(f); {
		case gave:
			low -= f.Count
		case kept:
			high += f.Count
		}
	}
	if v.Outcome == reports.Pass {
		return v.Claim.Low <= low && high <= v.Claim.High
	}
	least, most := Region(v.Claim.Seen.Of, p.percent/100)
	return p.bound <= 0 && low > most || p.bound >= 0 && high < least
}

// No error that the load can cause was there although requests came at once: on time there is none either. With fewer
// requests than planned there might be.
func (e noErrors) rests(v reports.Verdict, at circumstances) footing {
	if v.Outcome == reports.Pass {
		return footing{atRate: true}
	}
	c := at.Settled.Of(e.cohort)
	return footing{onTime: errorsIn(c) == failuresByLoad(c)}
}

// That all errors are those which the configuration makes is as with no errors.
func (e onlyErrors) rests(v reports.Verdict, at circumstances) footing {
	c := at.Settled.Of(e.cohort)
	if v.Outcome == reports.Pass {
		return footing{onTime: failuresByLoad(c) > 0, atRate: true}
	}
	others := failuresBut(c, func(f analysis.Failure) bool {
		return byLoad(f) || f.Code == e.code && hasFlags(f.Flag, e.flag)
	})
	return footing{onTime: others == 0}
}

// What a change costs while it is on its way is met by the requests that are sent then. An agent that stood still at
// that moment sends none, and one that makes up for it sends many: the claim rests on the pace of that time. Later on
// it is as with no errors.
func (a atMost) rests(v reports.Verdict, at circumstances) footing {
	on := footing{onTime: !at.OnTime(a.cohort), atRate: v.Outcome == reports.Pass}
	if v.Outcome == reports.Fail {
		sure := inBoth(at.Observation, a.cohort, func(c analysis.Counts) int { return errorsIn(c) - failuresByLoad(c) })
		on.onTime = on.onTime || sure.sum() <= a.n
	}
	return on
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

// A request that failed by the load did not reach the version, and might have. One that did reach it did.
func (u untouched) rests(v reports.Verdict, at circumstances) footing {
	return footing{onTime: v.Outcome == reports.Pass && keptFrom(at.Settled.Total, u.version) > 0}
}

// A rollback's bracket rests on no pace. It counts requests by when they were really sent, not by when they were due,
// and assumes nothing of the time between them: an agent that stood still leaves a gap, and the bracket is as wide as
// that. So it need not be widened by the lag. What is sent at once is still drawn request by request. But a lighter
// load leaves the proxies more time for the change.
func (recoveredWithin) rests(reports.Verdict, circumstances) footing { return footing{atRate: true} }

// What holds for one bracket holds for two.
func (slowerThan) rests(reports.Verdict, circumstances) footing { return footing{atRate: true} }

// The last request that the canary had is another one if one that was due before the switch was sent after it, and when
// it was done is read by a process that may be late. Either moves the drain by as much as requests were late.
func (d drain) rests(_ reports.Verdict, at circumstances) footing {
	return footing{onTime: (at.Rollback.Drain - d.time).Abs() <= at.late, atRate: true}
}

func (version answeredBy) moved(f analysis.Failure) (gave, kept bool) {
	return false, mayReach(f, string(version))
}
func (answeredBy) spared(percent float64) bool { return percent > 0 }

func (code withStatus) moved(f analysis.Failure) (gave, kept bool) {
	return f.Code == int(code), f.Code != int(code)
}
func (withStatus) spared(float64) bool { return true }

func (f withFlag) moved(failure analysis.Failure) (gave, kept bool) {
	has := failure.Code == f.code && hasFlags(failure.Flag, f.flag)
	return has, !has
}

func (f withFlag) spared(float64) bool {
	return !analysis.ConfigDecides(strings.Join(flagList(f.flag), ","))
}
