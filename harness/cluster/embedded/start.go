package embedded

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/canarylab/canarylab/harness/cluster/embedded/nodespec"
	"github.com/canarylab/canarylab/harness/progress"
)

// namespaces that a node has to itself.
const namespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS |
	syscall.CLONE_NEWIPC

// A startedNode is the creator's end of a node's PID 1.
type startedNode struct {
	process *os.Process
	dir     string
	events  *os.File // read end
	control *os.File // write end; closing it before keep ends the node
}

// startNode starts noded in namespaces and cgroups of its own. listener is inherited; it stays open on the caller's
// side. What it made of the cgroup is left to the caller, also where it fails.
func startNode(spec nodespec.Spec, cgroup, noded string, listener *net.TCPListener) (*startedNode, error) {
	if err := os.MkdirAll(filepath.Join(spec.Dir, "log"), 0o700); err != nil {
		return nil, err
	}
	var inherited files
	defer inherited.close()
	null := inherited.open(os.DevNull, os.O_RDONLY)
	log := inherited.open(filepath.Join(spec.Dir, "log", "noded.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC)
	port := inherited.add(listener.File())
	alive := inherited.open(filepath.Join(spec.Dir, "alive"), os.O_CREATE|os.O_RDWR)
	if inherited.err != nil {
		return nil, inherited.err
	}
	if err := unix.Flock(int(alive.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, fmt.Errorf("take the lock of a node's life, %s: %w", alive.Name(), err)
	}
	// From here on nobody takes the cgroup for one that a dead cluster left.
	var err error
	if spec.Join, err = makeCgroups(cgroup); err != nil {
		return nil, err
	}
	raw, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return nil, err
	}
	specFile := filepath.Join(spec.Dir, "node.json")
	if err := os.WriteFile(specFile, raw, 0o600); err != nil {
		return nil, err
	}
	eventsRead, eventsWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	inherited.list = append(inherited.list, eventsWrite)
	controlRead, controlWrite, err := os.Pipe()
	if err != nil {
		eventsRead.Close()
		return nil, err
	}
	inherited.list = append(inherited.list, controlRead)

	process, err := os.StartProcess(noded, []string{noded, specFile}, &os.ProcAttr{
		Dir:   "/",
		Env:   []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
		Files: []*os.File{null, log, log, port, eventsWrite, controlRead, alive},
		// A session of its own: Ctrl-C is for the creator, who then ends the node in its own way.
		Sys: &syscall.SysProcAttr{Cloneflags: namespaces, Setsid: true},
	})
	if err != nil {
		eventsRead.Close()
		controlWrite.Close()
		return nil, fmt.Errorf("start the node in namespaces of its own (are they allowed here? "+
			"a container needs --privileged): %w", err)
	}
	return &startedNode{process: process, dir: spec.Dir, events: eventsRead, control: controlWrite}, nil
}

// files are closed together. The first error stays.
type files struct {
	list []*os.File
	err  error
}

func (f *files) open(name string, flag int) *os.File { return f.add(os.OpenFile(name, flag, 0o600)) }

func (f *files) add(file *os.File, err error) *os.File {
	if err != nil {
		f.err = errors.Join(f.err, err)
		return nil
	}
	f.list = append(f.list, file)
	return file
}

func (f *files) close() {
	for _, file := range f.list {
		file.Close()
	}
}

// await returns when the named process of the node is ready. Steps are reported for as long as the creator lives.
func (n *startedNode) await(ctx context.Context, name string, steps progress.Progress) error {
	ready := make(chan error, 1)
	go n.follow(name, steps, ready)
	select {
	case err := <-ready:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait for %s: %w", name, ctx.Err())
	}
}

// follow reads the node's events until the node ends. ready gets one value.
func (n *startedNode) follow(name string, steps progress.Progress, ready chan<- error) {
	open := map[string]func(error){}
	failure := errors.New("it ended without a word")
	events := json.NewDecoder(bufio.NewReader(n.events))
	for {
		var e nodespec.Event
		if err := events.Decode(&e); err != nil {
			break
		}
		switch {
		case e.Error != "":
			failure = errors.New(e.Error)
		case !e.Done:
			open[e.Step] = progress.Begin(steps, e.Step)
		default:
			if done := open[e.Step]; done != nil {
				done(nil)
				delete(open, e.Step)
			}
			if e.Step == name {
				ready <- nil
			}
		}
	}
	for _, done := range open {
		done(failure)
	}
	select {
	case ready <- fmt.Errorf("the node in %s did not start: %w", n.dir, failure):
	default:
	}
}

// keep lets the node outlive this process.
func (n *startedNode) keep() error {
	defer n.control.Close()
	if _, err := io.WriteString(n.control, nodespec.Keep); err != nil {
		return fmt.Errorf("tell the node that it is to be kept: %w", err)
	}
	// The node is not this process's to wait for any more; if it ends first, it must not stay as a zombie.
	go func() { _, _ = n.process.Wait() }()
	return nil
}

// kill ends the node and waits for it.
func (n *startedNode) kill() {
	_ = n.process.Kill()
	_, _ = n.process.Wait()
	n.control.Close()
}
