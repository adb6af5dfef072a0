package expect

import (
	"fmt"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// Stays claims that from the write on every request of a cohort ends at one of the places, in whatever shares: those
// where requests went before a change, and those where they are to go after it. What ends elsewhere was lost on the
// way.
func Stays(cohort string, places ...reports.Place) *stays { return &stays{cohort, places} }

type stays struct {
	cohort string
	places []reports.Place
}

// Cohort implements Expectation.
func (s *stays) Cohort() string { return s.cohort }

// Need implements Expectation: what counts are the requests that are sent while the change is on its way.
func (*stays) Need() int { return 1 }

// String implements Expectation.
func (s *stays) String() string {
	var names []string
	for _, p := range s.places {
		names = append(names, p.Name())
	}
	return fmt.Sprintf("%s end at %s from the write on", whose(s.cohort), strings.Join(names, " or "))
}

// Requires tells that where requests end is counted in phases that test rules alone.
func (*stays) Requires() Requirement { return Requirement{Routing: true, Change: true} }

// Validate tells whether the claim makes sense.
func (s *stays) Validate() error {
	if s.cohort == "" || len(s.places) == 0 {
		return fmt.Errorf("%q: name a cohort and a place", s)
	}
	return nil
}

// Check implements Expectation.
func (s *stays) Check(o analysis.Observation) reports.Verdict {
	before, after := o.Transition.Of(s.cohort), o.Settled.Of(s.cohort)
	n := before.Requests + after.Requests
	v := reports.Verdict{Kind: reports.KindStays, Want: s.String(), Cohort: s.cohort}
	lost, unknown := 0, 0
	var words []string
	for _, c := range []analysis.Counts{before, after} {
		for _, other := range reports.Elsewhere(c.Landings, s.places) {
			if notRouted(other) {
				unknown += other.Count
				continue
			}
			lost += other.Count
			words = append(words, format.Number(other.Count)+" "+other.Words())
		}
	}
	v.Saw = fmt.Sprintf("%s of %s requests ended elsewhere", format.Number(lost), format.Number(n))
	why, few := tooFew(o, after.Requests, s.Need())
	switch {
	case lost > 0:
		return fails(v, strings.Join(words, ", "))
	case few:
		return unsure(v, why)
	case unknown > 0:
		return unsure(v, fmt.Sprintf("the access log has no entry for %s of them", format.Number(unknown)))
	}
	return passes(v)
}

func (s *stays) record() Record {
	return Record{Kind: reports.KindStays, Cohort: s.cohort, Places: s.places}
}

var _ = recorded(reports.KindStays, func(r Record) Expectation { return Stays(r.Cohort, r.Places...) })
