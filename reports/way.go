package reports

import (
	"cmp"
	"slices"
	"time"
)

// A Way is a way back, and what came of each time that a run went it.
type Way struct {
	// Method is how, such as "kubectl apply the VirtualService of 1-baseline.yaml".
	Method    string
	Rollbacks []*Rollback
}

// Ways are the ways back of a run, in the order in which it went them first, and n is how many rollbacks there are in all.
func Ways(phases []Phase) (ways []Way, n int) {
	for _, phase := range phases {
		r := phase.Observation.Rollback
		if r == nil {
			continue
		}
		n++
		i := slices.IndexFunc(ways, func(w Way) bool { return w.Method == r.Method })
		if i < 0 {
			i, ways = len(ways), append(ways, Way{Method: r.Method})
		}
		ways[i].Rollbacks = append(ways[i].Rollbacks, r)
	}
	return ways, n
}

// Routes are the times until the last affected request was sent, of the rollbacks that were effective. One that was not has no time: affected
// requests went on to the end of its phase.
func (w Way) Routes() []time.Duration {
	var all []time.Duration
	for _, r := range w.Rollbacks {
		if r.Recovered() {
			all = append(all, r.Route)
		}
	}
	return all
}

// Failed counts the requests that failed, for each rollback.
func (w Way) Failed() []int { return w.each(func(r *Rollback) int { return r.Failed }) }

// Canaries counts the canary's good answers, for each rollback.
func (w Way) Canaries() []int { return w.each(func(r *Rollback) int { return r.Canaries }) }

func (w Way) each(count func(*Rollback) int) []int {
	all := make([]int, len(w.Rollbacks))
	for i, r := range w.Rollbacks {
		all[i] = count(r)
	}
	return all
}

// Spread is the least, the median (of an even number the lower of the two in the middle) and the greatest of at least one.
func Spread[T cmp.Ordered](all []T) (low, middle, high T) {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[0], sorted[(len(sorted)-1)/2], sorted[len(sorted)-1]
}
