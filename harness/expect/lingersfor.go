package expect

import "time"

// LingersFor claims that the last answer of the canary is done d or more after the API server accepted the rollback,
// although no new request gets there any more.
func LingersFor(d time.Duration) drain { return drain{lingers: true, time: d} }

var _ = recorded("lingers-for", func(r Record) Expectation { return LingersFor(r.Time) })
