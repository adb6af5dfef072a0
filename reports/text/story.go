package text

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
	"github.com/canarylab/canarylab/reports/trace"
)

// A story fits on one screen.
const (
	storyLines = 40
	storyWidth = 100
	// storyLead is how deep a story's named lines are indented.
	storyLead = 10
	// storyTroubles bounds the troubles that a story tells one by one, storyFailures the ways to fail.
	storyTroubles = 5
	storyFailures = 4
	// storyRollbacks is how many rollbacks have a row each; more are told by their ways.
	storyRollbacks = 6
)

// story prints the run on one screen: the verdict and all that did not pass first and whole, then the run over time, its phases, the rollbacks, the
// failures, the books, why, and where there is more. What does not fit is folded, and counted.
func (p *page) story(r *reports.Report, o Options) {
	p.Width = min(p.Width, storyWidth)
	s := &screen{page: p}
	s.add("head", func(q *page) {
		q.Line("%s  %s", q.Paint(terminal.Bold, terminal.Clip(terminal.OneLine(r.Scenario), q.Width-20)), q.badge(r.Outcome))
	})
	s.add("title", func(q *page) { q.Para("", terminal.Dim, r.Title) })
	s.add("sentence", func(q *page) { q.Para("", terminal.Bold, reports.Sentence(r)) })
	s.add("not passed", func(q *page) { q.notPassed(r, o) })
	s.gap()
	s.add("over time", func(q *page) { q.sparks(r) })
	s.gap()
	s.add("phases", func(q *page) { q.rows(r) })
	s.gap()
	s.add("rollbacks", func(q *page) { q.waysBack(r.Phases) })
	s.add("decided", func(q *page) { q.decisions(r.Phases) })
	s.add("failed", func(q *page) { q.failures(r.Phases) })
	s.add("books", func(q *page) { q.balance(r.Accounting) })
	s.add("analyzer", func(q *page) { q.analyzer(r.Phases) })
	s.gap()
	s.add("why", func(q *page) { q.named("why", r.Cause) })
	s.add("fix", func(q *page) { q.named("fix", r.Fix) })
	s.add("back", func(q *page) { q.named("back", r.Back) })
	s.gap()
	s.add("run", func(q *page) { q.ran(r) })
	s.add("more", func(q *page) { q.more(o) })
	s.print()
}

// named prints a paragraph after its name.
func (p *page) named(name, text string) {
	if text != "" {
		p.Para(terminal.Pad(name, storyLead), "", text)
	}
}

// notPassed prints all that stands between the run and a pass, each with its reason, but for what the sentence said already.
func (p *page) notPassed(r *reports.Report, o Options) {
	why := func(text string) {
		if text != "" {
			p.Para("  why: ", "", text)
		}
	}
	for _, problem := range o.Problems {
		p.Para("! ", terminal.Yellow, problem)
	}
	for i, phase := range r.Phases {
		for _, v := range phase.Verdicts {
			if v.Outcome == reports.Pass {
				continue
			}
			sign := signs[v.Outcome]
			p.Para(cmp.Or(sign.mark, "!")+" ", cmp.Or(sign.color, terminal.Yellow), fmt.Sprintf("phase %d, %s: %s — %s", i+1, phase.Name, v.Want, v.Saw))
			why(v.Why)
		}
		if c := phase.Observation.Change; c != nil {
			for _, refused := range c.Rejections {
				p.Para("! ", terminal.Red, fmt.Sprintf("phase %d, %s: the change was refused by %s", i+1, phase.Name, refused))
			}
		}
	}
	for _, problem := range reports.Unsaid(r) {
		p.Para("! ", terminal.Yellow, "accounting: "+problem.String())
	}
	for i, e := range r.Accounting.Troubles {
		if i == storyTroubles {
			p.Para("! ", terminal.Yellow, "and "+format.Plural(len(r.Accounting.Troubles)-i, "more trouble", "more troubles"))
			break
		}
		p.Para("! ", terminal.Yellow, format.Join(" ", "trouble at", e.At.UTC().Format("15:04:05.000"), format.When(e.Phase != "", "in phase "+e.Phase)+":",
			format.When(e.Proxy != "", e.Proxy+" refused a configuration:"), e.Text))
	}
}

