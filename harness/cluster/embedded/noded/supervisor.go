package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/canarylab/canarylab/harness/cluster/embedded/nodespec"
	"golang.org/x/sys/unix"
)

const (
	// pollEvery is how often a process that starts is asked whether it is ready.
	pollEvery = 20 * time.Millisecond
	// firstRestart and lastRestart bound the pause before a process that ended is started again; it doubles in between.
	firstRestart = 200 * time.Millisecond
	lastRestart  = 10 * time.Second
	// steady is how long a process must have run for its next end to count as the first again.
	steady = time.Minute
	// brokenWithin is the time in which a process ends that can't be started: for a wrong flag, or a taken port.
	brokenWithin = 20 * time.Second
	// tailBytes of a process's log go into the error about it.
	tailBytes = 2000
)

// A supervisor starts the node's processes, reaps everything that ends in the PID namespace, and starts processes of
// its own again.
type supervisor struct {
	spec   nodespec.Spec
	events *eventWriter
	ready  map[string]chan struct{}
	// broken is brokenWithin.
	broken time.Duration

	mu    sync.Mutex
	exits map[int]chan unix.WaitStatus // by PID, of the supervisor's own processes
}

func newSupervisor(spec nodespec.Spec, events *eventWriter) *supervisor {
	s := &supervisor{
		spec: spec, events: events, ready: map[string]chan struct{}{}, broken: brokenWithin,
		exits: map[int]chan unix.WaitStatus{},
	}
	for _, p := range spec.Processes {
		s.ready[p.Name] = make(chan struct{})
	}
	return s
}

// start returns when every process is ready, or with the first one's error. Processes are watched from then on.
func (s *supervisor) start(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Join(s.spec.Dir, "log"), 0o700); err != nil {
		return err
	}
	go s.reap()
	first := make(chan error, len(s.spec.Processes))
	for _, p := range s.spec.Processes {
		go func() { first <- s.keep(ctx, p) }()
	}
	for range s.spec.Processes {
		if err := <-first; err != nil {
			return err
		}
	}
	return nil
}

