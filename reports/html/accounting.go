package html

import (
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// An accountingView is the accounting as a table.
type accountingView struct {
	analysis.Accounting
	Head []string
	Rows [][]string
	// Notes are the problems that void no verdict, Wrong are all others.
	Notes, Wrong []string
	// Failed explains the column of failed requests.
	Failed string
	Apps   []string
	Pace   []string
	Agent  string
	Stall  string
	// Listed are the first of the unexplained things, More is how many more there are.
	Listed []string
	More   int
	Events []string
}

// listedUnexplained is how many are listed.
const listedUnexplained = 10

func newAccounting(r *reports.Report) accountingView {
	a := r.Accounting
	v := accountingView{
		Accounting: a, Head: reports.AccountingHead(), Rows: reports.AccountingRows(r),
		Failed: upper(reports.FailedInWords(r)), Apps: reports.AppsInWords(a),
	}
	for _, problem := range a.Problems {
		if reports.Stands(r, problem) {
			v.Notes = append(v.Notes, upper(reports.ProblemInWords(r, problem))+".")
		} else {
			v.Wrong = append(v.Wrong, reports.ProblemInWords(r, problem))
		}
	}
	for _, pace := range a.Pace {
		v.Pace = append(v.Pace, reports.PaceInWords(pace))
	}
	for _, s := range reports.GeneratorInWords(a.Generator) {
		v.Agent = format.Join(" ", v.Agent, upper(s)+".")
	}
	if s := reports.StallInWords(a.Generator); s != "" {
		v.Stall = upper(s) + "."
	}
	for _, u := range a.Unexplained[:min(len(a.Unexplained), listedUnexplained)] {
		v.Listed = append(v.Listed, format.Join(": ", format.Join(" in phase ", u.ID, u.Phase), u.Why))
	}
	v.More = max(a.UnexplainedTotal-len(v.Listed), 0)
	for _, e := range a.Troubles {
		v.Events = append(v.Events, reports.TroubleInWords(e))
	}
	return v
}