// rows prints the phases, a row each: what was done, what was asked and seen, how many failed, and what that makes.
func (p *page) rows(r *reports.Report) {
	if len(r.Phases) == 0 {
		return
	}
	t := &terminal.Table{Align: "rlllrrrlll"}
	t.Row("", "phase", "what was done", "share", "asked", "seen", "95 % interval", "failed", "", "")
	var shown []reports.Phase
	for i, phase := range r.Phases {
		if phase.Repeat && phase.Outcome() == reports.Pass {
			continue
		}
		shown = append(shown, phase)
		subject, claimed, share, bounds := headline(phase)
		mark := ""
		if len(phase.Verdicts) > 0 {
			mark = cmp.Or(signs[phase.Outcome()].mark, "!")
		}
		t.Row(strconv.Itoa(i+1), phase.Name, briefly(phase), subject, claimed, share, bounds, failing(phase.Observation), mark,
			format.Join(", ", format.When(phase.Breaks, "break"), format.When(phase.Fixes, "fix")))
	}
	p.PlainCells(t)
	mark := len(t.Rows[0]) - 2 // the last is what the phase is in the story
	// What the table is too wide by is taken from texts, then from what can be missed.
	const leastDid, leastName, leastText = 15, 18, 12
	did, name := t.Column("what was done"), t.Column("phase")
	widths := t.Widths()
	least := t.Width() - max(widths[did]-leastDid, 0) - max(widths[name]-leastName, 0)
	if t.Empty(mark+1) || least > p.Width {
		t.Drop(mark + 1)
	}
	t.Narrow(did, p.Width, leastDid)
	t.Narrow(name, p.Width, leastName)
	t.Narrow(t.Column("share"), p.Width, leastText)
	if t.Width() > p.Width {
		t.Drop(did)
		mark--
	}
	for _, text := range []string{"failed", "phase", "asked"} {
		t.Narrow(t.Column(text), p.Width, leastText)
	}
	if t.Width() > p.Width {
		t.Drop(t.Column("95 % interval"))
		mark--
	}
	t.DimHead()
	for n, phase := range shown {
		t.Paint(n+1, mark, signs[phase.Outcome()].color)
	}
	p.Indented(t, "")
	if folded := len(r.Phases) - len(shown); folded > 0 {
		p.Line("%s", p.Paint(terminal.Dim, format.Plural(folded, "more phase repeats one of these, and passed", "more phases repeat these, and passed")))
	}
}

// headline is the share that a phase is about: that of its first claim about one, or of its latest version where it claims none.
func headline(phase reports.Phase) (of, asked, seen, interval string) {
	w := phase.Observation.Settled
	show := func(s analysis.Share, subject string, counts analysis.Counts) {
		if s.Of == 0 {
			seen = "no data"
			return
		}
		seen, interval = format.Percent(s.Percent)+" %", format.Percent(s.Low)+" – "+format.Percent(s.High)
		if d, ok := counts.Dispersion[subject]; ok && d.Moved() {
			interval = "it moved"
		}
	}
	for _, v := range phase.Verdicts {
		if c := v.Claim; c != nil {
			show(c.Seen, c.Subject, w.Of(c.Cohort))
			return format.Join(" for ", analysis.KindInWords(c.Subject), c.Cohort), c.Asked(), seen, interval
		}
	}
	versions := slices.SortedFunc(maps.Keys(w.Total.Versions), analysis.CompareVersions)
	versions = slices.DeleteFunc(versions, func(s string) bool { return s == "" })
	if len(versions) == 0 {
		if w.Total.Requests == 0 {
			seen = "no data"
		}
		return
	}
	last := versions[len(versions)-1]
	show(analysis.NewShare(w.Total.Versions[last], w.Total.Requests), last, w.Total)
	return last, "", seen, interval
}

