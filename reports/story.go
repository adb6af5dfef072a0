package reports

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
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
)

// A block is a part of a story.
type block struct {
	name  string
	lines []string
	// cut is how many lines of it were folded.
	cut int
}

// A screen is a story in the making.
type screen struct {
	page   *page
	blocks []*block
}

// add renders a block.
func (s *screen) add(name string, render func(*page)) {
	q := &page{color: s.page.color, ascii: s.page.ascii, width: s.page.width}
	render(q)
	b := &block{name: name}
	if q.Len() > 0 {
		b.lines = strings.Split(strings.TrimSuffix(q.String(), "\n"), "\n")
	}
	s.blocks = append(s.blocks, b)
}

// gap is a line between two blocks.
func (s *screen) gap() { s.add("", func(q *page) { q.line("") }) }

// story prints the run on one screen: the verdict and all that did not pass first and whole, then the run over time, its phases, the rollbacks, the
// failures, the books, why, and where there is more. What does not fit is folded, and counted.
func (p *page) story(r *Report, o TextOptions) {
	p.width = min(p.width, storyWidth)
	s := &screen{page: p}
	s.add("head", func(q *page) { q.line("%s  %s", q.paint(bold, clip(oneLine(r.Scenario), q.width-20)), q.badge(r.Outcome)) })
	s.add("title", func(q *page) { q.para("", dim, r.Title) })
	s.add("sentence", func(q *page) { q.para("", bold, Sentence(r)) })
	s.add("not passed", func(q *page) { q.notPassed(r, o) })
	s.gap()
	s.add("over time", func(q *page) { q.sparks(r) })
	s.gap()
	s.add("phases", func(q *page) { q.rows(r) })
	s.gap()
	s.add("rollbacks", func(q *page) { q.waysBack(r.Phases) })
	s.add("decided", func(q *page) { q.decisions(r.Phases) })
	s.add("failed", func(q *page) { q.failures(r.Phases) })
	s.add("books", func(q *page) { q.balance(r.Books) })
	s.add("analyzer", func(q *page) { q.analyzer(r.Phases) })
	s.gap()
	s.add("why", func(q *page) { q.named("why", r.Cause) })
	s.add("fix", func(q *page) { q.named("fix", r.Fix) })
	s.add("back", func(q *page) { q.named("back", r.Back) })
	s.gap()
	s.add("run", func(q *page) { q.ran(r) })
	s.add("more", func(q *page) { q.more(r, o) })
	s.print()
}

// folds is how a story is made to fit: each of these blocks is cut down to so many lines, in this order, until it does. "" are the gaps. What is not
// here is never cut.
var folds = []struct {
	name  string
	least int
}{
	{"back", 0}, {"why", 4}, {"fix", 2}, {"", 0}, {"analyzer", 1}, {"failed", 4}, {"decided", 4}, {"why", 2}, {"fix", 1}, {"rollbacks", 6}, {"decided", 2}, {"failed", 2},
	{"run", 0}, {"phases", 12}, {"rollbacks", 4}, {"why", 0}, {"fix", 0}, {"over time", 0}, {"analyzer", 0}, {"phases", 6}, {"rollbacks", 2}, {"decided", 0}, {"failed", 1},
	{"title", 1}, {"phases", 0}, {"rollbacks", 0}, {"failed", 0},
}

// print folds the story to its lines and prints it.
func (s *screen) print() {
	total := func() int {
		n := 0
		gap := true // none at the beginning
		for _, b := range s.blocks {
			if b.name == "" && gap || len(b.lines) == 0 {
				continue
			}
			gap = b.name == ""
			n += len(b.lines)
		}
		return n
	}
	// A line that says what was folded takes room itself.
	full := func() bool {
		folded := slices.ContainsFunc(s.blocks, func(b *block) bool { return b.name != "" && b.cut > 0 })
		return total() > storyLines || folded && total() > storyLines-1
	}
	for _, fold := range folds {
		for _, b := range slices.Backward(s.blocks) {
			for b.name == fold.name && len(b.lines) > fold.least && full() {
				b.lines = b.lines[:len(b.lines)-1]
				b.cut++
			}
		}
	}
	gap := true
	var cuts []string
	cut := 0
	for _, b := range s.blocks {
		if b.name != "" && b.cut > 0 {
			cut += b.cut
			cuts = append(cuts, fmt.Sprintf("%s %d", b.name, b.cut))
		}
		if b.name == "more" && cut > 0 {
			s.page.line("%s", s.page.paint(dim, clip(pad("folded", storyLead)+plural(cut, "line: ", "lines: ")+strings.Join(cuts, ", "), s.page.width)))
		}
		if b.name == "" && gap {
			continue
		}
		for i, line := range b.lines {
			// A text that goes on says so.
			if i == len(b.lines)-1 && b.cut > 0 && (b.name == "why" || b.name == "fix" || b.name == "back" || b.name == "title") {
				line = s.page.goesOn(line)
			}
			s.page.WriteString(line + "\n")
			gap = b.name == ""
		}
	}
}

