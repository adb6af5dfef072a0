package reports

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// Unsaid are the problems that Sentence does not tell of.
func Unsaid(r *Report) []analysis.Problem {
	if r.Broken == "" && r.Accounting.Requests > 0 && !r.Accounting.Balanced() {
		return r.Accounting.Problems[1:]
	}
	return r.Accounting.Problems
}

// Sentence is the run's verdict for people, in one sentence or two: what the story comes to, or what stands in
// the way of it.
func Sentence(r *Report) string {
	var failed, open, all int
	first := ""
	for i, p := range r.Phases {
		for _, v := range p.Verdicts {
			all++
			switch v.Outcome {
			case Pass:
				continue
			case Fail:
				failed++
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
		why := format.Join("; and ", r.Accounting.Problems[0].Text,
			format.When(more > 0, format.Plural(more, "more problem", "more problems")))
		return fmt.Sprintf("The numbers can't be trusted, whatever they say of the %s: %s.", claims, why)
	case all == 0:
		return "Nothing was claimed, so that nothing is shown."
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