// failing is how much of a phase failed once its change had arrived: the most frequent way to fail with its share, and how many others there are.
func failing(o analysis.Observation) string {
	c := o.Settled.Total
	if c.Requests == 0 {
		return ""
	}
	keys := slices.DeleteFunc(slices.Collect(maps.Keys(c.Flags)), func(key string) bool { return !analysis.IsFailure(key) })
	if len(keys) == 0 {
		return "none"
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(c.Flags[b], c.Flags[a]), cmp.Compare(a, b)) })
	return fmt.Sprintf("%s %s %%%s", analysis.KindInWords(keys[0]), format.Percent(analysis.NewShare(c.Flags[keys[0]], c.Requests).Percent), format.When(len(keys) > 1, fmt.Sprintf(" +%d", len(keys)-1)))
}

// briefly is what a phase did, in few words.
func briefly(phase reports.Phase) string {
	if phase.Observation.Start.IsZero() {
		return "never began"
	}
	return phase.Brief()
}

// waysBack prints the rollbacks, a row each, or where they are many a row for each way back.
func (p *page) waysBack(phases []reports.Phase) {
	ways, n := reports.RollbackMethods(phases)
	if n == 0 {
		return
	}
	canary := ways[0].Rollbacks[0].Canary
	p.Para("rollback: ", terminal.Dim, "from the accepted write to the last request sent that failed"+format.When(canary != "", " or that "+canary+" answered"))
	if n > storyRollbacks {
		t := p.medians(ways, func(m reports.RollbackMethod) string { return m.Brief })
		for _, column := range []int{8, 6, 1} { // ranges, and how often each way was gone
			if t.Width() > p.Width {
				t.Drop(column)
			}
		}
		t.Narrow(0, p.Width, 8)
		t.DimHead()
		p.Indented(t, "")
		return
	}
	t := &terminal.Table{Align: "rlrlrrl"}
	t.Row("", "phase", "last", "99 % bracket", "failed", format.When(canary != "", "by "+canary), "way back")
	for i, phase := range phases {
		r := phase.Observation.Rollback
		if r == nil {
			continue
		}
		last, bracket := "nothing to time", ""
		if r.Known() {
			last, bracket = format.Short(r.Route), bracketed(r)
		}
		t.Row(strconv.Itoa(i+1), phase.Name, last, bracket, format.Number(r.Failed), format.When(canary != "", format.Number(r.Canaries)), phase.RollbackBrief())
	}
	for _, column := range []int{6, 1, 3} {
		t.Narrow(column, p.Width, 12)
	}
	t.DropEmpty()
	t.DimHead()
	p.Indented(t, "")
}

// bracketed is the bracket in a row, or why there is none.
func bracketed(r *analysis.Rollback) string {
	switch {
	case r.High == 0:
		return "open: too few followed"
	case !r.Recovered():
		return format.Short(r.Low) + " – " + format.Short(r.High) + ", not over"
	}
	return format.Short(r.Low) + " – " + format.Short(r.High)
}

// decisions prints what was decided about the canary: each time that it was found bad, and when it was not.
func (p *page) decisions(phases []reports.Phase) {
	lead := terminal.Pad("decided", storyLead)
	say := func(text string) {
		p.Para(lead, "", text)
		lead = strings.Repeat(" ", storyLead)
	}
	var good []int
	for i, phase := range phases {
		switch d := phase.Observation.Detection; {
		case d == nil:
		case d.Bad:
			say(fmt.Sprintf("phase %d: %s", i+1, d))
		default:
			good = append(good, i+1)
		}
	}
	if len(good) > 0 {
		say("good in " + ranges(good))
	}
}

// A failureKind is a way to fail, added up over the phases.
type failureKind struct {
	analysis.Failure
	phases []int
}

