package loadgen

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxPlan bounds the plan's line. Headers as long as Envoy takes by default (60 KiB) fit for each of sixteen cohorts.
const maxPlan = 1 << 20

// ErrPlan is wrapped by errors of a plan that can't be run.
var ErrPlan = errors.New("bad load plan")

// Serve is the agent. It reads one Plan from the first line of in, runs it and writes the stream that Decode reads to out.
// The run ends when its duration is over, when a further line (StopLine) or the end of in arrives, or when ctx does; it then
// waits for the answers in flight, up to the plan's timeout. It also ends when out can't be written, and does not wait then:
// load never outlives its reader. Pod is named in the stream. Reading in may go on after Serve returned, until in ends.
func Serve(ctx context.Context, pod string, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxPlan)
	plan := make(chan Plan, 1)
	bad := make(chan error, 1)
	stop := make(chan struct{})
	go func() {
		p, err := readPlan(lines)
		if err != nil {
			bad <- err
			return
		}
		plan <- p
		// Any line will do: a word that was mistyped must not keep the load running.
		lines.Scan()
		close(stop)
	}()
	select {
	case p := <-plan:
		return Attack(ctx, p, pod, stop, out)
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
	dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return Plan{}, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	if err := p.Validate(); err != nil {
		return Plan{}, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	return p, nil
}
