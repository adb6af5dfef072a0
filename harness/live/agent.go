package live

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/loadgen"
)

// clockRounds is how often an agent is asked for the time. The quickest answer counts.
const clockRounds = 10

// measureClock measures how the clock of the agent's pod stands to this process's.
func (a *agent) measureClock(ctx context.Context) (clock loadgen.Clock, err error) {
	err = a.talk(ctx, "clock", func(answers io.Reader, questions io.WriteCloser) (err error) {
		clock, err = loadgen.MeasureClock(answers, questions, clockRounds)
		return err
	})
	if err != nil {
		return loadgen.Clock{}, fmt.Errorf("measure the clock of pod %s/%s: %w", a.ns, a.pod, err)
	}
	return clock, nil
}

// attack sends the agent's plan by orders, until it has ended.
func (a *agent) attack(ctx context.Context, orders loadgen.Orders, h loadgen.Handler) (end *loadgen.End, err error) {
	err = a.talk(ctx, "attack", func(from io.Reader, to io.WriteCloser) (err error) {
		ended := make(chan struct{})
		var writing sync.WaitGroup
		writing.Go(func() {
			if err := loadgen.WritePlan(to, a.plan); err != nil {
				_ = to.Close()
				return
			}
			// An agent that is gone has ended by itself, and said why.
			_ = orders.Write(to, ended)
		})
		out := a.onOurClock(h)
		// The agent waits for it.
		out.End = func(loadgen.End) { _ = to.Close() }
		end, err = loadgen.Decode(from, out)
		close(ended)
		_ = to.Close()
		writing.Wait()
		return err
	})
	if err != nil {
		return end, fmt.Errorf("load from pod %s/%s: %w", a.ns, a.pod, err)
	}
	return end, nil
}

// onOurClock hands on what the agent says, with its times on this process's clock. The agent knows its host's
// name, which is not the pod's in an Indexed Job.
func (a *agent) onOurClock(h loadgen.Handler) loadgen.Handler {
	out := h
	if h.Begin != nil {
		out.Begin = func(b loadgen.Begin) {
			b.Pod, b.Clock, b.Start = a.pod, a.clock, b.Start.Add(a.clock.Offset)
			h.Begin(b)
		}
	}
	if h.Samples != nil {
		out.Samples = func(all []loadgen.Sample) {
			a.clock.Shift(all)
			h.Samples(all)
		}
	}
	if h.Health != nil {
		out.Health = func(e loadgen.Health) {
			e.Pod, e.At = a.pod, e.At.Add(a.clock.Offset)
			if !e.StallAt.IsZero() {
				e.StallAt = e.StallAt.Add(a.clock.Offset)
			}
			h.Health(e)
		}
	}
	return out
}

// talk runs a command of the agent's binary, while converse reads its output and writes its input. It returns
// when the command has ended, which it does once its input is closed. The error is that of converse, with the
// command's where that does not follow from it.
func (a *agent) talk(
	ctx context.Context, command string, converse func(from io.Reader, to io.WriteCloser) error,
) error {
	if a.folder != "" {
		return a.talkDirectly(ctx, command, converse)
	}
	return a.talkByExec(ctx, command, converse)
}

// talkByExec talks by the API server, the kubelet and the container runtime.
func (a *agent) talkByExec(
	ctx context.Context, command string, converse func(from io.Reader, to io.WriteCloser) error,
) error {
	return converseByExec(ctx, a.k, a.ns, a.pod, addons.CallerContainer, []string{"/loadgen", command}, converse)
}

// converseByExec runs a command in a container, as talk does.
func converseByExec(
	ctx context.Context, k *kube.Client, ns, pod, container string, command []string,
	converse func(from io.Reader, to io.WriteCloser) error,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in, to := io.Pipe()
	from, out := io.Pipe()
	var stderr tail
	exec := make(chan error, 1)
	go func() {
		err := k.Exec(ctx, ns, pod, container, command, in, out, &stderr)
		// Whoever reads or writes on learns that nobody is there any more, and why.
		_ = out.CloseWithError(cmp.Or(err, io.EOF))
		_ = in.CloseWithError(cmp.Or(err, io.ErrClosedPipe))
		exec <- err
	}()
	err := converse(from, to)
	if err != nil {
		// Without its reader the agent ends.
		cancel()
		_ = from.CloseWithError(err)
	}
	_ = to.Close()
	execErr := <-exec
	if err == nil || !errors.Is(err, execErr) && !errors.Is(execErr, context.Canceled) {
		err = errors.Join(err, execErr)
	}
	if err != nil {
		return fmt.Errorf("%w%s", err, stderr.text())
	}
	return nil
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

// tailSize is some ten lines.
const tailSize = 1 << 10

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if over := len(t.b) - tailSize; over > 0 {
		t.b = slices.Delete(t.b, 0, over)
	}
	return len(b), nil
}

// text is for the end of an error message.
func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	said := bytes.TrimSpace(t.b)
	if len(said) == 0 {
		return ""
	}
	return "; the agent says: " + string(said)
}
