package harness

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// ErrRate is wrapped where a scenario can't be played at the rate that is asked for.
var ErrRate = errors.New("the scenario can't be played at this rate")

// Rate is the scenario's own: requests a second of all cohorts together.
func (s Scenario) Rate() int { return int(math.Round(s.Load.TotalRate())) }

// AtRate returns the scenario with another rate of its load, in requests a second of all cohorts together. A claim
// whose number follows from the rate follows the rate of its cohort.
func (s Scenario) AtRate(rate int) Scenario {
	own := s.Load
	s.Load = own.At(rate)
	s.Phases = slices.Clone(s.Phases)
	for i := range s.Phases {
		claims := slices.Clone(s.Phases[i].Expect)
		for j, e := range claims {
			claims[j] = expect.Times(e, rateOf(s.Load, e.Cohort())/rateOf(own, e.Cohort()))
		}
		s.Phases[i].Expect = claims
	}
	return s
}

// rateOf is the rate of a cohort, of all together where cohort is empty.
func rateOf(plan loadgen.Plan, cohort string) float64 {
	if cohort == "" {
		return plan.TotalRate()
	}
	return plan.RateOf(cohort)
}

// A Floor is the lowest rate at which a scenario may be played.
type Floor struct {
	// Rate is in requests a second of all cohorts together.
	Rate int
	// For is the claim that takes it, with its phase, or why it is the scenario's own.
	For string
}

// searched is up to how many times a scenario's own rate its lowest one is looked for.
const searched = 16

// Lowest is the lowest rate at which each of the scenario's claims can be decided (see expect.Decidable), with so many
// load agents for each entry, 0 for one. It is above the scenario's own rate where that is too low for a claim.
func (s Scenario) Lowest(agents int) Floor {
	least := s.Load.TotalRate()
	for _, c := range s.Load.Cohorts {
		least = min(least, s.Load.RateOf(c.Name))
	}
	floor := Floor{int(math.Ceil(s.Load.TotalRate() / least)), "each cohort sends something"}
	switch own := s.Rate(); {
	case s.Load.Shape != nil:
		return Floor{own, "its load changes over time"}
	case s.LowestRate == own:
		return Floor{own, "the story is about its load"}
	case s.LowestRate > 0:
		floor = Floor{s.LowestRate, "the story says so"}
	}
	f := newForecast(s, agents)
	for i, p := range s.Phases {
		if p.Repeat {
			continue // what it claims is claimed before
		}
		for _, e := range p.Expect {
			// The search is for a rate above that of the floor: most claims take less.
			more := sort.Search(searched*s.Rate()-floor.Rate, func(more int) bool {
				return f.decidable(i, e, floor.Rate+more)
			})
			if more > 0 {
				floor = Floor{floor.Rate + more, fmt.Sprintf("phase %s, %q", p.Name, e)}
			}
		}
	}
	return floor
}

// CheckRate tells whether the scenario can be played at a rate, in requests a second of all cohorts together, with so
// many load agents for each entry. The error wraps ErrRate, and names the lowest rate that would do.
func (s Scenario) CheckRate(rate, agents int) error {
	own, floor := s.Rate(), s.Lowest(agents)
	switch {
	case rate == own:
		return nil
	case rate < 1 || rate > loadgen.MaxRate:
		return fmt.Errorf("%w: %d requests a second are not 1 to %d", ErrRate, rate, loadgen.MaxRate)
	case s.fixed():
		return fmt.Errorf("%w: %s is played at %d requests a second and at no other rate: %s", ErrRate, s.Name, own,
			floor.For)
	case rate < min(floor.Rate, own):
		return fmt.Errorf("%w: %s takes %d requests a second or more, got %d; so many are for %s", ErrRate, s.Name,
			min(floor.Rate, own), rate, floor.For)
	}
	return nil
}

// fixed tells that the scenario is played at its own rate alone.
func (s Scenario) fixed() bool { return s.LowestRate == s.Rate() || s.Load.Shape != nil }
