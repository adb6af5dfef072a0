package expect

import (
	"strings"
	"time"

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

// An openRester is a rester that also tells what a verdict rests on that is open. Of any other claim such a verdict
// rests on all: it may be open because the agent was late.
type openRester interface{ restsOpen() }

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
	_, always := e.(openRester)
	if r, ok := e.(rester); ok && (always || v.Outcome == reports.Pass || v.Outcome == reports.Fail) {
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
		why = append(why, "it rests on "+basis.String()+", and "+strings.Join(texts, "; ")+"; "+b.Advice(basis))
	}
	if len(v.Void) > 0 {
		v.Outcome, v.Why = reports.Invalid, "void: "+strings.Join(why, "; ")
	}
	return v
}

// byLoad tells that requests which came at once may have caused the failure, or a lighter load have spared it.
func byLoad(f analysis.Failure) bool {
	return f.Failed() && !analysis.ConfigDecides(f.Flag)
}

// keptFrom counts the requests that failed by the load, that no version answered, and that may have been on their way
// to version. Which subset a request is for is drawn before it can fail.
func keptFrom(c analysis.Counts, version string) int {
	return failures(c, func(f analysis.Failure) bool { return byLoad(f) && mayReach(f, version) })
}

func mayReach(f analysis.Failure, version string) bool {
	return f.Version == "" && (f.Subset == "" || f.Subset == version)
}
