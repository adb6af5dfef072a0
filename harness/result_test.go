package harness

import (
	"slices"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
)

func TestOtherClocks(t *testing.T) {
	pod := func(name, node string, role trace.Role) environment.PodEvent {
		return environment.PodEvent{Pod: trace.Pod{Name: name, Node: node, Role: role}}
	}
	here, there := loadgen.Clock{Boot: "lab"}, loadgen.Clock{
		Boot: "other", Offset: -3 * time.Millisecond, Error: 400 * time.Microsecond,
	}
	for _, tc := range []struct {
		name   string
		pods   []environment.PodEvent
		clocks map[string]loadgen.Clock
		want   []string
	}{
		{
			"the lab's own machine",
			[]environment.PodEvent{pod("c", "a", trace.CallerRole), pod("v1", "a", trace.AppRole)},
			map[string]loadgen.Clock{"c": here}, nil,
		},
		{
			"one other machine",
			[]environment.PodEvent{pod("c", "a", trace.CallerRole), pod("v1", "a", trace.AppRole)},
			map[string]loadgen.Clock{"c": there},
			[]string{"a (off by 3ms, to within 400µs)"},
		},
		{
			"two without an agent", []environment.PodEvent{
				pod("c", "a", trace.CallerRole), pod("v1", "z", trace.AppRole), pod("v2", "b", trace.AppRole),
				pod("v3", "b", trace.AppRole),
			}, map[string]loadgen.Clock{"c": here}, []string{"b (not measured)", "z (not measured)"},
		},
		{
			"not on a machine yet",
			[]environment.PodEvent{pod("c", "a", trace.CallerRole), pod("v1", "", trace.AppRole)},
			map[string]loadgen.Clock{"c": here}, nil,
		},
		{
			"gone",
			[]environment.PodEvent{
				pod("c", "a", trace.CallerRole), pod("v1", "b", trace.AppRole),
				{Pod: trace.Pod{Name: "v1"}, Gone: true},
			},
			map[string]loadgen.Clock{"c": here}, []string{"b (not measured)"},
		},
	} {
		r := &run{pods: newPodTracker(), rec: &recorder{clocks: tc.clocks}}
		for _, e := range tc.pods {
			r.pods.track(e)
		}
		if got := r.otherClocks(); !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}
