package expect

import (
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports/analysis"
)

// drained is a phase with a rollback that took effect by that chance, and in which the canary's last answer was
// done then.
func drained(drain time.Duration, chance float64) analysis.Observation {
	return analysis.Observation{Rollback: &analysis.Rollback{
		Resolution: time.Millisecond, High: 200 * time.Millisecond, Chance: chance, Drain: drain,
	}}
}

func TestLingersFor(t *testing.T) {
	claim := LingersFor(time.Second)
	holds(t, "lingers-for", []judged{
		{"slow", claim, drained(2*time.Second, 1e-9), pass, ""},
		{"quick", claim, drained(100*time.Millisecond, 1e-9), fail, "sooner"},
		{"unsure", claim, drained(2*time.Second, 0.5), inconclusive, "too few requests followed"},
		{"nothing affected", claim, analysis.Observation{Rollback: &analysis.Rollback{}}, inconclusive, "affected"},
		{"no rollback", claim, analysis.Observation{}, inconclusive, "did not roll back"},
	})
}