// goesOn ends a line whose text was cut. Colors are not in the way: such a text is of one color, or of none.
func (p *page) goesOn(line string) string {
	mark := p.plain(" …")
	if text, painted := strings.CutSuffix(line, "\x1b[0m"); painted {
		return text + mark + "\x1b[0m"
	}
	if cells(line)+cells(mark) > p.width {
		line = strings.TrimRight(line[:strings.LastIndexByte(line, ' ')], " .,;:")
	}
	return line + mark
}

// named prints a paragraph after its name.
func (p *page) named(name, text string) {
	if text != "" {
		p.para(pad(name, storyLead), "", text)
	}
}

// notPassed prints all that stands between the run and a pass, each with its reason, but for what the sentence said already.
func (p *page) notPassed(r *Report, o TextOptions) {
	why := func(text string) {
		if text != "" {
			p.para("  why: ", "", text)
		}
	}
	for _, problem := range o.Problems {
		p.para("! ", yellow, problem)
	}
	for i, phase := range r.Phases {
		for _, v := range phase.Verdicts {
			if v.Outcome == Pass {
				continue
			}
			sign := signs[v.Outcome]
			p.para(cmp.Or(sign.mark, "!")+" ", cmp.Or(sign.color, yellow), fmt.Sprintf("phase %d, %s: %s — %s", i+1, phase.Name, v.Want, v.Saw))
			why(v.Why)
		}
		if c := phase.Observation.Change; c != nil {
			for _, refused := range c.Refused {
				p.para("! ", red, fmt.Sprintf("phase %d, %s: the change was refused by %s", i+1, phase.Name, refused))
			}
		}
	}
	said := Sentence(r)
	for _, problem := range r.Books.Problems {
		if !strings.Contains(said, problem) {
			p.para("! ", yellow, "the books: "+problem)
		}
	}
	for i, e := range r.Books.Troubles {
		if i == storyTroubles {
			p.para("! ", yellow, "and "+plural(len(r.Books.Troubles)-i, "more trouble", "more troubles"))
			break
		}
		p.para("! ", yellow, join(" ", "trouble at", e.At.UTC().Format("15:04:05.000"), when(e.Phase != "", "in phase "+e.Phase)+":",
			when(e.Proxy != "", e.Proxy+" refused a configuration:"), e.Text))
	}
}

// rows prints the phases, a row each: what was done, what was asked and seen, how many failed, and what that makes.
func (p *page) rows(r *Report) {
	if len(r.Phases) == 0 {
		return
	}
	const name, did, of, asked, seen, failed, role = 1, 2, 3, 4, 5, 7, 9
	t := &table{align: "rlllrrrlll"}
	t.row("", "phase", "what was done", "share of", "asked", "seen", "95 % interval", "failed", "", "")
	var shown []Phase
	folded, last := 0, 2
	for i, phase := range r.Phases {
		if phase.Repeat && phase.Outcome() == Pass {
			folded++
			continue
		}
		shown = append(shown, phase)
		subject, claimed, share, bounds := headline(phase)
		mark := ""
		if len(phase.Verdicts) > 0 {
			mark = cmp.Or(signs[phase.Outcome()].mark, "!")
		}
		t.row(strconv.Itoa(i+1), phase.Name, shortDid(phase), subject, claimed, share, bounds, failing(phase.Observation), mark,
			join(", ", when(phase.Breaks, "the break"), when(phase.Fixes, "the fix")))
	}
	if t.empty(role) {
		t.drop(role)
		last = 1
	}
	// What the table is too wide by is taken from what was done, then from the other texts, then from what can be missed.
	t.narrow(did, p.width, 16)
	if t.width() > p.width && last == 2 {
		t.drop(role)
		last = 1
	}
	for _, column := range []int{of, failed, name} {
		t.narrow(column, p.width, 16)
	}
	if t.width() > p.width {
		t.drop(did)
		for _, column := range []int{did, failed - 1, name, asked - 1} { // of what is left, did is the subject
			t.narrow(column, p.width, 12)
		}
		if t.width() > p.width {
			t.drop(seen) // the interval, now that one column is gone
		}
	}
	t.dimHead()
	for n, phase := range shown {
		// The mark is the last column, or the one before the last.
		t.color(n+1, len(t.rows[0])-last, signs[phase.Outcome()].color)
	}
	p.indented(t, "")
	if folded > 0 {
		p.line("%s", p.paint(dim, plural(folded, "more phase repeats one of these, and passed", "more phases repeat these, and passed")))
	}
}

