package text

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
)

// claimed prints what somebody expects of their rules besides what these say, and what was seen of it. Of a change that
// loses nothing it says so once.
func (p *page) claimed(phase reports.Phase) {
	var all []reports.Verdict
	kept := 0
	for _, v := range phase.Verdicts {
		switch {
		case v.Kind == reports.KindLands, v.Kind == reports.KindNoted, v.Kind == reports.KindDead: // they have tables
		case v.Kind == reports.KindStays && v.Outcome == reports.Pass:
			kept++
		default:
			all = append(all, v)
		}
	}
	if kept > 0 {
		p.Para("✓ ", "", format.Plural(kept, "class", "classes")+" of requests ended nowhere but where they did "+
			"before, or where they are to.")
	}
	// What did not pass is read first.
	slices.SortStableFunc(all, func(a, b reports.Verdict) int {
		return cmp.Or(boolToInt(a.Outcome == reports.Pass)-boolToInt(b.Outcome == reports.Pass),
			boolToInt(a.Outcome == reports.Invalid)-boolToInt(b.Outcome == reports.Invalid),
			cmp.Compare(voidWhy(a), voidWhy(b)))
	})
	void := map[string]int{}
	for _, v := range all {
		void[voidWhy(v)]++
	}
	told := ""
	for i, v := range all {
		if i == 0 {
			p.Section("expected")
		}
		if why := voidWhy(v); why != "" && void[why] > 1 {
			if told != why {
				p.Para("! ", terminal.Yellow, fmt.Sprintf("%d claims: %s", void[why], why))
				told = why
			}
			p.Para("  - ", "", v.Want+"; seen: "+v.Saw)
			continue
		}
		p.Para(cmp.Or(signs[v.Outcome].mark, "!")+" ", colorOf(v.Outcome), v.Want)
		p.Para("  ", terminal.Dim, "seen: "+v.Saw)
		if v.Why != "" {
			p.Para("  ", "", v.Why)
		}
	}
}

// voidWhy is why a verdict is void, empty for others.
func voidWhy(v reports.Verdict) string {
	if v.Outcome != reports.Invalid {
		return ""
	}
	return v.Why
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// lost says what a change cost.
func (p *page) lost(l *reports.RoutingLoss) {
	if l == nil {
		return
	}
	color := ""
	if l.Lost > 0 {
		color = terminal.Yellow
	}
	p.Para("", color, l.Sentence())
}

// order prints a safe order of a change.
func (p *page) order(steps []string) {
	for i, step := range steps {
		if i == 0 {
			p.Section("a safe order")
		}
		p.Para(fmt.Sprintf("%d. ", i+1), "", step)
	}
}
