package expect

import (
	"fmt"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// SlowerThan claims that the rollback takes longer than the one of an earlier phase: it still has affected requests
// when the other's bracket is over (see analysis.Rollback). A rollback that does not end takes longer than one
// that does.
func SlowerThan(phase string) slowerThan { return slowerThan{than: phase} }

type slowerThan struct {
	aboutRollback
	than string
}

// Requires says that the phase has to roll back, and the other one too.
func (s slowerThan) Requires() Requirement { return Requirement{Rollback: true, Than: s.than} }

// String implements Expectation.
func (s slowerThan) String() string { return fmt.Sprintf("the rollback takes longer than %q", s.than) }

// Validate tells whether the claim makes sense.
func (s slowerThan) Validate() error {
	if s.than == "" {
		return fmt.Errorf("%q: name a phase", s)
	}
	return nil
}

// Check implements Expectation. By itself a phase has nothing to be compared with: Judge has.
func (s slowerThan) Check(o analysis.Observation) reports.Verdict {
	return s.compare(o, analysis.Observation{})
}

func (s slowerThan) compare(o, other analysis.Observation) reports.Verdict {
	v := reports.Verdict{Kind: "slower-than", Want: s.String()}
	a, b := o.Rollback, other.Rollback
	switch {
	case a == nil || b == nil:
		v.Saw = "no rollback"
		return unsure(v, noRollback)
	case !a.Known() || !b.Known():
		v.Saw = "no request of the canary"
		return unsure(v, "no request was affected before the one or the other")
	}
	end := func(r *analysis.Rollback) string {
		if !r.Recovered() {
			return "had not ended after " + format.Short(r.Route)
		}
		return fmt.Sprintf("took %s to %s", format.Short(r.Low), format.Short(r.High))
	}
	v.Saw = fmt.Sprintf("it %s; %s %s", end(a), s.than, end(b))
	switch {
	case b.Recovered() && a.Low > b.High:
		return passes(v)
	case a.Recovered() && b.Low > a.High:
		return fails(v, "it was sooner")
	case !a.Recovered() && !b.Recovered():
		return unsure(v, "neither ended")
	}
	return unsure(v, "their brackets overlap")
}

// What holds for one bracket holds for two.
func (slowerThan) rests(reports.Verdict, circumstances) footing { return footing{atRate: true} }

func (s slowerThan) record() Record { return Record{Kind: "slower-than", Phase: s.than} }

var _ = recorded("slower-than", func(r Record) Expectation { return SlowerThan(r.Phase) })
