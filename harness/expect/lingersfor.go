package expect

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// LingersFor claims that the last answer of the canary is done d or more after the API server accepted the rollback,
// although no new request gets there any more.
func LingersFor(d time.Duration) lingersFor { return lingersFor{least: d} }

type lingersFor struct {
	aboutRollback
	least time.Duration
}

// String implements Expectation.
func (l lingersFor) String() string {
	return fmt.Sprintf("requests that the canary has already go on there for %s or more", l.least)
}

// Validate tells whether the claim makes sense.
func (l lingersFor) Validate() error { return positive(l, l.least) }

// Check implements Expectation.
func (l lingersFor) Check(o analysis.Observation) reports.Verdict {
	v := reports.Verdict{Kind: "lingers-for", Want: l.String()}
	return judgeDrain(v, o, func(drain time.Duration) (wrong string) {
		if drain < l.least {
			return "all were done sooner"
		}
		return ""
	})
}
