package harness

import (
	"maps"
	"slices"

	"github.com/canarylab/canarylab/reports/trace"
	"github.com/canarylab/canarylab/sampleapp"
)

// A roster knows the pods of a run, and what those of the app counted. Pods come and go, and with them their counters: of a
// pod that is gone its last words count, or what was read last. It is not safe for concurrent use.
type roster struct {
	pods map[string]*trace.Pod
	// leaves has the pods that were told to end, false for those that have ended.
	leaves map[string]bool
}

// A podNews is what was seen of a pod.
type podNews struct {
	// Pod has no Instances. Its Name may be all that is known of a pod that is Gone.
	Pod trace.Pod
	// Leaving tells that the pod was told to end, Gone that it has.
	Leaving, Gone bool
	// LastWords are what an app's container left when it ended.
	LastWords []sampleapp.Counters
	// Trouble says what happened to the pod that no step calls for, such as a restart.
	Trouble string
}

func newRoster() *roster { return &roster{pods: map[string]*trace.Pod{}, leaves: map[string]bool{}} }

// open takes what was received so far as the beginning.
func (r *roster) open(all []sampleapp.Counters) {
	r.read(all)
	for _, p := range r.pods {
		for i := range p.Instances {
			p.Instances[i].Base = p.Instances[i].Received
		}
	}
}

// hear takes news, and returns the pod as it is now.
func (r *roster) hear(n podNews) trace.Pod {
	p := r.pod(n.Pod.Name)
	if n.Pod.Role != "" {
		known := *p
		*p = n.Pod
		if p.Instances = known.Instances; len(p.Instances) > 0 {
			p.Version = known.Version
		}
		// A pod that has ended has no address any more; its log entries have.
		if p.IP == "" {
			p.IP = known.IP
		}
	}
	if _, known := r.leaves[p.Name]; n.Gone || n.Leaving && !known {
		r.leaves[p.Name] = !n.Gone
	}
	for _, c := range n.LastWords {
		r.count(p, c).Final = true
	}
	return clonePod(p)
}

// left tells whether the pod is gone or about to be.
func (r *roster) left(pod string) bool {
	_, left := r.leaves[pod]
	return left
}

// leaving names the app's pods that were told to end and have not said their last.
func (r *roster) leaving() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(r.pods)) {
		p := r.pods[name]
		final := !slices.ContainsFunc(p.Instances, func(i trace.Instance) bool { return !i.Final })
		if r.leaves[name] && p.Role == trace.AppRole && !final {
			all = append(all, name)
		}
	}
	return all
}

// read takes a reading of counters.
func (r *roster) read(all []sampleapp.Counters) {
	for _, c := range all {
		r.count(r.pod(c.Pod), c)
	}
}

// settle takes a reading that nothing can follow: there is no load any more.
func (r *roster) settle(all []sampleapp.Counters) {
	for _, c := range all {
		r.count(r.pod(c.Pod), c).Final = true
	}
}

func (r *roster) pod(name string) *trace.Pod {
	p, ok := r.pods[name]
	if !ok {
		p = &trace.Pod{Name: name}
		r.pods[name] = p
	}
	return p
}

// count is the life of p's container that c belongs to, with c taken in.
func (r *roster) count(p *trace.Pod, c sampleapp.Counters) *trace.Instance {
	// What the app itself says is what its answers carry, whatever its label is.
	p.Role, p.Version = trace.AppRole, c.Version
	i := slices.IndexFunc(p.Instances, func(i trace.Instance) bool { return i.Name == c.Instance })
	if i < 0 {
		i = len(p.Instances)
		p.Instances = append(p.Instances, trace.Instance{Name: c.Instance})
	}
	// Readings that overlap may come in either order.
	p.Instances[i].Received = max(p.Instances[i].Received, c.Received)
	return &p.Instances[i]
}

// all are the pods as they are now, in the order of their names.
func (r *roster) all() []trace.Pod {
	var all []trace.Pod
	for _, name := range slices.Sorted(maps.Keys(r.pods)) {
		all = append(all, clonePod(r.pods[name]))
	}
	return all
}

// received sums up by version what came since open. A version is left out while one of its pods is about to end: it may still
// receive, is not asked any more, and has not said its last.
func (r *roster) received() map[string]uint64 {
	sum := map[string]uint64{}
	for _, p := range r.pods {
		for _, i := range p.Instances {
			sum[p.Version] += i.Received - i.Base
		}
	}
	for _, name := range r.leaving() {
		delete(sum, r.pods[name].Version)
	}
	return sum
}

func clonePod(p *trace.Pod) trace.Pod {
	out := *p
	out.Instances = slices.Clone(p.Instances)
	return out
}
