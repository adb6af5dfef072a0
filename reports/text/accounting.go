package text

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
)

// listedUnexplained is how many unexplained things are listed.
const listedUnexplained = 10

// accounting prints what the parties counted, and all that does not fit together.
func (p *page) accounting(r *reports.Report) {
	a := r.Accounting
	p.Section("accounting")
	if rows := reports.AccountingRows(r); len(rows) > 0 {
		p.Table(&terminal.Table{Left: 1, Rows: append([][]string{reports.AccountingHead()}, rows...)})
	}
	p.Para("   ", terminal.Dim, reports.FailedInWords(r))
	p.Para("   ", "", format.Join(" · ", reports.AppsInWords(a)...))
	for _, pace := range a.Pace {
		p.Para("   ", terminal.Dim, reports.PaceInWords(pace))
	}
	for _, s := range reports.GeneratorInWords(a.Generator) {
		p.Para("   ", terminal.Dim, s)
	}
	p.Para("   ! ", terminal.Yellow, reports.StallInWords(a.Generator))
	switch {
	case a.Requests == 0:
		p.Line("   %s", p.Paint(terminal.Yellow, "? no request was sent"))
	case a.Balanced():
		p.Line("   %s", p.Paint(terminal.Green, "✓ every request is accounted for"))
	}
	for _, problem := range a.Problems {
		p.problem("   ", "", r, problem)
	}
	for i, u := range a.Unexplained {
		if i == listedUnexplained {
			p.Para("     ", "", fmt.Sprintf("and %s more, in report.json", format.Number(a.UnexplainedTotal-i)))
			break
		}
		what := format.Join(" in ", u.ID, format.Named("phase", u.Phase))
		p.Para("     ", "", format.Join(": ", what, u.Why))
	}
	for _, e := range a.Troubles {
		p.Para("   ! ", terminal.Yellow, reports.TroubleInWords(e))
	}
}

// accounted prints in a line whether all requests are accounted for, and how many failed.
func (p *page) accounted(r *reports.Report) {
	a := r.Accounting
	late := time.Duration(0)
	for _, pace := range a.Pace {
		late = max(late, pace.LagP99)
	}
	requests := format.Number(a.Requests)
	switch {
	case a.Requests == 0:
		p.named("requests", "none was sent")
	case a.Balanced():
		failed := reports.Summarize(r).Burned
		p.named("requests", fmt.Sprintf("all %s are accounted for%s; 99 %% were at most %s late", requests,
			format.When(failed > 0, ", and "+format.Number(failed)+" of them failed"), format.Short(late)))
	case a.UnexplainedTotal == 0:
		p.named("requests", requests+", and not to be trusted, as said above")
	default:
		p.named("requests", fmt.Sprintf("not all of %s are accounted for: %s not explained", requests,
			format.Plural(a.UnexplainedTotal, "thing is", "things are")))
	}
}
