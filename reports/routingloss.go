package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// A RoutingLoss is what a change of somebody's rules cost: the requests that were sent while it was on its way, and
// went neither where they had gone before nor where they were to go.
type RoutingLoss struct {
	Requests int `json:"requests"`
	Lost     int `json:"lost"`
	// As says how they ended, the most frequent first, without the times that each was tried.
	As []analysis.Landing `json:"as,omitempty"`
}

// Either are the places where a class's requests went before a change, and those where they are to go.
func (c RequestClass) Either() []Place {
	all := slices.Clone(c.Was)
	for _, p := range c.Asked {
		if !slices.ContainsFunc(all, func(o Place) bool {
			o.Percent, p.Percent = 0, 0
			return samePlace(o, p)
		}) {
			all = append(all, p)
		}
	}
	return all
}

// lost counts what a phase's change lost. What goes on to end so once the change has arrived is not lost on the way: a
// rule does that, and the table has it.
func (r *Routing) lost(o analysis.Observation) *RoutingLoss {
	loss := &RoutingLoss{}
	looked := false
	for _, c := range r.Classes {
		if c.Cohort == "" || len(c.Was) == 0 || len(c.Asked) == 0 {
			continue
		}
		looked = true
		sent, after := o.Transition.Of(c.Cohort), o.Settled.Of(c.Cohort)
		loss.Requests += sent.Requests
		for _, l := range Elsewhere(sent.Landings, c.Either()) {
			same := func(k analysis.Landing) bool { return k.Words() == l.Words() }
			if slices.ContainsFunc(after.Landings, same) {
				continue
			}
			loss.Lost += l.Count
			if i := slices.IndexFunc(loss.As, same); i >= 0 {
				loss.As[i].Count += l.Count
				continue
			}
			l.Retried, l.Copies = 0, nil
			loss.As = append(loss.As, l)
		}
	}
	if !looked || o.Change == nil {
		return nil
	}
	slices.SortStableFunc(loss.As, func(a, b analysis.Landing) int { return cmp.Compare(b.Count, a.Count) })
	return loss
}

// Sentence says what was lost.
func (l *RoutingLoss) Sentence() string {
	if l.Lost == 0 {
		return fmt.Sprintf("Lost on the way: none of %s that were sent while the change spread.",
			format.Plural(l.Requests, "request", "requests"))
	}
	var as []string
	for _, one := range l.As {
		as = append(as, format.Number(one.Count)+" "+one.Words())
	}
	const more = 3
	if n := len(as) - more; n > 0 {
		as = append(as[:more], fmt.Sprintf("and %d other ways", n))
	}
	return fmt.Sprintf("Lost on the way: %s of %s that were sent while the change spread (%s).", format.Number(l.Lost),
		format.Plural(l.Requests, "request", "requests"), strings.Join(as, ", "))
}
