package expect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// Noted claims what the load agent notes of a cohort's answers (loadgen.Note, by its Key): percent of those of which it
// notes anything have a value. It is judged by need of them or more.
func Noted(cohort string, need int, note, value string, percent float64) *noted {
	return &noted{cohort, need, note, value, percent}
}

type noted struct {
	cohort      string
	need        int
	note, value string
	percent     float64
}

// Cohort implements Expectation.
func (n *noted) Cohort() string { return n.cohort }

// Need implements Expectation.
func (n *noted) Need() int { return n.need }

// String implements Expectation.
func (n *noted) String() string {
	share := reports.Place{Percent: n.percent}.Amount()
	return fmt.Sprintf("of %s, %s is %s%s", whose(n.cohort), n.note, valueInWords(n.value),
		format.When(n.percent < 100, " for "+share+" %"))
}

func valueInWords(v string) string {
	if v == "" {
		return "absent"
	}
	return fmt.Sprintf("%q", v)
}

// Requires tells that answers are noted in phases that test rules alone.
func (n *noted) Requires() Requirement { return Requirement{Routing: true} }

// Validate tells whether the claim makes sense.
func (n *noted) Validate() error {
	if n.cohort == "" || n.need < 1 || n.note == "" || !(n.percent > 0 && n.percent <= 100) {
		return fmt.Errorf("%q: name a cohort, how many requests it takes, a note, and a share above 0", n)
	}
	return nil
}

// Check implements Expectation.
func (n *noted) Check(o analysis.Observation) reports.Verdict {
	values := o.Settled.Of(n.cohort).Noted[n.note]
	all := 0
	for _, count := range values {
		all += count
	}
	count := values[n.value]
	v := reports.Verdict{Kind: reports.KindNoted, Want: n.String(), Cohort: n.cohort, Saw: "no answer"}
	if all > 0 {
		v.Saw = analysis.NewShare(count, all).String() + " " + valueInWords(n.value)
	}
	if n.percent >= 100 && count < all {
		var others []string
		often := func(a, b string) int { return cmp.Or(values[b]-values[a], strings.Compare(a, b)) }
		for _, other := range slices.SortedFunc(maps.Keys(values), often) {
			if other != n.value && len(others) < 3 {
				others = append(others, format.Number(values[other])+" were "+valueInWords(other))
			}
		}
		return fails(v, strings.Join(others, ", "))
	}
	if low, high := Region(all, n.percent/100); n.percent < 100 && all > 0 && (count < low || count > high) {
		return fails(v, allowed(reports.Place{Percent: n.percent}.Amount(), low, high, all, "answers"))
	}
	if why, few := tooFew(o, all, n.need); few {
		return unsure(v, why)
	}
	return passes(v)
}

// What a proxy makes of a request does not depend on when it comes. How long an answer takes does.
func (n *noted) rests(reports.Verdict, circumstances) footing {
	return footing{onTime: strings.HasPrefix(n.note, "an answer after")}
}

func (n *noted) record() Record {
	return Record{
		Kind: reports.KindNoted, Cohort: n.cohort, Count: n.need, Note: n.note, Value: n.value, Percent: n.percent,
	}
}

var _ = recorded(reports.KindNoted, func(r Record) Expectation {
	return Noted(r.Cohort, r.Count, r.Note, r.Value, r.Percent)
})
