package harness

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/canarylab/canarylab/reports"
)

// Churn writes the ServiceEntries of one of the scenario's files again and again, Every so long, each time with other
// endpoints, as a registry's sync or an unsteady deployment of somebody else's does. It goes on until Calm, or until
// the end of the run.
type Churn struct {
	File  string
	Every time.Duration
}

// Churn's Every may be so short and so long: the API server has to keep up, and istiod waits for 100 ms of calm.
const leastChurn, mostChurn = 10 * time.Millisecond, time.Minute

// String implements Step.
func (c Churn) String() string {
	return fmt.Sprintf("while sleep %g; do kubectl apply -f %s with other endpoints; done", c.Every.Seconds(), c.File)
}

// Action implements Step.
func (c Churn) Action() reports.Action {
	return reports.Action{Kind: "churn", Brief: "churn " + stem(c.File), File: c.File}
}

func (c Churn) check(s Scenario, _ map[string]bool) error {
	if c.Every < leastChurn || c.Every > mostChurn {
		return fmt.Errorf("it writes every %s, want %s to %s", c.Every, leastChurn, mostChurn)
	}
	_, err := c.objects(s)
	return err
}

// objects are what is written.
func (c Churn) objects(s Scenario) ([]object, error) {
	all, err := s.objects(c.File)
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if o.GetKind() != "ServiceEntry" || len(endpointsOf(o)) == 0 {
			return nil, fmt.Errorf("%s: %s %s is no ServiceEntry with endpoints, which alone can be churned", c.File,
				o.GetKind(), o.GetName())
		}
	}
	return all, nil
}

// effects has nothing to wait for: what is written is somebody else's, and never settles.
func (Churn) effects(Scenario) effects { return effects{} }

// leave implements leaver.
func (c Churn) leave(s *state) { s.churn = &c }

func (c Churn) do(ctx context.Context, at moment) error {
	objects, err := c.objects(at.scenario)
	if err != nil {
		return err
	}
	if at.churn == nil {
		return errors.New("nobody can write in the background here")
	}
	// The first write shows that it works.
	if err := at.env.Objects.Apply(ctx, churned(objects, 0)); err != nil {
		return err
	}
	at.churn(&churning{every: c.Every, write: func(ctx context.Context, n int) error {
		return at.env.Objects.Apply(ctx, churned(objects, n))
	}})
	return nil
}

// testNet has addresses that are nobody's (RFC 5737).
const testNet, testNetSize = "198.51.100.%d", 254

// churned returns objects as the n-th write has them.
func churned(objects []object, n int) []object {
	all := make([]object, len(objects))
	for i, o := range objects {
		all[i] = o.DeepCopy()
		for j, e := range endpointsOf(all[i]) {
			if endpoint, ok := e.(map[string]any); ok {
				endpoint["address"] = fmt.Sprintf(testNet, 1+(n+j)%testNetSize)
			}
		}
	}
	return all
}

// endpointsOf are those of a ServiceEntry, which are its memory.
func endpointsOf(o object) []any {
	endpoints, _ := dig(o.Object, "spec", "endpoints").([]any)
	return endpoints
}

// Calm ends what Churn began.
type Calm struct{}

// String implements Step.
func (Calm) String() string { return "end the writes" }

// Action implements Step.
func (Calm) Action() reports.Action { return reports.Action{Kind: "calm", Brief: "end the churn"} }

func (Calm) check(Scenario, map[string]bool) error { return nil }

// effects has the phase wait for the proxies: what istiod held back comes now.
func (Calm) effects(Scenario) effects { return effects{Proxies: true} }

// leave implements leaver.
func (Calm) leave(s *state) { s.churn = nil }

func (Calm) do(_ context.Context, at moment) error {
	if at.churn != nil {
		at.churn(nil)
	}
	return nil
}

// churnsAtOnce bounds the writes that are under way: of one at a time a slow one, as istiod's webhook has them while it
// pushes, would be the very calm that the others are to have none of.
const churnsAtOnce = 16

// A churning are writes that go on beside the phases.
type churning struct {
	every time.Duration
	write func(ctx context.Context, n int) error

	stop context.CancelFunc
	done chan struct{}

	mu sync.Mutex
	// writes and failed count them; last is the error of the last that failed.
	writes, failed int
	last           error
}

// begin begins to write.
func (c *churning) begin(ctx context.Context) {
	ctx, c.stop = context.WithCancel(ctx)
	c.done = make(chan struct{})
	go func() {
		defer close(c.done)
		var writing errgroup.Group
		writing.SetLimit(churnsAtOnce)
		defer func() { _ = writing.Wait() }()
		tick := time.NewTicker(c.every)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			writing.Go(func() error {
				c.count(ctx, c.write(ctx, n))
				return nil
			})
		}
	}()
}

// count takes how a write ended. One that was cut off counts for nothing.
func (c *churning) count(ctx context.Context, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	if c.writes++; err != nil {
		c.failed++
		c.last = err
	}
}

// end waits until no write is under way any more.
func (c *churning) end() {
	c.stop()
	<-c.done
}

// churn ends what is written in the background, and begins next, nil for nothing.
func (r *run) churn(next *churning) {
	if c := r.churns; c != nil {
		c.end()
		if c.failed > 0 {
			r.journal.note("Of %d writes in the background %d failed, the last one: %v", c.writes, c.failed, c.last)
		}
	}
	if r.churns = next; next != nil {
		next.begin(context.Background())
	}
}

var _, _ = stepKind(Churn{}), stepKind(Calm{})
