package expect

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// Lands claims where the requests of a cohort end: each place gets its share of them, and no other place gets any. It
// is judged by need requests or more, so that many cohorts with few requests each can be played side by side. With few
// of them a share is told from another one only roughly: the verdict says its interval.
func Lands(cohort string, need int, places ...reports.Place) *lands {
	return &lands{cohort, need, places}
}

type lands struct {
	cohort string
	need   int
	places []reports.Place
}

// Cohort implements Expectation.
func (l *lands) Cohort() string { return l.cohort }

// Need implements Expectation.
func (l *lands) Need() int { return l.need }

// String implements Expectation.
func (l *lands) String() string {
	var parts []string
	for _, p := range l.places {
		parts = append(parts, format.When(p.Percent < 100, p.Amount()+" % ")+p.Name())
	}
	return fmt.Sprintf("%s end at %s", whose(l.cohort), strings.Join(parts, ", "))
}

// Requires tells that where requests end is counted in phases that test rules alone.
func (l *lands) Requires() Requirement { return Requirement{Routing: true} }

// Validate tells whether the claim makes sense.
func (l *lands) Validate() error {
	if l.cohort == "" || l.need < 1 || len(l.places) == 0 {
		return fmt.Errorf("%q: name a cohort, how many requests it takes, and a place", l)
	}
	sum := 0.0
	for _, p := range l.places {
		if !(p.Percent > 0 && p.Percent <= 100) {
			return fmt.Errorf("%q: a share is above 0 and up to 100 percent", l)
		}
		if (p.Host == "") == (p.Status == 0) {
			return fmt.Errorf("%q: a place is a host or a status", l)
		}
		if (p.Policy != "" || p.Refused) && (p.Host == "" || p.Copy) {
			return fmt.Errorf("%q: a policy denies at a host", l)
		}
		if !p.Copy {
			sum += p.Percent
		}
	}
	if math.Abs(sum-100) > 1e-6 {
		return fmt.Errorf("%q: the shares add up to %g percent", l, sum)
	}
	return nil
}

// Check implements Expectation.
func (l *lands) Check(o analysis.Observation) reports.Verdict {
	counts := o.Settled.Of(l.cohort)
	n := counts.Requests
	v := reports.Verdict{Kind: reports.KindLands, Want: l.String(), Saw: l.saw(counts), Cohort: l.cohort}
	elsewhere, unknown := []string{}, 0
	for _, other := range reports.Elsewhere(counts.Landings, l.places) {
		if notRouted(other) {
			unknown += other.Count
			continue
		}
		elsewhere = append(elsewhere, format.Number(other.Count)+" "+other.Words())
	}
	var off, missing []string
	for _, p := range l.places {
		count := p.Count(counts.Landings)
		low, high := Region(n, p.Percent/100)
		switch maybe := count + unknown; {
		case count > high || maybe < low:
			off = append(off, p.Name()+": "+allowed(p.Amount(), low, high, n, "requests"))
		case count == 0:
			missing = append(missing, p.Name())
		}
	}
	why, few := tooFew(o, n, l.need)
	switch {
	case n > 0 && len(elsewhere) > 0:
		return fails(v, "not one was to go elsewhere: "+strings.Join(elsewhere, ", "))
	case n > 0 && len(off) > 0:
		return fails(v, strings.Join(off, "; "))
	case few:
		return unsure(v, why)
	case unknown > 0:
		return unsure(v, fmt.Sprintf("the access log has no entry for %s of them", format.Number(unknown)))
	case len(missing) > 0:
		return unsure(v, "so few requests don't show so small a share: none was seen at "+strings.Join(missing, ", "))
	}
	return passes(v)
}

// notRouted tells that nobody knows where a proxy wanted the requests to go.
func notRouted(l analysis.Landing) bool {
	return l.Flag == analysis.NotLogged || l.Host == "" && l.Cluster == "" && l.Version != ""
}

// saw says how many ended at each place, and how many elsewhere.
func (l *lands) saw(c analysis.Counts) string {
	if c.Requests == 0 {
		return "no requests"
	}
	var parts []string
	for _, p := range l.places {
		parts = append(parts, analysis.NewShare(p.Count(c.Landings), c.Requests).String()+" at "+p.Name())
	}
	rest := 0
	for _, other := range reports.Elsewhere(c.Landings, l.places) {
		rest += other.Count
	}
	if rest > 0 {
		parts = append(parts, format.Number(rest)+" elsewhere")
	}
	return strings.Join(parts, ", ")
}

// Where a request goes is drawn by itself or not at all, whenever it comes. What fails by the load may fail because
// requests came at once: only that rests on the agent's being on time.
func (l *lands) rests(v reports.Verdict, at circumstances) footing {
	if v.Outcome != reports.Fail {
		return footing{}
	}
	others := reports.Elsewhere(at.Settled.Of(l.cohort).Landings, l.places)
	byLoad := func(other analysis.Landing) bool {
		return loadgen.Failed(other.Code) && !analysis.ConfigDecides(other.Flag) && other.Hop != analysis.ServerHop
	}
	return footing{onTime: len(others) > 0 && !slices.ContainsFunc(others, func(other analysis.Landing) bool {
		return !byLoad(other)
	})}
}

// How many requests there are depends on the phase's length, and not on when each is sent.
func (l *lands) restsOpen() {}

func (l *lands) record() Record {
	return Record{Kind: reports.KindLands, Cohort: l.cohort, Count: l.need, Places: l.places}
}

var _ = recorded(reports.KindLands, func(r Record) Expectation { return Lands(r.Cohort, r.Count, r.Places...) })