// failureKinds adds up the failures of all phases, from their first request to their last, by what is told of them. The most frequent is first.
func failureKinds(phases []reports.Phase) []*failureKind {
	var all []*failureKind
	for i, phase := range phases {
		o := phase.Observation
		for _, f := range slices.Concat(o.Transition.Total.Failures, o.Settled.Total.Failures) {
			if !analysis.IsFailure(f.Key()) {
				continue
			}
			at := slices.IndexFunc(all, func(w *failureKind) bool {
				return w.Key() == f.Key() && w.Hop == f.Hop && w.Origin == f.Origin && w.Cause == f.Cause && w.Subset == f.Subset
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
			p.Para(lead, "", fmt.Sprintf("and %s in %s", format.Plural(rest, "more", "more"), format.Plural(len(all)-i, "other way", "other ways")))
			break
		}
		where := "at the " + string(w.Hop)
		if w.Hop == analysis.ServerHop && w.Origin != w.Flag {
			where += ", which flagged it " + w.Origin
		}
		said := format.Join(", ", format.When(w.Subset != "", "subset "+w.Subset), format.When(w.Version != "" && w.Hop != analysis.AppHop, "answered by "+w.Version), format.When(w.Details != trace.ViaUpstream, w.Details))
		p.Para(lead, "", fmt.Sprintf("%s%s × %s in %s, %s%s%s", analysis.KindInWords(w.Key()), format.When(w.Flag == analysis.NoFlag, " without a flag"), format.Number(w.Count), ranges(w.phases), where, format.When(w.Cause != "", ": "+w.Cause), format.When(said != "", " ("+said+")")))
		lead = strings.Repeat(" ", storyLead)
	}
}

// ranges prints rising phase numbers: "phase 2", "phases 2, 5 – 7".
func ranges(numbers []int) string {
	var all []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		switch j - i {
		case 0:
			all = append(all, strconv.Itoa(numbers[i]))
		case 1:
			all = append(all, strconv.Itoa(numbers[i]), strconv.Itoa(numbers[j]))
		default:
			all = append(all, fmt.Sprintf("%d – %d", numbers[i], numbers[j]))
		}
		i = j + 1
	}
	const shown = 6
	switch {
	case len(all) > shown:
		return fmt.Sprintf("%d phases from %d to %d", len(numbers), numbers[0], numbers[len(numbers)-1])
	case len(numbers) == 1:
		return "phase " + all[0]
	}
	last := len(all) - 1
	return "phases " + format.Join(" and ", strings.Join(all[:last], ", "), all[last])
}

// balance prints the books in a line.
func (p *page) balance(b analysis.Accounting) {
	late := time.Duration(0)
	for _, pace := range b.Pace {
		late = max(late, pace.LagP99)
	}
	switch {
	case b.Requests == 0:
		p.named("books", "no request was sent")
	case b.Balanced():
		p.named("books", fmt.Sprintf("they balance: all of %s are accounted for; 99 %% were at most %s late", format.Plural(b.Requests, "request", "requests"), format.Short(late)))
	case b.UnexplainedTotal == 0:
		p.named("books", "not to be trusted, as said above; "+format.Plural(b.Requests, "request", "requests"))
	default:
		p.named("books", fmt.Sprintf("they do not balance: %s not explained of %s", format.Plural(b.UnexplainedTotal, "thing is", "things are"), format.Plural(b.Requests, "request", "requests")))
	}
}

// analyzer prints what Istio's own analysis found, in a line.
func (p *page) analyzer(phases []reports.Phase) {
	var saws []string
	by := map[string][]int{}
	for i, phase := range phases {
		for _, v := range phase.Verdicts {
			if v.Kind != reports.KindAnalysis {
				continue
			}
			if len(by[v.Saw]) == 0 {
				saws = append(saws, v.Saw)
			}
			by[v.Saw] = append(by[v.Saw], i+1)
		}
	}
	var found []string
	for _, saw := range saws {
		found = append(found, saw+" ("+ranges(by[saw])+")")
	}
	if len(found) > 0 {
		p.named("analyzer", "istioctl analyze found: "+strings.Join(found, "; "))
	}
}

// ran prints when and where the run was.
func (p *page) ran(r *reports.Report) {
	s := r.Setup
	text := format.Join(" · ", format.When(!r.Started.IsZero(), r.Started.UTC().Format("2006-01-02 15:04 UTC")), s.Provider, format.Named("Istio", s.Istio), format.Named("Kubernetes", s.Kubernetes))
	p.named("run", text)
}

// more says where there is more. Paths are not broken: they are to be copied.
func (p *page) more(o Options) {
	switch {
	case o.Page != "":
		p.Line("%s%s", terminal.Pad("look", storyLead), o.Page)
	case o.Dir != "":
		p.Line("%s%s", terminal.Pad("folder", storyLead), o.Dir)
	}
	p.Line("%s%s", terminal.Pad("more", storyLead), format.Join(" ", "canarylab report --full", o.Dir))
}
