// Command noded is PID 1 of an embedded cluster's node. It runs in mount, PID, network, UTS and IPC namespaces of its
// own, builds the node's root file system and network there, and starts and watches the node's processes. When it
// dies, for whatever reason, the kernel takes every process, mount, interface and rule of the node with it: that is
// why there is no clean-up code here.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/canarylab/canarylab/harness/cluster/embedded/nodespec"
	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) != 2 || os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr,
			"noded: this program is started by canarylab, as PID 1 of a cluster's namespaces: run canarylab up")
		os.Exit(64)
	}
	for fd := nodespec.ListenerFD; fd <= nodespec.LockFD; fd++ {
		unix.CloseOnExec(fd)
	}
	events := &eventWriter{file: os.NewFile(nodespec.EventsFD, "events")}
	if err := run(os.Args[1], events); err != nil {
		fmt.Fprintln(os.Stderr, "noded:", err)
		events.send(nodespec.Event{Step: "node", Done: true, Error: err.Error()})
		os.Exit(1)
	}
}

func run(specFile string, events *eventWriter) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	raw, err := os.ReadFile(specFile)
	if err != nil {
		return err
	}
	var spec nodespec.Spec
	if err := json.Unmarshal(raw, &spec); err != nil {
		return fmt.Errorf("read %s: %w", specFile, err)
	}

	end := events.step("namespaces")
	if err := prepare(spec); err != nil {
		return fmt.Errorf("prepare the node's namespaces: %w", err)
	}
	end()

	go diesWithCreator()
	go forward(ctx, os.NewFile(nodespec.ListenerFD, "listener"), spec.APIAddress)
	s := newSupervisor(spec, events)
	if err := s.start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func prepare(spec nodespec.Spec) error {
	if err := unix.Sethostname([]byte(spec.Hostname)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	if err := joinCgroups(spec.Join); err != nil {
		return err
	}
	if err := makeRoot(spec); err != nil {
		return err
	}
	return makeNetwork(spec.NodeIP)
}

// diesWithCreator ends the node if its creator goes away before it said that the node is to be kept.
func diesWithCreator() {
	control := os.NewFile(nodespec.ControlFD, "control")
	line := make([]byte, len(nodespec.Keep))
	if _, err := io.ReadFull(control, line); err != nil || string(line) != nodespec.Keep {
		fmt.Fprintln(os.Stderr, "noded: the program that wanted this node is gone before the node was up: ending")
		os.Exit(1)
	}
	control.Close()
}

// An eventWriter tells the creator what happens. After the creator has gone, nobody listens, and that is no error.
type eventWriter struct {
	mu   sync.Mutex
	file *os.File
}

func (w *eventWriter) send(e nodespec.Event) {
	e.At = time.Now()
	line, err := json.Marshal(e)
	if err != nil {
		panic(err) // an Event is strings, a time and a bool
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.file.Write(append(line, '\n'))
}

func (w *eventWriter) step(name string) (done func()) {
	w.send(nodespec.Event{Step: name})
	return func() { w.send(nodespec.Event{Step: name, Done: true}) }
}