// headline is the share that a phase is about: that of its first claim about one, or of its latest version where it claims none.
func headline(phase Phase) (of, asked, seen, interval string) {
	w := phase.Observation.Settled
	show := func(s Share, subject string, counts Counts) {
		if s.Of == 0 {
			seen = "no data"
			return
		}
		seen, interval = Percent(s.Percent)+" %", Percent(s.Low)+" – "+Percent(s.High)
		if d, ok := counts.Dispersion[subject]; ok && d.Moved() {
			interval = "it moved"
		}
	}
	for _, v := range phase.Verdicts {
		if c := v.Claim; c != nil {
			show(c.Seen, c.Subject, w.Of(c.Cohort))
			return join(" for ", answerer(c.Subject), c.Cohort), c.asked(), seen, interval
		}
	}
	versions := slices.SortedFunc(maps.Keys(w.Total.Versions), lastEmpty)
	versions = slices.DeleteFunc(versions, func(s string) bool { return s == "" })
	if len(versions) == 0 {
		if w.Total.Requests == 0 {
			seen = "no data"
		}
		return
	}
	last := versions[len(versions)-1]
	show(NewShare(w.Total.Versions[last], w.Total.Requests), last, w.Total)
	return last, "", seen, interval
}

// failing is how much of a phase failed once its change had arrived: the most frequent way to fail with its share, and how many others there are.
func failing(o Observation) string {
	c := o.Settled.Total
	if c.Requests == 0 {
		return ""
	}
	if len(c.Flags) == 0 {
		return "none"
	}
	keys := slices.SortedFunc(maps.Keys(c.Flags), func(a, b string) int { return cmp.Or(cmp.Compare(c.Flags[b], c.Flags[a]), cmp.Compare(a, b)) })
	return fmt.Sprintf("%s %s %%%s", keys[0], Percent(NewShare(c.Flags[keys[0]], c.Requests).Percent), when(len(keys) > 1, fmt.Sprintf(" +%d", len(keys)-1)))
}

// shorter are the words that a row has no room for.
var shorter = strings.NewReplacer("kubectl ", "", "apply -f ", "apply ", "delete -f ", "delete ", "the VirtualService of ", "route of ", "deployment ", "", "--replicas=", "to ")

// shortDid is what a phase did, in few words.
func shortDid(phase Phase) string {
	if phase.Observation.Start.IsZero() {
		return "never began"
	}
	return shorter.Replace(phase.Did)
}

// affected says what rollbacks are timed by.
func affected(canary string) string {
	return "failed" + when(canary != "", ", or that "+canary+" answered")
}

// waysBack prints the rollbacks, a row each, or a row for each way back where each was gone several times.
func (p *page) waysBack(phases []Phase) {
	ways, by, n := backs(phases)
	if n == 0 {
		return
	}
	canary := by[ways[0]][0].Canary
	p.para("rollback: ", dim, "from the accepted write to the last request sent that failed"+when(canary != "", " or that "+canary+" answered"))
	if n >= 3*len(ways) {
		t := p.medians(ways, by)
		t.dimHead()
		p.indented(t, "")
		return
	}
	t := &table{align: "rlrlrrl"}
	t.row("", "phase", "last", "99 % bracket", "failed", when(canary != "", "by "+canary), "way back")
	for i, phase := range phases {
		r := phase.Observation.Rollback
		if r == nil {
			continue
		}
		last, bracket := "nothing to time", ""
		if r.Known() {
			last, bracket = short(r.Route), r.bracketed()
		}
		t.row(strconv.Itoa(i+1), phase.Name, last, bracket, Number(r.Failed), when(canary != "", Number(r.Canaries)), shorter.Replace(r.Method))
	}
	for _, column := range []int{6, 1, 3} {
		t.narrow(column, p.width, 12)
	}
	t.dropEmpty()
	t.dimHead()
	p.indented(t, "")
}

// bracketed is the bracket in a row, or why there is none.
func (r Rollback) bracketed() string {
	switch {
	case r.High == 0:
		return "open: too few followed"
	case !r.Recovered():
		return short(r.Low) + " – " + short(r.High) + ", not over"
	}
	return short(r.Low) + " – " + short(r.High)
}

