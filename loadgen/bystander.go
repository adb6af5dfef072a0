package loadgen

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// MaxWait is how long a program may wait for a processor before the agent counts it: as long as a request may be late.
const MaxWait = 5 * time.Millisecond

// wakeEvery is how often a bystander wakes.
const wakeEvery = 5 * time.Millisecond

// Waits is what a bystander counted in about a second: how often it woke, and how often it had waited for a processor
// for more than MaxWait by then.
type Waits struct {
	Woken int `json:"woken"`
	Late  int `json:"late"`
}

// Bystand is a program that does nothing but be an ordinary one. An agent that runs before all others sends on time on
// a machine where proxies and apps wait for a processor: then its lag tells nothing of them, and a bystander does. It
// writes Waits to out, each a line of JSON, until in ends. It has to be a process of its own: a thread of the agent
// that waits for a processor keeps the others from collecting garbage.
func Bystand(in io.Reader, out io.Writer) error {
	if err := beOrdinary(); err != nil {
		return fmt.Errorf("be an ordinary program: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, in)
	}()
	runtime.LockOSThread()
	var w Waits
	for told := time.Now(); ; {
		asleep := time.Now()
		sleep(wakeEvery)
		select {
		case <-ended:
			return nil
		default:
		}
		woke := time.Now()
		w.Woken++
		if woke.Sub(asleep)-wakeEvery > MaxWait {
			w.Late++
		}
		if woke.Sub(told) >= reportEvery {
			if err := json.NewEncoder(out).Encode(w); err != nil {
				return fmt.Errorf("say what was counted: %w", err)
			}
			w, told = Waits{}, woke
		}
	}
}

// A bystander is the process beside an agent.
type bystander struct {
	mu  sync.Mutex
	sum Waits
}

// underBystander is set for the process, so that whatever it is does not start another.
const underBystander = "LOADGEN_BYSTANDER"

// start begins one by a command, and returns what ends it. The end of ctx does not: it is to be read to its end.
func (b *bystander) start(ctx context.Context, command ...string) (stop func() error, err error) {
	if os.Getenv(underBystander) != "" {
		return nil, errors.New("start a bystander: this is one")
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), command[0], command[1:]...)
	cmd.Env = append(os.Environ(), underBystander+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a bystander: %w", err)
	}
	read := make(chan error, 1)
	go func() { read <- b.read(out) }()
	return func() error {
		err := in.Close()
		return errors.Join(err, <-read, cmd.Wait())
	}, nil
}

func (b *bystander) read(from io.Reader) error {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		var w Waits
		if err := unmarshalStrict(lines.Bytes(), &w); err != nil {
			return fmt.Errorf("read what the bystander says: %w", err)
		}
		b.mu.Lock()
		b.sum.Woken, b.sum.Late = b.sum.Woken+w.Woken, b.sum.Late+w.Late
		b.mu.Unlock()
	}
	return lines.Err()
}

// take returns what was counted since the last call.
func (b *bystander) take() Waits {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.sum
	b.sum = Waits{}
	return w
}
