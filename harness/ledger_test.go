package harness

import (
	"maps"
	"testing"
	"time"

	"github.com/canarylab/canarylab/sampleapp"
)

func TestLedger(t *testing.T) {
	born := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	at := func(version, pod string, since time.Duration, received uint64) sampleapp.Counters {
		return sampleapp.Counters{Version: version, Pod: pod, Since: born.Add(since), Received: received}
	}
	type reading []sampleapp.Counters
	for _, tc := range []struct {
		name  string
		open  reading
		reads []reading
		want  map[string]uint64
	}{
		{"what was before does not count", reading{at("v1", "a", 0, 70)}, []reading{{at("v1", "a", 0, 100)}}, map[string]uint64{"v1": 30}},
		{"pods of a version add up", reading{at("v1", "a", 0, 1), at("v1", "b", 0, 2)},
			[]reading{{at("v1", "a", 0, 11), at("v1", "b", 0, 22)}}, map[string]uint64{"v1": 30}},
		{"a version that gets nothing is there", reading{at("v2", "c", 0, 5)}, nil, map[string]uint64{"v2": 0}},
		{"a pod that is gone keeps its count", reading{at("v1", "a", 0, 0), at("v2", "c", 0, 0)},
			[]reading{{at("v1", "a", 0, 10), at("v2", "c", 0, 1)}, {at("v2", "c", 0, 2)}}, map[string]uint64{"v1": 10, "v2": 2}},
		{"a new pod begins at 0", reading{at("v1", "a", 0, 3)}, []reading{{at("v1", "a", 0, 3), at("v1", "b", 1, 4)}}, map[string]uint64{"v1": 4}},
		{"a restart begins a new count", reading{at("v1", "a", 0, 3)},
			[]reading{{at("v1", "a", 0, 10)}, {at("v1", "a", time.Second, 2)}}, map[string]uint64{"v1": 9}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var l ledger
			l.open(tc.open)
			for _, r := range tc.reads {
				l.read(r)
			}
			if got := l.received(); !maps.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
