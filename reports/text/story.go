package text

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
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

// story prints the run on one screen: the verdict and all that did not pass first and whole, then the run over
// time, its phases, the rollbacks, the failures, the accounting, why, and where there is more. What does not
// fit is folded, and counted.
func (p *page) story(r *reports.Report, o Options) {
	p.Width = min(p.Width, storyWidth)
	s := &screen{page: p}
	s.add("head", func(q *page) {
		q.Line("%s  %s", q.Paint(terminal.Bold, terminal.Clip(terminal.OneLine(r.Scenario), q.Width-20)),
			q.badge(r.Outcome))
	})
	s.add("title", func(q *page) { q.Para("", terminal.Dim, r.Title) })
	s.add("sentence", func(q *page) { q.Para("", terminal.Bold, reports.Sentence(r)) })
	s.add("not passed", func(q *page) { q.notPassed(r, o) })
	s.gap()
	s.add("over time", func(q *page) { q.sparks(r) })
	s.gap()
	s.add("phases", func(q *page) { q.rows(r) })
	s.gap()
	s.add("rollbacks", func(q *page) { q.rollbackRows(r.Phases) })
	s.add("decided", func(q *page) { q.decisions(r.Phases) })
	s.add("failed", func(q *page) { q.failures(r.Phases) })
	s.add("requests", func(q *page) { q.accounted(r) })
	s.add("rate", func(q *page) { q.named("rate", reports.RateInWords(r)) })
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

// named prints a paragraph after its name, nothing where it is empty.
func (p *page) named(name, text string) { p.Para(terminal.Pad(name, storyLead), "", text) }

// notPassed prints all that stands between the run and a pass, each with its reason, but for what the sentence
// said already.
func (p *page) notPassed(r *reports.Report, o Options) {
	for _, problem := range o.Problems {
		p.Para("! ", terminal.Yellow, problem)
	}
	for i, phase := range r.Phases {
		for _, v := range phase.Verdicts {
			if v.Outcome == reports.Pass {
				continue
			}
			sign := signs[v.Outcome]
			p.Para(cmp.Or(sign.mark, "!")+" ", cmp.Or(sign.color, terminal.Yellow),
				fmt.Sprintf("phase %d, %s: %s — %s", i+1, phase.Name, v.Want, v.Saw))
			p.Para("  why: ", "", v.Why)
		}
		if c := phase.Observation.Change; c != nil {
			for _, rejection := range c.Rejections {
				p.Para("! ", terminal.Red,
					fmt.Sprintf("phase %d, %s: the change was rejected by %s", i+1, phase.Name, rejection))
			}
		}
	}
	for _, problem := range reports.Unsaid(r) {
		p.problem("", "accounting: ", r, problem)
	}
	for i, e := range r.Accounting.Troubles {
		if i == storyTroubles {
			more := len(r.Accounting.Troubles) - i
			p.Para("! ", terminal.Yellow, "and "+format.Plural(more, "more trouble", "more troubles"))
			break
		}
		p.Para("! ", terminal.Yellow, format.Join(" ", "trouble at", e.At.UTC().Format("15:04:05.000"),
			format.Named("in phase", e.Phase)+":",
			format.When(e.Proxy != "", e.Proxy+" rejected a configuration:"), e.Text))
	}
}

// problem prints a problem of the accounting. One that voids no verdict is not marked.
func (p *page) problem(indent, lead string, r *reports.Report, problem analysis.Problem) {
	if reports.Stands(r, problem) {
		p.Para(indent+"  ", "", reports.ProblemInWords(r, problem))
		return
	}
	p.Para(indent+"! ", terminal.Yellow, lead+reports.ProblemInWords(r, problem))
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
	started := format.When(!r.Started.IsZero(), r.Started.UTC().Format("2006-01-02 15:04 UTC"))
	p.named("run", format.Join(" · ", started, s.Provider, format.Named("Istio", s.Istio),
		format.Named("Kubernetes", s.Kubernetes)))
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
