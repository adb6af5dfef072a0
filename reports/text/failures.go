package text

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
	"github.com/canarylab/canarylab/reports/trace"
)

// A failureKind is a way to fail, added up over the phases.
type failureKind struct {
	analysis.Failure
	phases []int
}

// failureKinds adds up the failures of all phases, from their first request to their last, by what is told of
// them. The most frequent is first.
func failureKinds(phases []reports.Phase) []*failureKind {
	var all []*failureKind
	for i, phase := range phases {
		o := phase.Observation
		for _, f := range slices.Concat(o.Transition.Total.Failures, o.Settled.Total.Failures) {
			if !analysis.IsFailure(f.Key()) {
				continue
			}
			at := slices.IndexFunc(all, func(w *failureKind) bool {
				return w.Key() == f.Key() && w.Hop == f.Hop && w.Origin == f.Origin && w.Cause == f.Cause &&
					w.Subset == f.Subset
			})
			if at < 0 {
				at, all = len(all), append(all, &failureKind{Failure: f})
				all[at].Count = 0
			}
			all[at].Count += f.Count
			if n := all[at].phases; len(n) == 0 || n[len(n)-1] != i+1 {
				all[at].phases = append(n, i+1)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *failureKind) int { return cmp.Compare(b.Count, a.Count) })
	return all
}

// failures prints how requests failed: flag, hop and cause.
func (p *page) failures(phases []reports.Phase) {
	all := failureKinds(phases)
	lead := terminal.Pad("failed", storyLead)
	for i, w := range all {
		if i == storyFailures {
			rest := 0
			for _, w := range all[i:] {
				rest += w.Count
			}
			p.Para(lead, "", fmt.Sprintf("and %s more in %s", format.Number(rest),
				format.Plural(len(all)-i, "other way", "other ways")))
			break
		}
		said := format.Join(", ", format.When(w.Subset != "", "subset "+w.Subset),
			format.When(w.Version != "" && w.Hop != analysis.AppHop, "answered by "+w.Version),
			format.When(w.Details != trace.ViaUpstream, w.Details))
		p.Para(lead, "", fmt.Sprintf("%s%s × %s in %s, %s%s", analysis.KindInWords(w.Key()),
			format.When(w.Flag == analysis.NoFlag, " without a flag"), format.Number(w.Count), ranges(w.phases),
			arose(w.Failure), format.When(said != "", " ("+said+")")))
		lead = strings.Repeat(" ", storyLead)
	}
}

// arose says at which hop a failure arose, and why.
func arose(f analysis.Failure) string {
	return format.Join(": ", "at the "+string(f.Hop)+
		format.When(f.Hop == analysis.ServerHop && f.Origin != f.Flag, ", which flagged it "+f.Origin), f.Cause)
}
