package expect

import (
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports/analysis"
)

func TestDrainedWithin(t *testing.T) {
	claim := DrainedWithin(time.Second)
	holds(t, "drained-within", []judged{
		{"quick", claim, drained(100*time.Millisecond, 1e-9), pass, ""},
		{"slow", claim, drained(2*time.Second, 1e-9), fail, "longer"},
		// That it took longer is certain.
		{"slow and unsure", claim, drained(2*time.Second, 0.5), fail, "longer"},
		{"quick and unsure", claim, drained(100*time.Millisecond, 0.5), inconclusive, "too few requests followed"},
		{"nothing affected", claim, analysis.Observation{Rollback: &analysis.Rollback{}}, inconclusive, "affected"},
		{"no rollback", claim, analysis.Observation{}, inconclusive, "did not roll back"},
	})
}
