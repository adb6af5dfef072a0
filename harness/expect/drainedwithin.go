package expect

import "time"

// DrainedWithin claims that the last answer of the canary is done within d after the API server accepted the
// rollback: the opposite of LingersFor.
func DrainedWithin(d time.Duration) drain { return drain{time: d} }

var _ = recorded("drained-within", func(r Record) Expectation { return DrainedWithin(r.Time) })
