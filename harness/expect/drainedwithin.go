package expect

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports"
)

// DrainedWithin claims that the last answer of the canary is done within d after the API server accepted the
// rollback: the opposite of LingersFor.
func DrainedWithin(d time.Duration) drainedWithin { return drainedWithin{d} }

type drainedWithin struct{ most time.Duration }

// Cohort implements Expectation. The phase says which cohort its clock watches.
func (drainedWithin) Cohort() string { return "" }

// Need implements Expectation: as for RecoveredWithin.
func (drainedWithin) Need() int { return requests(0) }

// Requires says that the phase has to roll back.
func (drainedWithin) Requires() Requirement { return Requirement{Rollback: true} }

// String implements Expectation.
func (d drainedWithin) String() string {
	return fmt.Sprintf("the last request that the canary had is done within %s", d.most)
}

// Validate tells whether the claim makes sense.
func (d drainedWithin) Validate() error { return positive(d, d.most) }

// Check implements Expectation.
func (d drainedWithin) Check(o reports.Observation) reports.Verdict {
	v := reports.Verdict{Kind: "drained-within", Want: d.String()}
	return judgeDrain(v, o, func(drain time.Duration) (wrong string) {
		if drain > d.most {
			return "it took longer"
		}
		return ""
	})
}
