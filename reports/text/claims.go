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
		return boolToInt(a.Outcome == reports.Pass) - boolToInt(b.Outcome == reports.Pass)
	})
	for i, v := range all {
		if i == 0 {
			p.Section("expected")
		}
		p.Para(cmp.Or(signs[v.Outcome].mark, "!")+" ", colorOf(v.Outcome), v.Want)
		p.Para("  ", terminal.Dim, "seen: "+v.Saw)
		if v.Why != "" {
			p.Para("  ", "", v.Why)
		}
	}
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
