package harness

import (
	"maps"
	"slices"
	"sync"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports/trace"
	"github.com/canarylab/canarylab/sampleapp"
)

// A podTracker knows the pods of a run, and what those of the app counted. Pods come and go, and with them
// their counters: of a pod that is gone its last words count, or what was read last. It is safe for concurrent
// use.
type podTracker struct {
	mu   sync.Mutex
	pods map[string]*trace.Pod
	// leaves has the pods that were told to end: true until they have ended, false from then on.
	leaves map[string]bool
}

func newPodTracker() *podTracker {
	return &podTracker{pods: map[string]*trace.Pod{}, leaves: map[string]bool{}}
}

// open takes what was received so far as the beginning.
func (t *podTracker) open(all []sampleapp.Counters) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count(all, false)
	for _, p := range t.pods {
		for i := range p.Instances {
			p.Instances[i].Base = p.Instances[i].Received
		}
	}
}

// read takes a reading of counters.
func (t *podTracker) read(all []sampleapp.Counters) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count(all, false)
}

// readLast takes a reading that nothing can follow: there is no load any more.
func (t *podTracker) readLast(all []sampleapp.Counters) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count(all, true)
}

// track takes what was seen of a pod, and returns the pod as it is now. leaves tells that this is the first
// that is heard of its end.
func (t *podTracker) track(e environment.PodEvent) (pod trace.Pod, leaves bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pod(e.Pod.Name)
	if e.Pod.Role != "" {
		known := *p
		*p = e.Pod
		if p.Instances = known.Instances; len(p.Instances) > 0 {
			p.Version = known.Version
		}
		// A pod that has ended has no address any more; its log entries have.
		if p.IP == "" {
			p.IP = known.IP
		}
	}
	_, known := t.leaves[p.Name]
	leaves = (e.Leaving || e.Gone) && !known
	if e.Gone || leaves {
		t.leaves[p.Name] = !e.Gone
	}
	t.count(e.LastWords, true)
	return clonePod(p), leaves
}

// left tells whether the pod is gone or about to be.
func (t *podTracker) left(pod string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, left := t.leaves[pod]
	return left
}

// leaving names the app's pods that were told to end and have not said their last.
func (t *podTracker) leaving() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.unfinished()
}

// all returns the pods as they are now, in the order of their names.
func (t *podTracker) all() []trace.Pod {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []trace.Pod
	for _, name := range slices.Sorted(maps.Keys(t.pods)) {
		all = append(all, clonePod(t.pods[name]))
	}
	return all
}

// received sums up by version what came since open. A version is left out while one of its pods is about to
// end: that pod may still receive, is not asked any more, and has not said its last.
func (t *podTracker) received() map[string]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := map[string]uint64{}
	for _, p := range t.pods {
		for _, i := range p.Instances {
			sum[p.Version] += i.Received - i.Base
		}
	}
	for _, name := range t.unfinished() {
		delete(sum, t.pods[name].Version)
	}
	return sum
}

// The rest is for whoever holds mu.

func (t *podTracker) unfinished() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(t.pods)) {
		p := t.pods[name]
		said := !slices.ContainsFunc(p.Instances, func(i trace.Instance) bool { return !i.Final })
		if t.leaves[name] && p.Role == trace.AppRole && !said {
			all = append(all, name)
		}
	}
	return all
}

func (t *podTracker) pod(name string) *trace.Pod {
	if t.pods[name] == nil {
		t.pods[name] = &trace.Pod{Name: name}
	}
	return t.pods[name]
}

// count takes in counters, each of one life of its pod's container.
func (t *podTracker) count(all []sampleapp.Counters, final bool) {
	for _, c := range all {
		p := t.pod(c.Pod)
		// What the app itself says is what its answers carry, whatever its label is.
		p.Role, p.Version = trace.AppRole, c.Version
		i := slices.IndexFunc(p.Instances, func(i trace.Instance) bool { return i.Name == c.Instance })
		if i < 0 {
			i = len(p.Instances)
			p.Instances = append(p.Instances, trace.Instance{Name: c.Instance})
		}
		// Readings that overlap may come in either order.
		p.Instances[i].Received = max(p.Instances[i].Received, c.Received)
		p.Instances[i].Final = p.Instances[i].Final || final
	}
}

func clonePod(p *trace.Pod) trace.Pod {
	out := *p
	out.Instances = slices.Clone(p.Instances)
	return out
}
