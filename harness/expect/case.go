package expect

import (
	"fmt"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// Case claims what a test case of somebody's own says of the requests of a cohort: that they end at the places, each of
// which gets its share, or with not, that they do not end so. It is judged as Lands is, beside what the YAML says.
func Case(cohort string, not bool, need int, places ...reports.Place) *testCase {
	return &testCase{lands{cohort, need, places}, not}
}

// kindCase is the Kind of a verdict on a test case.
const kindCase = "case"

type testCase struct {
	lands
	not bool
}

// String implements Expectation.
func (c *testCase) String() string {
	if c.not {
		return fmt.Sprintf("the case does not hold that %s", &c.lands)
	}
	return c.lands.String()
}

// Check implements Expectation.
func (c *testCase) Check(o analysis.Observation) reports.Verdict {
	v := c.lands.Check(o)
	v.Kind, v.Want = kindCase, c.String()
	if !c.not {
		return v
	}
	switch v.Outcome {
	case reports.Pass:
		return fails(v, "they do")
	case reports.Fail:
		v.Why = ""
		return passes(v)
	}
	return v
}

func (c *testCase) rests(v reports.Verdict, at circumstances) footing {
	if c.not && v.Outcome == reports.Pass {
		v.Outcome = reports.Fail // it rests on what contradicts the places
	} else if c.not && v.Outcome == reports.Fail {
		v.Outcome = reports.Pass
	}
	return c.lands.rests(v, at)
}

func (c *testCase) record() Record {
	r := c.lands.record()
	r.Kind = kindCase
	if c.not {
		r.Bound = -1
	}
	return r
}

var _ = recorded(kindCase, func(r Record) Expectation { return Case(r.Cohort, r.Bound < 0, r.Count, r.Places...) })
