package compare

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// rests are the bases that a figure rests on. Of shares, those that the load can change rest on its pace: of answers
// that failed otherwise than by the configuration.
func (f *Figure) rests() []analysis.Basis {
	switch {
	case f.Kind == RollbackKind:
		return []analysis.Basis{analysis.AtRate, analysis.OneClock}
	case f.isShare() && !f.byLoad:
		return []analysis.Basis{analysis.OneClock}
	}
	return analysis.Bases()
}

// unshaken leaves figures unjudged that rest on what a run of either side did not hold.
func unshaken(figures []*Figure, sides ...Side) {
	for _, f := range figures {
		var why []string
		for _, basis := range f.rests() {
			var runs []string
			for _, r := range slices.Concat(sides...) {
				if len(r.Report.Accounting.Shaken(basis)) > 0 {
					runs = append(runs, name(r))
				}
			}
			if len(runs) > 0 {
				why = append(why, "it rests on "+basis.String()+", which "+strings.Join(runs, " and ")+" did not have")
			}
		}
		if len(why) > 0 {
			f.notJudged(strings.Join(why, "; "))
		}
	}
}

// otherLoad leaves figures unjudged that depend on the load, where the sides were not played at the same rate: which of
// their differences that makes, nobody knows.
func otherLoad(figures []*Figure, base, other Side) {
	a, b := rate(base[0]), rate(other[0])
	if a == b {
		return
	}
	for _, f := range figures {
		if slices.Contains(f.rests(), analysis.AtRate) {
			f.notJudged(fmt.Sprintf("it depends on the load, which was %s and %s requests a second", a, b))
		}
	}
}

// shakenNotes say of a run's problems that shake a basis what they are.
func (c *Comparison) shakenNotes(who string, r *reports.Report) {
	for _, p := range r.Accounting.Problems {
		if p.Basis != "" {
			c.note("%s: %s. Figures that rest on %s are not judged.", who, p.Text, p.Basis)
		}
	}
}

// byLoad tells that the load can change how many requests are of the subject: it is a status and a flag that no
// configuration makes, or a status alone.
func (s subject) byLoad() bool {
	if !s.failure() {
		return false
	}
	_, flag, _ := strings.Cut(s.of, " ")
	return !analysis.ConfigDecides(flag)
}
