package sampleapp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A TCPAnswer is what the app answers to a line on its TCP port, as a line of JSON. The caller speaks first: where a
// server does, a proxy that waits to find out the protocol delays each connection
// (https://istio.io/latest/docs/ops/deployment/application-requirements/#server-first-protocols).
//
// A connection is a request: it is counted, and gets its fate and its serial number, with its first line.
type TCPAnswer struct {
	// ID is the line that is answered.
	ID string `json:"id"`
	// Code is 200, or an error that the app was told to make, by the number that HTTP has for it. Text says more of
	// that.
	Code int    `json:"code"`
	Text string `json:"text,omitempty"`
	// Version and Pod say who answers, Serial is the pod's own number for the connection: see SerialHeader.
	Version string `json:"version"`
	Pod     string `json:"pod"`
	Serial  string `json:"serial"`
}

// maxLine bounds a line of a caller's, in bytes.
const maxLine = 4 << 10

// connections are those of the TCP port. Zero has no port.
type connections struct {
	listener net.Listener
	all      sync.WaitGroup

	mu      sync.Mutex
	open    map[net.Conn]bool
	closing bool
}

// add takes a new connection, unless the app ends.
func (c *connections) add(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return false
	}
	if c.open == nil {
		c.open = map[net.Conn]bool{}
	}
	c.open[conn] = true
	c.all.Add(1)
	return true
}

func (c *connections) remove(conn net.Conn) {
	c.mu.Lock()
	delete(c.open, conn)
	c.mu.Unlock()
	c.all.Done()
}

// finish closes the port and each connection whose last line is answered, as http.Server.Shutdown does, and waits for
// the others.
func (c *connections) finish(ctx context.Context) error {
	if c.listener == nil {
		return nil
	}
	errs := []error{c.listener.Close()}
	if errors.Is(errs[0], net.ErrClosed) {
		errs = nil
	}
	c.mu.Lock()
	c.closing = true
	for conn := range c.open {
		// It fails if the connection is closed already. A read that waits ends, and the next one does not begin.
		_ = conn.SetReadDeadline(time.Unix(1, 0))
	}
	c.mu.Unlock()
	done := make(chan struct{})
	go func() {
		c.all.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("finish TCP connections: %w", ctx.Err()))
	}
	return errors.Join(errs...)
}

// serveTCP answers connections until the port is closed.
func (a *App) serveTCP() error {
	for {
		conn, err := a.tcp.listener.Accept()
		if err != nil {
			return err
		}
		if !a.tcp.add(conn) {
			_ = conn.Close()
			continue
		}
		go func() {
			defer a.tcp.remove(conn)
			// It fails if the connection was reset, and then there is nobody to tell.
			defer func() { _ = conn.Close() }()
			a.connection(conn)
		}()
	}
}

// connection answers line by line until the caller closes the connection, or a fault ends it.
func (a *App) connection(conn net.Conn) {
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxLine)
	var fate fate
	var answer TCPAnswer
	for first := true; lines.Scan(); first = false {
		if first {
			serial := a.counters.received.Add(1)
			fate, _ = a.injector.next(nil) // a connection brings no faults of its own, so that none can be wrong
			answer = TCPAnswer{
				Code: fate.code, Version: a.cfg.Version, Pod: a.cfg.Pod,
				Serial: Serial(a.counters.instance, serial),
			}
			if fate.code != http.StatusOK {
				answer.Text = strings.TrimSpace(http.StatusText(fate.code))
			}
		}
		answer.ID = lines.Text()
		if !a.line(conn, fate, answer, first) {
			return
		}
	}
}

// line answers one line. It returns false where the connection is to end.
func (a *App) line(conn net.Conn, f fate, answer TCPAnswer, first bool) bool {
	if !a.process(conn, f, &answer, first) {
		return false
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return false // a struct of texts always marshals
	}
	_, err = conn.Write(append(text, '\n'))
	return err == nil
}

// process does what comes before an answer, and counts it. It returns false where none is to come.
func (a *App) process(conn net.Conn, f fate, answer *TCPAnswer, first bool) bool {
	a.counters.inFlight.Add(1)
	defer a.counters.inFlight.Add(-1)
	if a.injector.limiter.acquire(context.Background()) == rejected {
		answer.Code, answer.Text = http.StatusServiceUnavailable, "too many requests at once"
	} else {
		defer a.injector.limiter.release()
		sleep(context.Background(), f.delay)
		switch {
		case first && f.ending == closes:
			a.counters.closed.Add(1)
			return false
		case first && f.ending == resets:
			a.counters.reset.Add(1)
			if tcp, ok := conn.(*net.TCPConn); ok {
				// It fails only for a broken connection, which needs no reset.
				_ = tcp.SetLinger(0)
			}
			return false
		}
	}
	if first {
		a.counters.answered[answer.Code].Add(1)
	}
	return true
}