// decisions prints what was decided about the canary.
func (p *page) decisions(phases []Phase) {
	for i, phase := range phases {
		if d := phase.Observation.Detection; d != nil {
			p.named("decided", fmt.Sprintf("phase %d: %s, by %s", i+1, d, d.By))
		}
	}
}

// A way is a way to fail, added up over the phases.
type way struct {
	Failure
	phases []int
}

// waysToFail adds up the failures of all phases, from their first request to their last, by what is told of them. The most frequent is first.
func waysToFail(phases []Phase) []*way {
	var all []*way
	for i, phase := range phases {
		o := phase.Observation
		for _, f := range slices.Concat(o.Transition.Total.Failures, o.Settled.Total.Failures) {
			at := slices.IndexFunc(all, func(w *way) bool {
				return w.Key() == f.Key() && w.Hop == f.Hop && w.Origin == f.Origin && w.Cause == f.Cause && w.Subset == f.Subset
			})
			if at < 0 {
				at, all = len(all), append(all, &way{Failure: f})
				all[at].Count = 0
			}
			all[at].Count += f.Count
			if n := all[at].phases; len(n) == 0 || n[len(n)-1] != i+1 {
				all[at].phases = append(n, i+1)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *way) int { return cmp.Compare(b.Count, a.Count) })
	return all
}

// failures prints how requests failed: flag, hop and cause.
func (p *page) failures(phases []Phase) {
	all := waysToFail(phases)
	lead := pad("failed", storyLead)
	for i, w := range all {
		if i == storyFailures {
			rest := 0
			for _, w := range all[i:] {
				rest += w.Count
			}
			p.para(lead, "", fmt.Sprintf("and %s in %s", plural(rest, "more", "more"), plural(len(all)-i, "other way", "other ways")))
			break
		}
		where := "at the " + string(w.Hop)
		if w.Hop == ServerHop && w.Origin != w.Flag {
			where += ", which flagged it " + w.Origin
		}
		said := join(", ", when(w.Subset != "", "subset "+w.Subset), when(w.Version != "" && w.Hop != AppHop, "answered by "+w.Version), when(w.Details != ViaUpstream, w.Details))
		p.para(lead, "", fmt.Sprintf("%s × %s in %s, %s%s%s", w.Key(), Number(w.Count), ranges(w.phases), where, when(w.Cause != "", ": "+w.Cause), when(said != "", " ("+said+")")))
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
	return "phases " + join(" and ", strings.Join(all[:last], ", "), all[last])
}

// balance prints the books in a line.
func (p *page) balance(b Books) {
	late := time.Duration(0)
	for _, pace := range b.Pace {
		late = max(late, pace.LagP99)
	}
	switch {
	case b.Requests == 0:
		p.named("books", "no request was sent")
	case b.Balance():
		p.named("books", fmt.Sprintf("they balance: all of %s are accounted for; 99 %% were sent %s late or less", plural(b.Requests, "request", "requests"), short(late)))
	default:
		p.named("books", fmt.Sprintf("they do not balance: %s not explained of %s", plural(b.UnexplainedTotal, "thing is", "things are"), plural(b.Requests, "request", "requests")))
	}
}

// analysis is what claims about Istio's own analysis begin with.
const analysisClaim = "istioctl analyze finds"

// analyzer prints what Istio's own analysis found, in a line.
func (p *page) analyzer(phases []Phase) {
	var saws []string
	by := map[string][]int{}
	for i, phase := range phases {
		for _, v := range phase.Verdicts {
			if !v.Proof || !strings.HasPrefix(v.Want, analysisClaim) {
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

// ran prints when and where the run was, and how much load it got.
func (p *page) ran(r *Report) {
	s := r.Setup
	rate := 0.0
	for _, c := range s.Load.Cohorts {
		rate += s.Load.RateOf(c.Name)
	}
	text := join(" · ", when(!r.Started.IsZero(), r.Started.UTC().Format("2006-01-02 15:04 UTC")), s.Provider, named("Istio", s.Istio),
		named("Kubernetes", s.Kubernetes), when(rate > 0, fmt.Sprintf("%.0f requests/s", rate)))
	p.named("run", text)
}

// more says where there is more. Paths are not broken: they are to be copied.
func (p *page) more(r *Report, o TextOptions) {
	const page = "report.html"
	if slices.ContainsFunc(r.Files, func(f File) bool { return f.Path == page }) {
		p.line("%s%s", pad("look", storyLead), filepath.Join(o.Dir, page))
	} else if o.Dir != "" {
		p.line("%s%s", pad("folder", storyLead), o.Dir)
	}
	p.line("%s%s", pad("more", storyLead), join(" ", "canarylab report --full", o.Dir))
}
