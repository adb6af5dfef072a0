package judge

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/canarylab/canarylab/reports/trace"
)

// Plan adds a phase, or replaces the one of its name. It refuses what makes a draft that no run wrote, and leaves the
// draft as it was then.
func (d *Draft) Plan(p Phase) error {
	with := *d
	with.Phases = slices.Clone(d.Phases)
	with.plan(p)
	if err := with.check(); err != nil {
		return err
	}
	*d = with
	return nil
}

func (d *Draft) plan(p Phase) {
	i := slices.IndexFunc(d.Phases, func(have Phase) bool { return have.Name == p.Name })
	if i < 0 {
		d.Phases = append(d.Phases, p)
		return
	}
	d.Phases[i] = p
}

// A replan is what a trace says of a run that was led by hand: which phases were played otherwise than its draft has
// them.
type replan struct {
	planned []Phase
	leftOut map[string]bool
	// begun has the phases in the order in which they began.
	begun map[string]int
}

// add takes an event.
func (r *replan) add(e trace.Event) error {
	switch e.Kind {
	case trace.Planned:
		var p Phase
		if err := json.Unmarshal(e.Data, &p); err != nil {
			return fmt.Errorf("a phase that was planned in it is damaged: %w", err)
		}
		if r.planned = append(r.planned, p); len(r.planned) > maxPhases {
			return fmt.Errorf("it plans more than %d phases", maxPhases)
		}
	case trace.LeftOut:
		put(&r.leftOut, e.Phase, true)
	case trace.PhaseStart:
		if _, known := r.begun[e.Phase]; !known {
			put(&r.begun, e.Phase, len(r.begun))
		}
	}
	return nil
}

func put[V any](all *map[string]V, name string, value V) {
	if *all == nil {
		*all = map[string]V{}
	}
	(*all)[name] = value
}

// change changes a draft to what was played. That of a run which nobody led stays as it is.
func (r *replan) change(d *Draft) {
	if len(r.planned)+len(r.leftOut) == 0 {
		return
	}
	for _, p := range r.planned {
		d.plan(p)
	}
	// A phase that began is part of the run, whatever else the trace says.
	d.Phases = slices.DeleteFunc(d.Phases, func(p Phase) bool {
		_, began := r.begun[p.Name]
		return r.leftOut[p.Name] && !began
	})
	place := func(p Phase) int {
		if i, began := r.begun[p.Name]; began {
			return i
		}
		return len(r.begun)
	}
	slices.SortStableFunc(d.Phases, func(a, b Phase) int { return place(a) - place(b) })
}
