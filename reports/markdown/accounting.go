package markdown

import (
	"fmt"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
)

func accounting(b *strings.Builder, r *reports.Report) {
	title := fmt.Sprintf("Accounting: %d things are not explained", r.Accounting.UnexplainedTotal)
	switch {
	case r.Accounting.Requests == 0:
		title = "Accounting: no request was sent"
	case r.Accounting.Balanced():
		title = "Accounting: every request is accounted for"
	case r.Accounting.UnexplainedTotal == 0:
		title = "Accounting: the numbers can't be trusted"
	}
	fold(b, title, func(b *strings.Builder) {
		var rows [][]string
		for _, row := range reports.AccountingRows(r) {
			row[0] = cell(row[0])
			rows = append(rows, row)
		}
		table(b, reports.AccountingHead(), rows)
		if words := reports.FailedInWords(r); words != "" && len(rows) > 0 {
			b.WriteString("\n" + words + "\n")
		}
		rows = nil
		for _, c := range r.Accounting.Pace {
			planned, achieved := fmt.Sprintf("%.1f", c.Planned), fmt.Sprintf("%.1f", c.Achieved)
			rows = append(rows, []string{
				cell(c.Cohort), planned, achieved, format.Short(c.LagP99), format.Short(c.LagMax),
			})
		}
		table(b, []string{"cohort", "planned, 1/s", "achieved, 1/s", "sent late, p99", "at most"}, rows)
		rows = nil
		const shown = 20
		for _, u := range r.Accounting.Unexplained[:min(len(r.Accounting.Unexplained), shown)] {
			rows = append(rows, []string{code(u.ID, true), cell(u.Phase), cell(u.Why)})
		}
		table(b, []string{"not explained", "in", "why"}, rows)
	})
}
