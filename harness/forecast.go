package harness

import (
	"slices"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// A forecast says what the phases of a scenario will give its claims to be judged by, at any rate of the load: by what
// the scenario says, as nothing was seen yet.
type forecast struct {
	scenario Scenario
	// agents is how many load agents share the load of each entry.
	agents int
	// needs has what expect.Needs says of each phase.
	needs []map[string]int
	// decisions has what the detector of each phase takes, zero where that is not known.
	decisions []decision
}

// A decision is what a detector takes to find a canary bad, in answers of the canary: all of them, at least, and those
// from the first bad one on, at most, in 99 of 100 cases each.
type decision struct{ all, fromBad int }

func newForecast(s Scenario, agents int) *forecast {
	f := &forecast{scenario: s, agents: max(agents, 1)}
	for _, p := range s.Phases {
		f.needs = append(f.needs, expect.Needs(p.Expect))
		var d decision
		test, ok := p.Until.(SequentialTest)
		if fault, injects := p.Do.(Inject); ok && injects && fault.Faults.ErrorRate > 0 {
			d = test.foresee(fault.Faults.ErrorRate)
		}
		f.decisions = append(f.decisions, d)
	}
	return f
}

// decidable tells whether a claim of a phase can be decided at a rate.
func (f *forecast) decidable(phase int, e expect.Expectation, rate int) bool {
	plan := f.scenario.Load.At(rate)
	factor := rateOf(plan, e.Cohort()) / rateOf(f.scenario.Load, e.Cohort())
	return expect.Decidable(expect.Times(e, factor), f.outlook(phase, e, plan))
}

// outlook is what a phase gives a claim.
func (f *forecast) outlook(phase int, e expect.Expectation, plan loadgen.Plan) expect.Outlook {
	o := expect.Outlook{Rate: rateOf(plan, e.Cohort()), Watch: f.scenario.Phases[phase].deadline()}
	need := expect.Requires(e)
	if need.Rollback && phase > 0 {
		o.Switches = f.switches(phase, plan)
	}
	if need.Decision {
		o.Decision = f.decisions[phase].fromBad
		for _, part := range f.affected(phase) {
			if part.Canary {
				o.Answers = max(o.Answers, part.Share*rateOf(plan, part.Cohort))
			}
		}
	}
	return o
}

// watched is how long a phase is watched: until it has its requests, or its deadline passes.
func (f *forecast) watched(phase int, plan loadgen.Plan) time.Duration {
	p := f.scenario.Phases[phase]
	d := p.span()
	for cohort, n := range f.needs[phase] {
		if rate := rateOf(plan, cohort); float64(n) < rate*p.deadline().Seconds() {
			d = max(d, time.Duration(float64(n)/rate*float64(time.Second)))
		} else {
			d = p.deadline()
		}
	}
	return min(d, p.deadline())
}

// lasts is how long all phases together are watched that no detector ends.
func (f *forecast) lasts(plan loadgen.Plan) time.Duration {
	sum := time.Duration(0)
	for i, p := range f.scenario.Phases {
		if !slices.ContainsFunc(p.Expect, atOnce) {
			sum += f.watched(i, plan)
		}
	}
	return sum
}

// Watched is how long the phases of s are watched at its own rate, all together, by what their claims take. Changes
// come on top.
func (s Scenario) Watched() time.Duration { return newForecast(s, 1).lasts(s.Load) }

// affected are the parts of the requests that the canary answers, or that fail, before a change: as the last phase
// before it claims that says anything of that.
func (f *forecast) affected(phase int) []expect.Part {
	canary := f.scenario.Canary
	for i := phase - 1; i >= 0; i-- {
		var parts []expect.Part
		for _, e := range f.scenario.Phases[i].Expect {
			if part, ok := expect.Affects(e, canary); ok {
				parts = append(parts, part)
			}
		}
		if len(parts) > 0 {
			return parts
		}
	}
	return nil
}

// switches are those of a phase that rolls back: of each caller, one for each pod of the canary, and one for what fails
// otherwise.
func (f *forecast) switches(phase int, plan loadgen.Plan) []expect.Switch {
	s, parts, before := f.scenario, f.affected(phase), phase-1
	spec := s.spec(s.Phases[phase])
	open, answers := f.watched(before, plan), 0
	if slices.ContainsFunc(s.Phases[before].Expect, atOnce) {
		open = time.Second // a gate asks once a second
		canary := 0.0
		for _, entry := range plan.Entries() {
			share, _, rate := shares(parts, cohorts(plan, entry, ""), plan)
			canary += share * rate
		}
		if d := f.decisions[before]; d.all > 0 && canary > 0 {
			answers, open = d.all, time.Duration(float64(d.all)/canary*float64(time.Second))
		}
	}
	// What the canary had is known by the phases before too, as far as they kept it.
	for i := before; i > 0 && s.keeps(s.Phases[i]); i-- {
		open, answers = open+f.watched(i-1, plan), 0
	}
	pods := max(s.pods(before, s.Canary), 1)
	var all []expect.Switch
	for _, entry := range plan.Entries() {
		canary, failing, rate := shares(parts, cohorts(plan, entry, spec.Cohort), plan)
		rate /= float64(f.agents)
		one := expect.Switch{
			Rate: rate, Before: int(rate * open.Seconds()), After: int(rate * f.watched(phase, plan).Seconds()),
		}
		if canary > 0 {
			one.Share = canary / float64(pods)
			if answers > 0 {
				one.Affected = max(int(one.Share*float64(one.Before)), 1)
			}
			for range pods {
				all = append(all, one)
			}
		}
		if failing > 0 {
			one.Share, one.Affected = failing, 0
			all = append(all, one)
		}
	}
	return all
}

// cohorts are the names of those of an entry, or of the one of them that is asked for.
func cohorts(plan loadgen.Plan, entry loadgen.Entry, one string) []string {
	var names []string
	for _, c := range plan.Cohorts {
		if c.Via() == entry && (one == "" || c.Name == one) {
			names = append(names, c.Name)
		}
	}
	return names
}

// shares are what parts come to for some cohorts together: which part of their requests the canary answers, which fails
// otherwise, and the rate of them.
func shares(parts []expect.Part, names []string, plan loadgen.Plan) (canary, failing, rate float64) {
	for _, name := range names {
		rate += plan.RateOf(name)
	}
	if rate == 0 {
		return 0, 0, 0
	}
	for _, byCanary := range []bool{true, false} {
		sum := 0.0
		for _, name := range names {
			share := 0.0
			for _, p := range parts {
				if p.Canary == byCanary && (p.Cohort == "" || p.Cohort == name) {
					share = max(share, p.Share)
				}
			}
			sum += share * plan.RateOf(name) / rate
		}
		if byCanary {
			canary = sum
		} else {
			failing = sum
		}
	}
	return canary, failing, rate
}

// pods is how many pods of a version there are in a phase, as far as the scenario's files and steps say.
func (s Scenario) pods(phase int, version string) (n int) {
	st, err := s.state(phase)
	if err != nil {
		return 0 // what is wrong with a file is told when it is applied
	}
	for _, o := range st.objects {
		if o.GetKind() == deploymentKind && versionOf(o) == version {
			n += int(st.replicasOf(o.GetName()))
		}
	}
	return n
}
