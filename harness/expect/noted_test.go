package expect

import (
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

func TestNoted(t *testing.T) {
	at := time.Unix(100, 0)
	seen := func(values map[string]int) analysis.Observation {
		o := analysis.Observation{Start: at, SettledAt: at}
		n := 0
		for _, count := range values {
			n += count
		}
		o.Settled.Cohorts = map[string]analysis.Counts{
			"a": {Requests: n, Noted: map[string]map[string]int{"the path": values}},
		}
		return o
	}
	for _, tc := range []struct {
		name    string
		percent float64
		values  map[string]int
		want    reports.Outcome
	}{
		{"all", 100, map[string]int{"/x": 60}, reports.Pass},
		{"one other", 100, map[string]int{"/x": 59, "/y": 1}, reports.Fail},
		{"few", 100, map[string]int{"/x": 10}, reports.Inconclusive},
		{"none", 100, nil, reports.Inconclusive},
		{"half", 50, map[string]int{"/x": 33, "/y": 27}, reports.Pass},
		{"none of half", 50, map[string]int{"/y": 60}, reports.Fail},
		{"all of half", 50, map[string]int{"/x": 60}, reports.Fail},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := Noted("a", 60, "the path", "/x", tc.percent)
			if got := e.Check(seen(tc.values)); got.Outcome != tc.want {
				t.Errorf("got %+v, want %s", got, tc.want)
			}
			again, err := Make(RecordOf(e))
			if err != nil || again.String() != e.String() {
				t.Errorf("got %v, %v, want the same claim of its record", again, err)
			}
		})
	}
}
