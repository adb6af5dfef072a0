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
	// A key is a failure's key, hop, origin and cause.
	type key [4]string
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
		return cmp.Or(counts[c]-counts[a], slices.Compare(a[:], c[:]))
	})
	var rows [][]string
	const shown = 12
	for i, k := range keys {
		if i == shown {
			rows = append(rows, []string{"and others", fmt.Sprintf("%d kinds", len(keys)-i), "", "", ""})
			break
		}
		name, hop, origin, cause := k[0], k[1], k[2], k[3]
		where := cell(hop)
		if hop == string(analysis.ServerHop) && name[strings.LastIndex(name, " ")+1:] != origin {
			where += ", flagged " + code(origin, true)
		}
		rows = append(rows, []string{
			code(name, true), format.Number(counts[k]), where, cell(cause), cell(strings.Join(phases[k], ", ")),
		})
	}
	table(b, []string{"failure", "requests", "arose at", "cause", "in"}, rows)
}
