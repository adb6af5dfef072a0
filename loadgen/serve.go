package loadgen

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"time"
)

// maxPlan bounds the plan's line. It has room for headers as long as Envoy accepts by default (60 KiB) in each
// of sixty-four cohorts.
const maxPlan = 4 << 20

// ErrPlan is wrapped by the error of a plan that can't be run.
var ErrPlan = errors.New("bad load plan")

// Serve is the agent. It reads one Plan from the first line of in, runs it and writes the stream that Decode
// reads to out. A line that orders another rate is followed. The run ends after its duration, when any other line
// (StopLine) or the end of in arrives, or when ctx ends. Serve then waits for the answers in flight, up to the plan's
// timeout, and at last, for a while, for the end of in, by which the reader says that it has got everything: daemons
// on the way to it forget what they have not passed on yet when the agent's process ends. The run also ends when a
// write to out fails, and then Serve does not wait: load never outlives its reader. The stream names pod. Serve may go
// on reading in after it has returned, until in ends.
func Serve(ctx context.Context, pod string, in io.Reader, out io.Writer) error {
	return serve(ctx, pod, in, out, func(Plan) {})
}

// ServeAlone is Serve for a process that does nothing else: it has Go's runtime take as little as the plan allows.
func ServeAlone(ctx context.Context, pod string, in io.Reader, out io.Writer) error {
	return serve(ctx, pod, in, out, Plan.tune)
}

const (
	// oneProcessor is the rate up to which an agent makes do with one processor, in requests a second: it takes a
	// quarter of it on the slowest machine that was tried. With several, Go wakes a thread on another one for almost
	// each of the five goroutines that a request passes, which costs more than what they do.
	oneProcessor = 2000
	// garbage is Go's GOGC for an agent, whose live heap is a few MB: it collects once in some seconds.
	garbage = 400
)

// tune sets Go's runtime for an agent that sends the plan.
func (p Plan) tune() {
	debug.SetGCPercent(garbage)
	if p.peak() <= oneProcessor {
		runtime.GOMAXPROCS(1)
	}
}

func serve(ctx context.Context, pod string, in io.Reader, out io.Writer, tune func(Plan)) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxPlan)
	plan := make(chan Plan, 1)
	bad := make(chan error, 1)
	stop, stages, ended := make(chan struct{}), make(chan Stage, maxSteps), make(chan struct{})
	go func() {
		defer close(ended)
		p, err := readPlan(lines)
		if err != nil {
			bad <- err
			return
		}
		plan <- p
		// Any other line stops the load, so that a typing error does not keep it running.
		for lines.Scan() {
			s := readOrder(lines.Bytes())
			if s == nil || len(stages) == cap(stages) {
				break
			}
			stages <- *s
		}
		close(stop)
		for lines.Scan() {
		}
	}()
	select {
	case p := <-plan:
		tune(p)
		if err := runPlan(ctx, p, pod, Orders{stop, stages}, out); err != nil {
			return err
		}
		awaitReader(ended)
		return nil
	case err := <-bad:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait for a load plan: %w", context.Cause(ctx))
	}
}

// awaitReader waits until the reader has got the end, and no longer than for one that does not read.
func awaitReader(ended <-chan struct{}) {
	grace := time.NewTimer(endGrace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
	}
}

func readPlan(lines *bufio.Scanner) (Plan, error) {
	if !lines.Scan() {
		if err := lines.Err(); err != nil {
			return Plan{}, fmt.Errorf("%w: read its line: %w", ErrPlan, err)
		}
		return Plan{}, fmt.Errorf("%w: want it as one line of JSON, got nothing", ErrPlan)
	}
	var p Plan
	if err := unmarshalStrict(lines.Bytes(), &p); err != nil {
		return Plan{}, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	return p, nil
}
