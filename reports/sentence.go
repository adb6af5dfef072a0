package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// Unsaid are the problems that Sentence does not tell of.
func Unsaid(r *Report) []analysis.Problem {
	said := said(r)
	return slices.DeleteFunc(slices.Clone(r.Accounting.Problems), func(p analysis.Problem) bool { return p == said })
}

// said is the problem that Sentence tells of, zero where it tells of none: the first that stands in the way of all
// verdicts, or else of any.
func said(r *Report) analysis.Problem {
	if r.Broken != "" || r.Accounting.Requests == 0 {
		return analysis.Problem{}
	}
	for _, p := range r.Accounting.Problems {
		if p.Basis == "" {
			return p
		}
	}
	for _, p := range r.Accounting.Problems {
		if Voided(r, p) > 0 {
			return p
		}
	}
	return analysis.Problem{}
}

// Voided counts the verdicts that are void for a problem.
func Voided(r *Report, p analysis.Problem) int {
	n := 0
	for _, phase := range r.Phases {
		for _, v := range phase.Verdicts {
			if p.Basis != "" && slices.Contains(v.Void, p.Basis) {
				n++
			}
		}
	}
	return n
}

// Stands tells of a problem that no verdict of the run is void for it: it is a note, and no more.
func Stands(r *Report, p analysis.Problem) bool { return p.Basis != "" && Voided(r, p) == 0 }

// ProblemInWords is a problem with what it comes to.
func ProblemInWords(r *Report, p analysis.Problem) string {
	switch n := Voided(r, p); {
	case Stands(r, p):
		return fmt.Sprintf("note: %s; no verdict here rests on %s", p.Text, p.Basis)
	case n > 0:
		return fmt.Sprintf("%s; %s rest%s on %s", p, format.Plural(n, "verdict", "verdicts"), format.When(n == 1, "s"),
			p.Basis)
	}
	return p.String()
}

// Sentence is the run's verdict for people, in one sentence or two: what the story comes to, or what stands in
// the way of it.
func Sentence(r *Report) string {
	var failed, open, void, all int
	first := ""
	for i, p := range r.Phases {
		for _, v := range p.Verdicts {
			all++
			switch v.Outcome {
			case Pass:
				continue
			case Fail:
				failed++
			case Invalid:
				void++
			default:
				open++
			}
			first = cmp.Or(first, fmt.Sprintf("phase %d, %s", i+1, p.Name))
		}
	}
	claims := format.Plural(all, "claim", "claims")
	switch {
	case r.Broken != "":
		return "The run did not come to its end: " + strings.Join(strings.Fields(r.Broken), " ") + "."
	case r.Accounting.Requests == 0:
		return "No request was sent, so that nothing is shown."
	case !r.Accounting.Balanced():
		more := len(r.Accounting.Problems) - 1
		why := format.Join("; and ", said(r).Text,
			format.When(more > 0, format.Plural(more, "more problem", "more problems")))
		return fmt.Sprintf("The numbers can't be trusted, whatever they say of the %s: %s.", claims, why)
	case all == 0:
		return "Nothing was claimed, so that nothing is shown."
	case void > 0:
		return voidSentence(r, claims, first, void, failed, open)
	case failed > 0:
		are := "are"
		if failed == 1 {
			are = "is"
		}
		return fmt.Sprintf("%d of %s %s contradicted by what was seen%s; the first of them is in %s.", failed, claims,
			are, format.When(open > 0, fmt.Sprintf(", and %d could not be decided", open)), first)
	case open > 0:
		return fmt.Sprintf("%d of %s could not be decided; the first of them is in %s.", open, claims, first)
	case len(r.Accounting.Troubles) > 0:
		return fmt.Sprintf("All %s hold, but the lab was disturbed while it measured (%s), so that nothing is "+
			"concluded.", claims, r.Accounting.Troubles[0].Text)
	}
	_, v, _ := Point(r)
	hold := "All " + claims + " hold"
	if all == 1 {
		hold = "The one claim holds"
	}
	return fmt.Sprintf("%s in %s. The main one is “%s”; seen: %s.", hold,
		format.Plural(len(r.Phases), "phase", "phases"), v.Want, v.Saw)
}

// voidSentence is the Sentence of a run of which some verdicts are void, for a problem among others.
func voidSentence(r *Report, claims, first string, void, failed, open int) string {
	p := said(r)
	are := "are"
	if void == 1 {
		are = "is"
	}
	others := format.Join(" and ", format.When(failed > 0, fmt.Sprintf("%d contradicted", failed)),
		format.When(open > 0, fmt.Sprintf("%d not decided", open)))
	return fmt.Sprintf("%d of %s %s void%s; the first that did not pass is in %s.%s", void, claims, are,
		format.When(others != "", ", "+others), first, format.When(p.Text != "",
			fmt.Sprintf(" What is void rests on %s, and %s: %s.", p.Basis, p.Text, r.Accounting.Advice(p.Basis))))
}
