package expect

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// DrainedWithin claims that the last answer of the canary is done within d after the API server accepted the
// rollback: the opposite of LingersFor.
func DrainedWithin(d time.Duration) drainedWithin { return drainedWithin{most: d} }

type drainedWithin struct {
	aboutRollback
	most time.Duration
}

// String implements Expectation.
func (d drainedWithin) String() string {
	return fmt.Sprintf("the last request that the canary had is done within %s", d.most)
}

// Validate tells whether the claim makes sense.
func (d drainedWithin) Validate() error { return positive(d, d.most) }

// Check implements Expectation.
func (d drainedWithin) Check(o analysis.Observation) reports.Verdict {
	v := reports.Verdict{Kind: "drained-within", Want: d.String()}
	return judgeDrain(v, o, func(drain time.Duration) (wrong string) {
		if drain > d.most {
			return "it took longer"
		}
		return ""
	})
}
