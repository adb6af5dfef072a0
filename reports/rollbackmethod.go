package reports

import (
	"slices"
	"time"

	"github.com/canarylab/canarylab/reports/analysis"
)

// A RollbackMethod is a way to roll back, and what came of each time that a run did so.
type RollbackMethod struct {
	// Method is how, such as "kubectl apply the VirtualService of 1-baseline.yaml".
	Method string
	// Brief says the same in a few words: "apply route of 1-baseline".
	Brief     string
	Rollbacks []*analysis.Rollback
}

// RollbackMethods are those of a run, in the order in which it used them first, and n is how many rollbacks
// there are in all.
func RollbackMethods(phases []Phase) (methods []RollbackMethod, n int) {
	for _, phase := range phases {
		r := phase.Observation.Rollback
		if r == nil {
			continue
		}
		n++
		i := slices.IndexFunc(methods, func(m RollbackMethod) bool { return m.Method == r.Method })
		if i < 0 {
			i, methods = len(methods), append(methods, RollbackMethod{Method: r.Method, Brief: phase.RollbackBrief()})
		}
		methods[i].Rollbacks = append(methods[i].Rollbacks, r)
	}
	return methods, n
}

// Routes are the times until the last affected request was sent, of the rollbacks that were effective. One that
// was not has no time: affected requests went on to the end of its phase.
func (m RollbackMethod) Routes() []time.Duration {
	var all []time.Duration
	for _, r := range m.Rollbacks {
		if r.Recovered() {
			all = append(all, r.Route)
		}
	}
	return all
}

// Failed counts the requests that failed, for each rollback.
func (m RollbackMethod) Failed() []int {
	return m.each(func(r *analysis.Rollback) int { return r.Failed })
}

// Canaries counts the canary's good answers, for each rollback.
func (m RollbackMethod) Canaries() []int {
	return m.each(func(r *analysis.Rollback) int { return r.Canaries })
}

func (m RollbackMethod) each(count func(*analysis.Rollback) int) []int {
	all := make([]int, len(m.Rollbacks))
	for i, r := range m.Rollbacks {
		all[i] = count(r)
	}
	return all
}
