package live

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/patience"
	"github.com/canarylab/canarylab/loadgen"
)

// startLead is how long before the common start of several agents their plans are sent: the way to a pod takes
// a fraction of it.
var startLead = patience.Of(2 * time.Second)

// callers implements environment.Callers by load agents in pods.
type callers struct {
	k *kube.Client
	// gateway is the namespace of the ingress gateway, empty where that is the callers'.
	gateway string
	// allowRealTime is that of Cluster.
	allowRealTime func(pod *corev1.Pod, container string, share time.Duration) (takeBack func(), err error)
	// all returns the namespaces that belong to that of the callers.
	all func(ns string) []string
	// volume is the Cluster's.
	volume func(uid types.UID, volume string) string
}

// An agent sends its part of a load from a pod.
type agent struct {
	k       *kube.Client
	ns, pod string
	plan    loadgen.Plan
	// is the pod as it was found.
	is *corev1.Pod
	// folder is the one with the pod's socket on this machine, empty where the pod is elsewhere.
	folder string
	// clock is how the pod's clock stands to this process's.
	clock loadgen.Clock
}

// Attack implements environment.Callers.
func (c callers) Attack(ctx context.Context, ns string, plan loadgen.Plan, orders loadgen.Orders,
	h loadgen.Handler) ([]*loadgen.End, error) {
	agents, err := c.agents(ctx, ns, plan)
	if err != nil {
		return nil, err
	}
	defer c.realTime(agents)()
	measuring, measured := errgroup.WithContext(ctx)
	for _, a := range agents {
		measuring.Go(func() (err error) {
			a.clock, err = a.measureClock(measured)
			return err
		})
	}
	if err := measuring.Wait(); err != nil {
		return nil, err
	}
	if plan.Agents > 1 {
		start := time.Now().Add(startLead).Round(0)
		for _, a := range agents {
			a.plan.Start = start.Add(-a.clock.Offset)
		}
	}
	ends := make([]*loadgen.End, len(agents))
	err = sideBySide(ctx, orders, len(agents), func(ctx context.Context, i int, orders loadgen.Orders) (err error) {
		ends[i], err = agents[i].attack(ctx, orders, h)
		return err
	})
	return ends, err
}

// agents returns the agents that share plan: as many as it says for each entry, and one for each named caller.
func (c callers) agents(ctx context.Context, ns string, plan loadgen.Plan) ([]*agent, error) {
	var all []*agent
	for _, stand := range plan.Stands() {
		part, err := plan.From(stand)
		if err == nil && stand.Entry == loadgen.Gateway {
			part, err = part.Through(strings.TrimSuffix(addons.Gateway+"."+c.gateway, "."))
		}
		if err != nil {
			return nil, err
		}
		who, in := "app="+addons.CallerOf(stand.Entry), []string{ns}
		if stand.Caller != "" {
			who, in = addons.CallerLabel+"="+stand.Caller, c.all(ns)
		}
		var pods []corev1.Pod
		for _, one := range in {
			found, err := c.k.Pods(ctx, one, who)
			if err != nil {
				return nil, err
			}
			pods = append(pods, found...)
		}
		if want := max(plan.Agents, 1); len(pods) != want {
			return nil, fmt.Errorf("want %d ready pods %s in namespace %s, got %d", want, who, strings.Join(in, " or "),
				len(pods))
		}
		for i, pod := range pods {
			part.Agent = i
			a := &agent{k: c.k, ns: pod.Namespace, pod: pod.Name, plan: part, is: &pod}
			if c.volume != nil {
				a.folder = c.volume(pod.UID, addons.Volume)
			}
			all = append(all, a)
		}
	}
	return all, nil
}

// realTimeFor is how much real time an agent gets for each request: some four times what it took of a processor on the
// slower of two machines. One that has used its time up stands still for the rest of the second.
const realTimeFor = 1600 * time.Microsecond

// leastRealTime is for what an agent does beside sending.
const leastRealTime = 50 * time.Millisecond

// realTime lets the agents run before all other programs, as far as the cluster can. Those that may not say so, and
// send all the same.
func (c callers) realTime(agents []*agent) (takeBack func()) {
	if c.allowRealTime == nil {
		return func() {}
	}
	var all []func()
	for _, a := range agents {
		own := a.plan.TotalRate() / float64(max(a.plan.Agents, 1))
		back, err := c.allowRealTime(a.is, addons.CallerContainer,
			max(leastRealTime, time.Duration(own*float64(realTimeFor))))
		if err == nil {
			all = append(all, back)
		}
	}
	return func() {
		for _, back := range all {
			back()
		}
	}
}

// sideBySide calls send for 0 to n-1, and returns the first error when all have ended. They are one load: when
// that is ordered, or as soon as one of them ends, the others are told to stop. Each gets every other order. When one
// fails, ctx ends for the others: their errors would only follow from its own.
func sideBySide(ctx context.Context, orders loadgen.Orders, n int,
	send func(ctx context.Context, i int, orders loadgen.Orders) error) error {
	halt := make(chan struct{})
	end := sync.OnceFunc(func() { close(halt) })
	done := make(chan struct{})
	defer close(done)
	stages := make([]chan loadgen.Stage, n)
	for i := range stages {
		stages[i] = make(chan loadgen.Stage)
	}
	go passOn(orders, stages, end, done)
	g, ctx := errgroup.WithContext(ctx)
	for i := range n {
		g.Go(func() error {
			defer end()
			return send(ctx, i, loadgen.Orders{Stop: halt, Stages: stages[i]})
		})
	}
	return g.Wait()
}

// passOn hands orders on to each, and calls end for the last one, until done is closed.
func passOn(orders loadgen.Orders, stages []chan loadgen.Stage, end func(), done <-chan struct{}) {
	for {
		select {
		case s := <-orders.Stages:
			for _, each := range stages {
				select {
				case each <- s:
				case <-orders.Stop:
				case <-done:
				}
			}
		case <-orders.Stop:
			end()
			return
		case <-done:
			return
		}
	}
}
