package html

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// A hero is the head of the page: what somebody learns who looks for ten seconds.
type hero struct {
	Outcome reports.Outcome
	// Badge is the outcome in a word, Says what that means.
	Badge, Says string
	// Sentence is the verdict.
	Sentence string
	// Cause is why, in a few words, and More tells that the page has more of it below.
	Cause string
	More  bool
	// Trouble says why the numbers are none, or not to be trusted. It comes first.
	Trouble []string
	Cards   []card
}

// A card is one figure.
type card struct{ Name, Value, Note string }

// says are what the outcomes mean to somebody who does not know the tool.
var says = map[reports.Outcome]string{
	reports.Pass:         "What was claimed is what was seen",
	reports.Inconclusive: "The data can't tell",
	reports.Invalid:      "The measurement can't be trusted",
	reports.Fail:         "What was seen contradicts what was claimed",
}

func newHero(r *reports.Report) hero {
	h := hero{Outcome: r.Outcome, Badge: "not concluded", Says: "The run was not judged"}
	if s := says[r.Outcome]; s != "" {
		h.Badge, h.Says = string(r.Outcome), s
	}
	if r.Broken != "" || r.Accounting.Requests == 0 || !r.Accounting.Balanced() || r.Outcome == reports.Invalid {
		h.Trouble = append(h.Trouble, reports.Sentence(r))
		if r.Void() {
			h.Trouble = append(h.Trouble, "That is the machine's doing: it was measured, and not the mesh. "+
				"Play the scenario again, with nothing else running.")
		}
		for _, problem := range reports.Unsaid(r) {
			h.Trouble = append(h.Trouble, reports.ProblemInWords(r, problem))
		}
	}
	phase, verdict, ok := reports.Point(r)
	h.Sentence = sentence(r, len(h.Trouble) > 0, phase, verdict, ok)
	h.Cause, h.More = firstSentence(r.Cause)
	if ok {
		why := format.When(verdict.Outcome != reports.Pass, verdict.Why)
		h.Cards = append(h.Cards, card{"Claimed", upper(verdict.Want), fmt.Sprintf("in phase “%s”", phase)},
			card{"Seen", upper(verdict.Saw), why})
	}
	if r.Accounting.Requests > 0 {
		h.Cards = append(h.Cards, requestsCard(r))
	}
	if c, ok := rollbackCard(r); ok {
		h.Cards = append(h.Cards, c)
	}
	return h
}

// sentence is the verdict for a newcomer, empty where there is none but what Trouble says.
func sentence(r *reports.Report, trouble bool, phase string, v reports.Verdict, ok bool) string {
	if !ok || r.Accounting.Requests == 0 {
		return format.When(!trouble, reports.Sentence(r))
	}
	passed, all := 0, 0
	for _, p := range r.Phases {
		for _, v := range p.Verdicts {
			all++
			if v.Outcome == reports.Pass {
				passed++
			}
		}
	}
	saw := fmt.Sprintf("%s — seen: %s", v.Want, v.Saw)
	if c := v.Claim; c != nil && c.Seen.Of > 0 {
		whose := cmp.Or(format.Named("the requests of", c.Cohort), "all requests")
		saw = fmt.Sprintf("%s %% of %s %s (%s of %s), where %s was claimed", format.Percent(c.Seen.Percent), whose,
			did(c.Subject), format.Number(c.Seen.Count), format.Number(c.Seen.Of), asked(c))
	}
	if trouble || r.Outcome == reports.Pass {
		saw = fmt.Sprintf("in phase “%s”, %s", phase, saw)
	}
	switch {
	case trouble:
		return fmt.Sprintf("What was seen all the same: %s. %d of %s held.", saw, passed,
			format.Plural(all, "claim", "claims"))
	case r.Outcome == reports.Pass && all == 1:
		return fmt.Sprintf("As claimed: %s.", saw)
	case r.Outcome == reports.Pass:
		return fmt.Sprintf("As claimed: %s. All %d claims of the story held.", saw, all)
	}
	return fmt.Sprintf("%s There: %s.", reports.Sentence(r), saw)
}

// did is what a request of a claim's subject met.
func did(subject string) string {
	if subject == "" || subject[0] < '0' || subject[0] > '9' {
		return "were answered by " + analysis.Answerer(subject)
	}
	if code, flag, ok := strings.Cut(subject, " "); ok && flag == analysis.NoFlag {
		return "got " + code + " from the app itself"
	}
	return "got " + subject
}

// asked is a claimed share in words.
func asked(c *reports.Claim) string {
	s := fmt.Sprintf("%g %%", c.Percent)
	switch c.Bound {
	case reports.AtLeast:
		return s + " or more"
	case reports.AtMost:
		return s + " or less"
	}
	return s
}

// firstSentence is the first sentence of a text, and whether there are more.
func firstSentence(text string) (first string, more bool) {
	if i := strings.Index(text, ". "); i >= 0 {
		return text[:i+1], true
	}
	return text, false
}

// upper begins a text with a capital.
func upper(text string) string {
	if text == "" || text[0] < 'a' || text[0] > 'z' {
		return text
	}
	// A version is a name and keeps its case.
	if word, _, _ := strings.Cut(text, " "); strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") != "" {
		return text
	}
	return string(text[0]-'a'+'A') + text[1:]
}

func requestsCard(r *reports.Report) card {
	note := "none failed"
	if failed := reports.Summarize(r).Burned; failed > 0 {
		note = format.Number(failed) + " failed"
	}
	note += format.When(r.Accounting.Balanced(), "; every one is accounted for")
	return card{"Requests", format.Number(r.Accounting.Requests), note}
}

// rollbackCard is the run's rollback, the slowest where there are several.
func rollbackCard(r *reports.Report) (card, bool) {
	var worst *analysis.Rollback
	n := 0
	for _, p := range r.Phases {
		b := p.Observation.Rollback
		if b == nil || !b.Known() {
			continue
		}
		n++
		if worst == nil || b.Route > worst.Route {
			worst = b
		}
	}
	if worst == nil {
		return card{}, false
	}
	c := card{Name: "Rollback", Value: format.Short(worst.Route), Note: "until the last affected request was sent"}
	if n > 1 {
		c.Name = fmt.Sprintf("Slowest of %d rollbacks", n)
	}
	if worst.High > 0 {
		c.Note += fmt.Sprintf(" (99 %% bracket %s – %s)", format.Short(worst.Low), format.Short(worst.High))
	} else {
		c.Note += "; " + worst.Open() + " to bracket it"
	}
	c.Note += ", at the cost of " + worst.Cost()
	return c, true
}
