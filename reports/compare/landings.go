package compare

import (
	"fmt"
	"maps"
	"slices"

	"github.com/canarylab/canarylab/reports"
)

// landings are the figures of where requests of somebody's own rules ended, by their classes: each way that any of both
// sides saw. What all requests of both sides did is left out, and so are classes that only one side sent.
func landings(base, other Side) (all []*Figure) {
	for _, phase := range common(base, other) {
		both := slices.Concat(base, other)
		var requests []string
		for _, p := range both.phase(phase) {
			for _, c := range classesOf(p) {
				if c.Cohort != "" && !slices.Contains(requests, c.Request) {
					requests = append(requests, c.Request)
				}
			}
		}
		for _, request := range requests {
			var here []*Figure
			words := map[string]bool{}
			for _, side := range []Side{base, other} {
				for _, c := range side.classes(phase, request) {
					for _, l := range c.Seen {
						words[l.Words()] = true
					}
				}
			}
			for _, w := range slices.Sorted(maps.Keys(words)) {
				d := shareDifference{base.landed(phase, request, w), other.landed(phase, request, w)}
				if d.base.pooled().of == 0 || d.other.pooled().of == 0 || d.still() {
					continue
				}
				f := &Figure{
					Kind: LandingKind, Phase: phase, Name: fmt.Sprintf("%s: %s", request, w), Unit: Points, estimate: d,
					Base: shareValue(d.base), Other: shareValue(d.other),
				}
				f.Difference = known(100 * d.estimate())
				here = append(here, f)
			}
			all = append(all, withoutMirrors(here)...)
		}
	}
	return all
}

func classesOf(p reports.Phase) []reports.RequestClass {
	if p.Routing == nil {
		return nil
	}
	return p.Routing.Classes
}

// classes are those of a request in a phase, one of each run that sent it.
func (s Side) classes(phase, request string) (all []reports.RequestClass) {
	for _, p := range s.phase(phase) {
		for _, c := range classesOf(p) {
			if c.Request == request && c.Cohort != "" && c.Requests > 0 {
				all = append(all, c)
				break
			}
		}
	}
	return all
}

// landed counts in each run how many requests of a class ended in one way.
func (s Side) landed(phase, request, words string) (all sample) {
	for _, c := range s.classes(phase, request) {
		n := 0
		for _, l := range c.Seen {
			if l.Words() == words {
				n += l.Count
			}
		}
		// A damaged report must not have more of them than there are.
		all = append(all, tally{min(max(n, 0), c.Requests), c.Requests})
	}
	return all
}
