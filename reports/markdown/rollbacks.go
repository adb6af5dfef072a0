package markdown

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

func rollbacks(b *strings.Builder, r *reports.Report) {
	var rows [][]string
	for _, p := range r.Phases {
		k := p.Observation.Rollback
		if k == nil {
			continue
		}
		last, bracket := "nothing to time", ""
		if k.Known() {
			last, bracket = format.Short(k.Route), cmp.Or(k.Bracket(), "open: "+k.Open())
			if !k.Recovered() {
				last += ", and nothing shows that it was the last"
			}
		}
		rows = append(rows, []string{
			cell(p.Name), cell(cmp.Or(k.Method, p.Did)), last, bracket, format.Number(k.Failed),
			format.Number(k.Canaries),
		})
	}
	// Each rollback has a row, or each method has one with its medians where it was used several times.
	methods, n := reports.RollbackMethods(r.Phases)
	if n < 3*max(len(methods), 2) {
		table(b, []string{"rollback", "by", "last affected request sent after", "99 % bracket of the switch", "failed",
			"canary's answers"}, rows)
		return
	}
	rows = nil
	for _, m := range methods {
		route, last := m.Routes(), "never seen to end"
		if len(route) > 0 {
			last = analysis.SpreadInWords(route, format.Short)
		}
		rows = append(rows, []string{
			cell(cmp.Or(m.Method, "not said")), fmt.Sprint(len(m.Rollbacks)), fmt.Sprint(len(route)), last,
			analysis.SpreadInWords(m.Failed(), format.Number), analysis.SpreadInWords(m.Canaries(), format.Number),
		})
	}
	table(b, []string{"rollback method", "times", "effective", "last affected request sent after: median (range)",
		"failed", "canary's answers"}, rows)
}
