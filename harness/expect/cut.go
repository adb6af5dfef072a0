package expect

import (
	"fmt"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// Cut claims that of a cohort's TCP connections to version that are open when the phase's change has arrived
// everywhere, percent are ended by the other side in the end: by a proxy or by the pod, and not by the caller.
func Cut(cohort, version string, percent float64) cut {
	return cut{open{cohort, version, percent, false}}
}

type cut struct{ open }

// AtLeast makes the claim a bound: that many percent, or more.
func (c cut) AtLeast() cut { return cut{c.open.AtLeast()} }

// String implements Expectation.
func (c cut) String() string {
	return fmt.Sprintf("%s of the open connections of %s to %s are ended by the other side", c.amount(), c.cohort,
		c.version)
}

// Validate tells whether the claim makes sense.
func (c cut) Validate() error { return c.open.Validate() }

// Check implements Expectation.
func (c cut) Check(seen analysis.Observation) reports.Verdict {
	of := seen.Open[c.cohort][c.version]
	return c.judge("cut", c.String(), seen, of.Cut, of.Connections)
}

func (c cut) offByHalf() (half Expectation, ok bool) {
	if half, ok := c.open.offByHalf(); ok {
		return cut{half.(open)}, true
	}
	return nil, false
}

func (c cut) record() Record {
	r := c.open.record()
	r.Kind = "cut"
	return r
}

var _ = recorded("cut", func(r Record) Expectation {
	return cut{open{r.Cohort, r.Version, r.Percent, r.Bound > 0}}
})
