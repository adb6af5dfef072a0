package live

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/loadgen"
)

// startLead is how long before the common start of several agents their plans are sent: the way to a pod takes
// a fraction of it.
const startLead = 2 * time.Second

// callers implements environment.Callers by load agents in pods.
type callers struct{ k *kube.Client }

// An agent sends its part of a load from a pod.
type agent struct {
	k       *kube.Client
	ns, pod string
	plan    loadgen.Plan
	// clock is how the pod's clock stands to this process's.
	clock loadgen.Clock
}

func (c callers) Attack(ctx context.Context, ns string, plan loadgen.Plan, stop <-chan struct{},
	h loadgen.Handler) ([]*loadgen.End, error) {
	agents, err := c.agents(ctx, ns, plan)
	if err != nil {
		return nil, err
	}
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
	err = sideBySide(ctx, stop, len(agents), func(ctx context.Context, i int, stop <-chan struct{}) (err error) {
		ends[i], err = agents[i].attack(ctx, stop, h)
		return err
	})
	return ends, err
}

// agents returns the agents that share plan: as many as it says for each entry.
func (c callers) agents(ctx context.Context, ns string, plan loadgen.Plan) ([]*agent, error) {
	var all []*agent
	for _, entry := range plan.Entries() {
		part, err := plan.Only(entry)
		if err == nil && entry == loadgen.Gateway {
			part, err = part.Through(addons.Gateway)
		}
		if err != nil {
			return nil, err
		}
		app, want := addons.Caller(entry), max(plan.Agents, 1)
		pods, err := c.k.Pods(ctx, ns, "app="+app)
		if err != nil {
			return nil, err
		}
		if len(pods) != want {
			return nil, fmt.Errorf("want %d ready pods %s in namespace %s, got %d", want, app, ns, len(pods))
		}
		for i, pod := range pods {
			part.Agent = i
			all = append(all, &agent{k: c.k, ns: ns, pod: pod.Name, plan: part})
		}
	}
	return all, nil
}

// sideBySide calls send for 0 to n-1, and returns the first error when all have ended. They are one load: when
// stop is closed, or as soon as one of them ends, the others are told to stop. When one fails, ctx ends for the
// others: their errors would only follow from its own.
func sideBySide(ctx context.Context, stop <-chan struct{}, n int,
	send func(ctx context.Context, i int, stop <-chan struct{}) error) error {
	halt := make(chan struct{})
	end := sync.OnceFunc(func() { close(halt) })
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-stop:
			end()
		case <-done:
		}
	}()
	g, ctx := errgroup.WithContext(ctx)
	for i := range n {
		g.Go(func() error {
			defer end()
			return send(ctx, i, halt)
		})
	}
	return g.Wait()
}
