package markdown

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// failures are by flag, over all of the run.
func failures(b *strings.Builder, r *reports.Report) {
	type key struct{ name, hop, origin, cause string }
	counts := map[key]int{}
	phases := map[key][]string{}
	for _, p := range r.Phases {
		for _, w := range []analysis.Window{p.Observation.Transition, p.Observation.Settled} {
			for _, f := range w.Total.Failures {
				k := key{f.Key(), string(f.Hop), f.Origin, f.Cause}
				counts[k] += f.Count
				if !slices.Contains(phases[k], p.Name) {
					phases[k] = append(phases[k], p.Name)
				}
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(counts), func(a, c key) int {
		return cmp.Or(cmp.Compare(counts[c], counts[a]), cmp.Compare(a.name, c.name), cmp.Compare(a.hop, c.hop),
			cmp.Compare(a.origin, c.origin), cmp.Compare(a.cause, c.cause))
	})
	var rows [][]string
	const shown = 12
	for i, k := range keys {
		if i == shown {
			rows = append(rows, []string{"and others", fmt.Sprintf("%d kinds", len(keys)-i), "", "", ""})
			break
		}
		where := cell(k.hop)
		if k.hop == string(analysis.ServerHop) && k.name[strings.LastIndex(k.name, " ")+1:] != k.origin {
			where += ", flagged " + code(k.origin, true)
		}
		rows = append(rows, []string{
			code(k.name, true), format.Number(counts[k]), where, cell(k.cause), cell(strings.Join(phases[k], ", ")),
		})
	}
	table(b, []string{"failure", "requests", "arose at", "cause", "in"}, rows)
}
