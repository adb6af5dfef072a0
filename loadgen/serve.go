package loadgen

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
)

// maxPlan bounds the plan's line. It has room for headers as long as Envoy accepts by default (60 KiB) in each
// of sixty-four cohorts.
const maxPlan = 4 << 20

// ErrPlan is wrapped by the error of a plan that can't be run.
var ErrPlan = errors.New("bad load plan")

// Serve is the agent. It reads one Plan from the first line of in, runs it and writes the stream that Decode
// reads to out. A line that orders another rate is followed. The run ends after its duration, when any other line
// (StopLine) or the end of in arrives, or when ctx ends. Serve then waits for the answers in flight, up to the plan's
// timeout. The run also ends when a write to out fails, and then Serve does not wait: load never outlives its reader.
// The stream names pod. Serve may go on reading in after it has returned, until in ends.
func Serve(ctx context.Context, pod string, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxPlan)
	plan := make(chan Plan, 1)
	bad := make(chan error, 1)
	stop, stages := make(chan struct{}), make(chan Stage, maxSteps)
	go func() {
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
	}()
	select {
	case p := <-plan:
		return runPlan(ctx, p, pod, Orders{stop, stages}, out)
	case err := <-bad:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait for a load plan: %w", context.Cause(ctx))
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
