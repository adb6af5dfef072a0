package expect

import (
	"testing"

	"github.com/canarylab/canarylab/reports/analysis"
)

func TestUntouched(t *testing.T) {
	underWay := func(o analysis.Observation, v2 int) analysis.Observation {
		o.UnderWay = map[string]int{"v2": v2}
		return o
	}
	received := func(o analysis.Observation, v2 uint64) analysis.Observation {
		o.Received = map[string]uint64{"v2": v2}
		return o
	}
	holds(t, "untouched", []judged{
		{"untouched", Untouched("v2"), received(split(2000, 0), 0), pass, ""},
		{"untouched, no counter read", Untouched("v2"), split(2000, 0), inconclusive, "not read at both ends"},
		{
			"untouched, another's counter read", Untouched("v3"), received(split(2000, 0), 0), inconclusive,
			"the counter of v3",
		},
		{"untouched, one answer", Untouched("v2"), split(2000, 1), fail, "answered"},
		{"untouched, answer lost", Untouched("v2"), received(split(2000, 0), 1), fail, "received requests"},
		{"untouched, some were under way", Untouched("v2"), underWay(received(split(2000, 0), 6), 40), pass, ""},
		{
			"untouched, more than were under way", Untouched("v2"), underWay(received(split(2000, 0), 41), 40), fail,
			"received requests",
		},
		{"untouched, too few", Untouched("v2"), received(split(20, 0), 0), inconclusive, "too few"},
		{"untouched, no data", Untouched("v2"), split(0, 0), inconclusive, ""},
	})
}