// keep starts p and returns when it is ready; if it can't be started, it returns why. One that ends later is started
// again until the node's creator has no more patience: on a machine that is very slow the API server gives up what it
// begins with, for which it allows a minute (start-service-ip-repair-controllers), and finds it done the next time. A
// process that was ready is started again in the background.
func (s *supervisor) keep(ctx context.Context, p nodespec.Process) error {
	for _, name := range p.After {
		select {
		case <-s.ready[name]:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if p.When != nil {
		if err := await(ctx, p.When, nil); err != nil {
			return fmt.Errorf("wait for what %s needs, %s: %w", p.Name, p.When.URL+p.When.Socket, err)
		}
	}
	step := p.Name
	if p.Ready == nil {
		step = "start " + p.Name // nobody knows here when it is ready
	}
	done := s.events.step(step)
	exit, err := s.launch(p, os.O_TRUNC)
	if err != nil {
		return err
	}
	for began := time.Now(); ; began = time.Now() {
		err := s.awaitReady(ctx, p, exit)
		if err == nil {
			break
		}
		var ended endedError
		if !errors.As(err, &ended) || time.Since(began) < s.broken {
			return err
		}
		fmt.Fprintf(os.Stderr, "noded: %s %v before it was ready; starting it again\n", p.Name, ended)
		if exit, err = s.launch(p, os.O_APPEND); err != nil {
			return err
		}
	}
	done()
	close(s.ready[p.Name])
	go s.restart(ctx, p, exit)
	return nil
}

func (s *supervisor) restart(ctx context.Context, p nodespec.Process, exit <-chan unix.WaitStatus) {
	pause, began := firstRestart, time.Now()
	for {
		var status unix.WaitStatus
		select {
		case status = <-exit:
		case <-ctx.Done():
			return
		}
		if time.Since(began) > steady {
			pause = firstRestart
		}
		fmt.Fprintf(os.Stderr, "noded: %s ended (%s); starting it again in %s\n", p.Name, describe(status), pause)
		time.Sleep(pause)
		pause = min(2*pause, lastRestart)
		began = time.Now()
		next, err := s.launch(p, os.O_APPEND)
		if err != nil {
			fmt.Fprintln(os.Stderr, "noded:", err)
			failed := make(chan unix.WaitStatus, 1)
			failed <- 0
			next = failed
		}
		exit = next
	}
}

// launch starts p with its output in its log. The channel gets the status when it ends.
func (s *supervisor) launch(p nodespec.Process, logFlag int) (<-chan unix.WaitStatus, error) {
	log, err := os.OpenFile(s.log(p), os.O_CREATE|os.O_WRONLY|logFlag, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	exit := make(chan unix.WaitStatus, 1)
	// The lock keeps reap from dropping the status of a process that ends before it is known.
	s.mu.Lock()
	defer s.mu.Unlock()
	child, err := os.StartProcess(p.Path, append([]string{p.Path}, p.Args...), &os.ProcAttr{
		Dir: "/", Env: p.Env, Files: []*os.File{null, log, log},
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	s.exits[child.Pid] = exit
	return exit, child.Release()
}

// reap collects every process that ends: the supervisor's own, and those that lost their parent, which the kernel
// gives to PID 1. Nothing else in this program may wait for a process.
func (s *supervisor) reap() {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.ECHILD):
			time.Sleep(pollEvery) // before the first process, or when all have ended at once
			continue
		case err != nil:
			continue
		}
		s.mu.Lock()
		if exit, ours := s.exits[pid]; ours {
			exit <- status
			delete(s.exits, pid)
		}
		s.mu.Unlock()
	}
}

func (s *supervisor) awaitReady(ctx context.Context, p nodespec.Process, exit <-chan unix.WaitStatus) error {
	if p.Ready == nil {
		return nil
	}
	err := await(ctx, p.Ready, exit)
	var ended endedError
	if errors.As(err, &ended) {
		return fmt.Errorf("%s %w before it was ready; the end of %s:\n%s", p.Name, err, s.log(p), s.tail(p))
	}
	if err != nil {
		return fmt.Errorf("wait until %s is ready: %w", p.Name, err)
	}
	return nil
}

// endedError is how a process ended that was waited for.
type endedError unix.WaitStatus

func (e endedError) Error() string { return "ended (" + describe(unix.WaitStatus(e)) + ")" }

// await returns when the probe's answer is good, or when exit tells that nobody is left to answer.
func await(ctx context.Context, p *nodespec.Probe, exit <-chan unix.WaitStatus) error {
	ask, err := prober(p)
	if err != nil {
		return err
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case status := <-exit:
			return endedError(status)
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if ask(ctx) {
				return nil
			}
		}
	}
}

func (s *supervisor) log(p nodespec.Process) string {
	return filepath.Join(s.spec.Dir, "log", p.Name+".log")
}

// tail is the end of p's log, from the start of a line.
func (s *supervisor) tail(p nodespec.Process) string {
	f, err := os.Open(s.log(p))
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > tailBytes {
		_, _ = f.Seek(-tailBytes, io.SeekEnd)
	}
	text, _ := io.ReadAll(f)
	if len(text) == tailBytes {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return strings.TrimSpace(string(text))
}

// prober returns a function that asks once.
func prober(p *nodespec.Probe) (func(context.Context) bool, error) {
	if p.Socket != "" {
		var dialer net.Dialer
		return func(ctx context.Context) bool {
			conn, err := dialer.DialContext(ctx, "unix", p.Socket)
			if err != nil {
				return false
			}
			conn.Close()
			return true
		}, nil
	}
	transport := &http.Transport{}
	if p.CA != "" {
		ca, err := os.ReadFile(p.CA)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(ca)
		pair, err := tls.LoadX509KeyPair(p.Cert, p.Key)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}
	}
	client := &http.Client{Timeout: time.Second, Transport: transport}
	return func(ctx context.Context) bool {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL, nil)
		if err != nil {
			return false
		}
		resp, err := client.Do(req)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode == http.StatusOK
	}, nil
}

func describe(status unix.WaitStatus) string {
	if status.Signaled() {
		return "signal " + unix.SignalName(status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}
