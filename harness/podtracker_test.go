package harness

import (
	"maps"
	"testing"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports/trace"
	"github.com/canarylab/canarylab/sampleapp"
)

func TestPodTrackerCounts(t *testing.T) {
	at := func(version, pod, life string, received uint64) sampleapp.Counters {
		return sampleapp.Counters{Version: version, Pod: pod, Instance: life, Received: received}
	}
	type reading []sampleapp.Counters
	for _, tc := range []struct {
		name  string
		open  reading
		reads []reading
		want  map[string]uint64
	}{
		{
			"what was before does not count", reading{at("v1", "a", "x", 70)}, []reading{{at("v1", "a", "x", 100)}},
			map[string]uint64{"v1": 30},
		},
		{"pods of a version add up", reading{at("v1", "a", "x", 1), at("v1", "b", "y", 2)},
			[]reading{{at("v1", "a", "x", 11), at("v1", "b", "y", 22)}}, map[string]uint64{"v1": 30}},
		{"a version that gets nothing is there", reading{at("v2", "c", "z", 5)}, nil, map[string]uint64{"v2": 0}},
		{"a pod that is gone keeps its count", reading{at("v1", "a", "x", 0), at("v2", "c", "z", 0)},
			[]reading{{at("v1", "a", "x", 10), at("v2", "c", "z", 1)}, {at("v2", "c", "z", 2)}}, map[string]uint64{
				"v1": 10, "v2": 2,
			}},
		{
			"a new pod begins at 0", reading{at("v1", "a", "x", 3)},
			[]reading{{at("v1", "a", "x", 3), at("v1", "b", "y", 4)}}, map[string]uint64{"v1": 4},
		},
		{"a restart begins a new count", reading{at("v1", "a", "x", 3)},
			[]reading{{at("v1", "a", "x", 10)}, {at("v1", "a", "y", 2)}}, map[string]uint64{"v1": 9}},
		{"an older reading takes nothing back", reading{at("v1", "a", "x", 3)},
			[]reading{{at("v1", "a", "x", 10)}, {at("v1", "a", "x", 8)}}, map[string]uint64{"v1": 7}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tracker := newPodTracker()
			tracker.open(tc.open)
			for _, reading := range tc.reads {
				tracker.read(reading)
			}
			if got := tracker.received(); !maps.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// What a pod says when it ends is its final count; a life of which nothing is final was lost.
func TestPodTrackerKeepsLastWords(t *testing.T) {
	tracker := newPodTracker()
	pod := trace.Pod{Name: "a", Role: trace.AppRole, Version: "label", IP: "10.0.0.1", Sidecar: true}
	tracker.track(environment.PodEvent{Pod: pod})
	tracker.open([]sampleapp.Counters{{Version: "v1", Pod: "a", Instance: "x", Received: 7}})
	tracker.track(environment.PodEvent{
		Pod: pod, Leaving: true,
		LastWords: []sampleapp.Counters{{Version: "v1", Pod: "a", Instance: "x", Received: 50}},
	})
	got, _ := tracker.track(environment.PodEvent{Pod: trace.Pod{Name: "a"}, Gone: true})
	if len(got.Instances) != 1 || got.Instances[0] != (trace.Instance{
		Name: "x", Base: 7, Received: 50, Final: true,
	}) {
		t.Errorf("got instances %+v, want one with 7 to 50, final", got.Instances)
	}
	if got.Version != "v1" || got.IP != "10.0.0.1" || !got.Sidecar || !tracker.left("a") {
		t.Errorf("got %+v, left %t, want v1 with its address and sidecar, gone", got, tracker.left("a"))
	}
	tracker.read([]sampleapp.Counters{{Version: "v2", Pod: "b", Instance: "y", Received: 3}})
	if b := tracker.all()[1]; b.Instances[0].Final || tracker.left("b") {
		t.Errorf("got %+v, left %t, want a pod whose count is not final", b, tracker.left("b"))
	}
	tracker.readLast([]sampleapp.Counters{{Version: "v2", Pod: "b", Instance: "y", Received: 3}})
	if b := tracker.all()[1]; !b.Instances[0].Final {
		t.Errorf("got %+v, want it final", b)
	}
}
