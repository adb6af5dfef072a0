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
	})
}
