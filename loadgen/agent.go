// Package loadgen puts load on a service in the mesh and records what happened to each request. A Plan says
// what to send. An agent in a pod sends it with Vegeta and streams Samples, and its client decodes them as they
// arrive.
package loadgen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"time"
)

// maxInFlight bounds the requests without an answer, over all cohorts. Open loop means that a mesh that hangs
// does not slow the sending down, so they grow to rate x timeout: 10,000 at 1000 a second and the default
// timeout. Each needs some 30 kB, and one of the 49,000 ports that the agent's pod has for one destination, where a
// closed connection keeps its own for a minute. So there must be a bound, and this one is below both limits. When it is
// reached, requests are late, which End's lags and each Latency show.
const maxInFlight = 10000

// runPlan runs p and writes the stream that Decode reads to w. It ends as Serve says, and follows the client's orders.
func runPlan(ctx context.Context, p Plan, pod string, orders Orders, w io.Writer) error {
	if err := p.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrPlan, err)
	}
	transport := newTransport(p)
	defer transport.CloseIdleConnections()

	// All requests in flight may end at the moment when a pausing reader has left most samples in the buffer.
	buf := newSampleBuffer(w, int(p.peak()*maxPause.Seconds())+maxInFlight)
	begin, err := p.begin(time.Now())
	if err != nil {
		return err
	}
	// The begin comes before any load, because the agent does not send what nobody reads.
	if err := buf.enc.write(message{Begin: p.beginning(begin, pod)}); err != nil {
		return err
	}
	halt := make(chan struct{})
	rates := &schedule{begin: begin, shape: p.Shape}
	late := newLags()
	cohorts, err := p.attacks(rates, transport, buf, late, halt)
	if err != nil {
		return err
	}
	go buf.write()
	finished := make(chan struct{})
	var running sync.WaitGroup
	for _, a := range cohorts {
		running.Go(a.run)
	}
	go func() {
		running.Wait()
		close(finished)
	}()

	stopMonitor, err := monitorAgent(ctx, begin, func(h Health) {
		h.Pod = pod
		buf.addHealth(h)
	})
	if err != nil {
		return err
	}
	why, err := follow(ctx, orders, rates, buf, finished)
	haltAll(halt, cohorts)
	if err == nil {
		select {
		case <-finished:
		case err = <-buf.done:
		}
	}
	if err := errors.Join(err, stopMonitor()); err != nil {
		return err
	}
	return buf.finish(endOf(why, cohorts, late))
}

// follow follows orders until something ends the sending, and says what. The error is one that ends the run too.
func follow(ctx context.Context, orders Orders, rates *schedule, buf *sampleBuffer, finished <-chan struct{}) (
	Why, error,
) {
	for {
		select {
		case s := <-orders.Stages:
			taken, err := rates.add(s)
			if err != nil {
				return Stopped, err
			}
			buf.addStage(taken)
		case <-finished:
			return Duration, nil
		case <-orders.Stop:
			return Stopped, nil
		case <-ctx.Done():
			return Signal, nil
		case <-buf.overflow:
			return Overflow, nil
		case err := <-buf.done:
			return Stopped, err
		}
	}
}

func (p Plan) beginning(begin time.Time, pod string) *Begin {
	return &Begin{
		Run: p.Run, Pod: pod, Start: begin, Agents: p.Agents, Agent: p.Agent,
		Go: runtime.Version(), MaxProcs: runtime.GOMAXPROCS(0), RealTime: isRealTime(),
	}
}

// attacks makes the attack of each cohort. Closing halt ends them.
func (p Plan) attacks(
	rates *schedule, transport http.RoundTripper, buf *sampleBuffer, late *lags, halt <-chan struct{},
) ([]*attack, error) {
	all := make([]*attack, len(p.Cohorts))
	for i, c := range p.Cohorts {
		alarm, err := newAlarm(halt)
		if err != nil {
			return nil, err
		}
		all[i], err = newAttack(p, c, transport, buf, &pacer{
			begin: rates.begin, rate: p.RateOf(c.Name), schedule: rates, cohort: i, cohorts: len(p.Cohorts),
			duration: p.Duration, share: p.share(), alarm: alarm,
		}, late)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// begin returns the moment from which due times count, with both clocks in it.
func (p Plan) begin(now time.Time) (time.Time, error) {
	if p.Start.IsZero() {
		return now.UTC(), nil
	}
	lead := p.Start.Sub(now.Round(0)) // by the wall clock alone
	if lead < 0 || lead > MaxLead {
		return time.Time{}, fmt.Errorf("%w: start: %s is not between now (%s) and %s later", ErrPlan, p.Start, now,
			MaxLead)
	}
	return now.Add(lead).UTC(), nil
}

// haltAll ends the sending. Requests in flight go on.
func haltAll(halt chan struct{}, cohorts []*attack) {
	close(halt)
	for _, a := range cohorts {
		a.pacer.alarm.interrupt()
		// The pacer has stopped. This frees an attack that waits for one of its workers.
		a.attacker.Stop()
	}
}

func endOf(why Why, cohorts []*attack, late *lags) End {
	e := End{Why: why, MaxLag: late.max, P99Lag: late.p99()}
	for _, a := range cohorts {
		e.Cohorts = append(e.Cohorts, a.count)
	}
	return e
}
