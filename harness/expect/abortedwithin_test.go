package expect

import (
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports/analysis"
)

func TestAbortedWithin(t *testing.T) {
	holds(t, "aborted-within", []judged{
		{"in time", AbortedWithin(5 * time.Second), detected(foundBad), pass, ""},
		{"too late", AbortedWithin(time.Second), detected(foundBad), fail, "it took 2s"},
		{"good", AbortedWithin(5 * time.Second), detected(foundGood), fail, "the other way"},
		{"too soon", AbortedWithin(5 * time.Second), detected(hasty), fail, "false alarm"},
		{"no decision", AbortedWithin(5 * time.Second), analysis.Observation{}, inconclusive, "nothing was decided"},
		{"no decision in time", AbortedWithin(5 * time.Second), watched(6 * time.Second), fail, "was decided in 6s"},
		{"cut short", AbortedWithin(5 * time.Second), watched(4 * time.Second), inconclusive, "nothing was decided"},
	})
}

// watched is a phase that was watched for so long, and in which nothing was decided.
func watched(d time.Duration) analysis.Observation {
	o := split(900, 100)
	o.Settled.Start, o.Settled.End = began, began.Add(d)
	return o
}
