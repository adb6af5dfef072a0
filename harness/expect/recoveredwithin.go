package expect

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// RecoveredWithin claims that d after the API server accepted a rollback at the latest, no request is routed
// the old way any more. It is judged by the upper end of the bracket of the route time (see analysis.Rollback),
// so that a coarse clock can't pass it by luck.
func RecoveredWithin(d time.Duration) recoveredWithin { return recoveredWithin{within: d} }

type recoveredWithin struct {
	aboutRollback
	within time.Duration
}

// String implements Expectation.
func (r recoveredWithin) String() string {
	return "the rollback is effective within " + r.within.String()
}

// Validate tells whether the claim makes sense.
func (r recoveredWithin) Validate() error { return positive(r, r.within) }

// Check implements Expectation.
func (r recoveredWithin) Check(o analysis.Observation) reports.Verdict {
	v := reports.Verdict{Kind: "recovered-within", Want: r.String()}
	b := o.Rollback
	if b == nil {
		v.Saw = "no rollback"
		return unsure(v, noRollback)
	}
	v.Saw = b.String()
	switch {
	case b.Route > r.within:
		const late = "an affected request was sent %s after the write was accepted"
		return fails(v, fmt.Sprintf(late, b.Route.Round(time.Millisecond)))
	case !b.Known():
		return unsure(v, "no request was affected before the rollback, so that its end can't be seen")
	case o.SettledAt.IsZero():
		return unsure(v, notSettled)
	case !b.Recovered():
		return unsure(v, notLast(b))
	case b.High > r.within:
		return unsure(v, "affected requests were too rare to time it so finely: send more requests a second, "+
			"or give the canary more of them")
	}
	return passes(v)
}

// A rollback's bracket rests on no pace. It counts requests by when they were really sent, not by when they were due,
// and assumes nothing of the time between them: an agent that stood still leaves a gap, and the bracket is as wide as
// that. So it need not be widened by the lag. What is sent at once is still drawn request by request. But a lighter
// load leaves the proxies more time for the change.
func (recoveredWithin) rests(reports.Verdict, circumstances) footing { return footing{atRate: true} }

// The bracket has to close in what a quick rollback leaves of the time.
func (r recoveredWithin) decidable(o Outlook) bool {
	closes, last := o.closing()
	return last && closes.Seconds() <= (1-quick)*r.within.Seconds()
}

func (r recoveredWithin) record() Record { return Record{Kind: "recovered-within", Time: r.within} }

var _ = recorded("recovered-within", func(r Record) Expectation { return RecoveredWithin(r.Time) })
