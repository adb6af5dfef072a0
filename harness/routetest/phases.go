package routetest

import (
	"fmt"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/reports"
)

// claimed are the phases with what is claimed of each: that requests go where the YAML says, and what is expected
// besides.
func (t *Test) claimed(
	s *sender, stages []stage, e *Expectations, cases []expect.Expectation, remarks []reports.RoutingRemark,
) ([]harness.Phase, error) {
	var phases []harness.Phase
	for i, p := range t.phases(stages) {
		p.Phase = s.claim(p)
		if len(p.Expect) == 0 && (t.From != nil || len(e.claims(i)) == 0) {
			return nil, fmt.Errorf("%w: %s", ErrNothing, why(p.side.Table, p.Routing))
		}
		if p.Name == PhaseOwn {
			p.Expect = append(p.Expect, cases...)
			p.Routing.Remarks = append(p.Routing.Remarks, remarks...)
			p.Routing.Order = t.orderInWords()
		}
		switch {
		case t.From == nil:
			p.Expect = append(p.Expect, e.claims(i)...)
		case p.Name == PhaseOwn:
			p.Expect = append(p.Expect, e.claims(0)...)
		}
		phases = append(phases, p.Phase)
	}
	return phases, nil
}

// A sided is a phase with the side that it tests.
type sided struct {
	harness.Phase
	side *Side
	// was is the side before the phase's change, where requests that are lost on the way are told apart. Where passing
	// is set, nothing else is claimed.
	was     *Side
	passing bool
	// disturbed tells that the app or its pods are others than the manifests say.
	disturbed bool
}

func (t *Test) phases(stages []stage) []sided {
	if t.From == nil {
		all := []sided{{Phase: harness.Phase{Name: PhaseOwn, Do: harness.Apply(file), Point: true}, side: t.Own}}
		was := t.Own
		for _, s := range stages {
			p := s.phase
			one := sided{Phase: harness.Phase{
				Name: p.Name, Do: p.Do, Rollback: p.Rollback, Await: p.Await, Prove: p.Prove, Cohort: p.Cohort,
				Deadline: p.Deadline,
			}, side: s.side, disturbed: s.disturbed}
			if p.Do != nil && !s.disturbed {
				one.was = was
			}
			all, was = append(all, one), s.side
		}
		return all
	}
	all := []sided{
		{Phase: harness.Phase{Name: PhaseBefore, Do: harness.Apply(before)}, side: t.From},
		{
			Phase: harness.Phase{Name: PhaseOwn, Do: harness.Replace{Old: before, By: file}, Point: true}, side: t.Own,
			was: t.From,
		},
		{
			Phase: harness.Phase{Name: PhaseBack, Do: harness.Replace{Old: file, By: before}, Rollback: true},
			side:  t.From, was: t.Own,
		},
	}
	return append(all, t.safely()...)
}
