package reports

import (
	"cmp"
	"slices"
	"time"

	"github.com/canarylab/canarylab/reports/analysis"
)

// A RollbackMethod is a way back, and what came of each time that a run went it.
type RollbackMethod struct {
	// Method is how, such as "kubectl apply the VirtualService of 1-baseline.yaml".
	Method string
	// Brief says the same in a few words: "apply route of 1-baseline".
	Brief     string
	Rollbacks []*analysis.Rollback
}

// RollbackMethods are the ways back of a run, in the order in which it went them first, and n is how many rollbacks there are in all.
func RollbackMethods(phases []Phase) (ways []RollbackMethod, n int) {
	for _, phase := range phases {
		r := phase.Observation.Rollback
		if r == nil {
			continue
		}
		n++
		i := slices.IndexFunc(ways, func(w RollbackMethod) bool { return w.Method == r.Method })
		if i < 0 {
			i, ways = len(ways), append(ways, RollbackMethod{Method: r.Method, Brief: phase.RollbackBrief()})
		}
		ways[i].Rollbacks = append(ways[i].Rollbacks, r)
	}
	return ways, n
}

// RollbackBrief is how the phase rolled back, in a few words. It is empty where it did not, or where nobody says how.
func (p Phase) RollbackBrief() string {
	r := p.Observation.Rollback
	switch {
	case r == nil || r.Method == "":
		return ""
	case p.Action == nil:
		return r.Method
	}
	return cmp.Or(p.Action.Brief, r.Method)
}

// Routes are the times until the last affected request was sent, of the rollbacks that were effective. One that was not has no time: affected
// requests went on to the end of its phase.
func (w RollbackMethod) Routes() []time.Duration {
	var all []time.Duration
	for _, r := range w.Rollbacks {
		if r.Recovered() {
			all = append(all, r.Route)
		}
	}
	return all
}

// Failed counts the requests that failed, for each rollback.
func (w RollbackMethod) Failed() []int {
	return w.each(func(r *analysis.Rollback) int { return r.Failed })
}

// Canaries counts the canary's good answers, for each rollback.
func (w RollbackMethod) Canaries() []int {
	return w.each(func(r *analysis.Rollback) int { return r.Canaries })
}

func (w RollbackMethod) each(count func(*analysis.Rollback) int) []int {
	all := make([]int, len(w.Rollbacks))
	for i, r := range w.Rollbacks {
		all[i] = count(r)
	}
	return all
}
