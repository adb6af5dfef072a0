package loadgen

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/canarylab/canarylab/sampleapp"
)

// TCP says how a cohort connects. Each of its requests is a TCP connection of its own: the caller connects, sends its
// id as a line, reads the line with which the sample app answers (sampleapp.TCPAnswer), and closes.
type TCP struct {
	// Hold is how long the connection is kept open after its answer, as a database's clients keep theirs. Zero closes
	// it at once. It ends early when the load does, by an order or by the plan's Duration.
	Hold time.Duration `json:"holdNs,omitempty"`
	// Every is how often a held connection asks again. Zero is never: nothing is sent on it any more.
	Every time.Duration `json:"everyNs,omitempty"`
}

// MaxHold bounds TCP.Hold, and minEvery TCP.Every from below.
const (
	MaxHold  = 10 * time.Minute
	minEvery = 10 * time.Millisecond
)

// HasTCP tells whether the plan has TCP connections.
func (p Plan) HasTCP() bool {
	return slices.ContainsFunc(p.Cohorts, func(c Cohort) bool { return c.TCP != nil })
}

// maxHeld bounds how many connections of all cohorts may be held open at once. Each takes some 100 kB of both proxies,
// and three connections of the machine.
const maxHeld = 5000

// tcp looks at how a cohort connects.
func (v *problems) tcp(field string, p Plan, c Cohort) {
	t := c.TCP
	if t == nil {
		return
	}
	if t.Hold < 0 || t.Hold > MaxHold {
		v.add(field+".holdNs", "%s is not 0 to %s", t.Hold, MaxHold)
	}
	if t.Every != 0 && (t.Every < minEvery || t.Every > t.Hold) {
		v.add(field+".everyNs", "%s is not %s to the time that the connection is held, %s", t.Every, minEvery, t.Hold)
	}
	if c.Socket || c.GRPC != nil || p.Body != nil || p.method(c) != http.MethodGet {
		v.add(field, "a TCP connection has no method of HTTP, no body of the plan's, and is no WebSocket and no gRPC")
	}
	if len(c.Header) > 0 || c.Users > 0 {
		v.add(field, "a TCP connection has no headers, and so no users whom they tell apart")
	}
	if len(c.Notes) > 0 || c.Copies > 0 {
		v.add(field, "nothing of a TCP connection's answer can be noted, and the mesh makes no copies of it")
	}
	if c.Via() == Gateway {
		v.add(field, "the lab's gateway speaks HTTP: connect from a pod with a sidecar, or from one without")
	}
	if u, err := url.Parse(p.url(c)); err == nil && (strings.Trim(u.Path, "/") != "" || u.RawQuery != "") {
		v.add(field, "%q has a path: a TCP connection has none", p.url(c))
	}
}

// held looks at how many connections a plan may hold open at once.
func (v *problems) held(p Plan) {
	held := 0.0
	for _, c := range p.Cohorts {
		if c.TCP != nil {
			held += p.RateOf(c.Name) * p.Shape.peak() * min(c.TCP.Hold, p.Duration).Seconds()
		}
	}
	if held > maxHeld {
		v.add("cohorts", "%.0f TCP connections would be open at once, want up to %d: lower the rates, or holdNs", held,
			maxHeld)
	}
}

// A tcpCaller makes a cohort's connections of Vegeta's requests, so that they are paced and recorded as all are.
type tcpCaller struct {
	run    string
	cohort Cohort
	share  share
	// address is whom to connect to, timeout how long the connection and each answer may take.
	address string
	timeout time.Duration
	// halt is closed when the load is ended, which it is at end in any case.
	halt <-chan struct{}
	end  time.Time
	// ended has the connections by Vegeta's numbers, unsent those that were never there. Both pass by Vegeta, which
	// knows neither.
	ended, unsent *sync.Map
}

// A tcpCall is what became of one connection.
type tcpCall struct {
	// local is the caller's own address.
	local string
	// answer is the first one.
	answer sampleapp.TCPAnswer
	// messages and bytes are of all answers.
	messages, bytes uint64
	// cut tells that the other side ended the connection while it was held, or answered no more.
	cut bool
}

func newTCPCaller(p Plan, c Cohort, unsent *sync.Map, pace *pacer) (*tcpCaller, error) {
	u, err := url.Parse(p.url(c))
	if err != nil {
		return nil, err
	}
	return &tcpCaller{
		run: p.Run, cohort: c, share: p.share(), address: hostPort(u), timeout: p.timeout(),
		halt: pace.alarm.stop, end: pace.begin.Add(p.Duration), ended: &sync.Map{}, unsent: unsent,
	}, nil
}

// RoundTrip implements http.RoundTripper. It returns once the connection is closed.
func (t *tcpCaller) RoundTrip(in *http.Request) (*http.Response, error) {
	n, err := strconv.ParseUint(in.Header.Get(seqHeader), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the number of a request: %w", err)
	}
	dialer := &net.Dialer{Timeout: t.timeout}
	conn, err := dialer.DialContext(in.Context(), "tcp", t.address)
	if err != nil {
		t.unsent.Store(n, true)
		return nil, err
	}
	call := &tcpCall{local: conn.LocalAddr().String()}
	t.ended.Store(n, call)
	id := requestID(t.run, t.cohort.Name, t.share.number(n))
	err = call.talk(conn, id, t)
	// It fails if the other side has reset the connection. Then there is nothing left to close.
	_ = conn.Close()
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: call.answer.Code, Request: in, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(nil)),
	}, nil
}

// talk asks, and holds the connection. One that was answered once, and not when it asked again, is cut: it has no
// error.
func (c *tcpCall) talk(conn net.Conn, id string, t *tcpCaller) error {
	lines := bufio.NewReader(conn)
	var err error
	if c.answer, err = c.ask(conn, lines, id, t.timeout); err != nil {
		return err
	}
	if t.cohort.TCP.Hold == 0 {
		return nil
	}
	every := cmp.Or(t.cohort.TCP.Every, t.cohort.TCP.Hold)
	end := time.Now().Add(t.cohort.TCP.Hold)
	if t.end.Before(end) {
		end = t.end
	}
	for {
		pause := min(time.Until(end), every)
		if pause <= 0 {
			return nil
		}
		switch open, halted := idle(conn, lines, pause, t.halt); {
		case !open:
			c.cut = true
			return nil
		case halted || time.Until(end) <= 0:
			return nil
		}
		if t.cohort.TCP.Every == 0 {
			continue
		}
		again, err := c.ask(conn, lines, id, t.timeout)
		switch {
		case err != nil:
			c.cut = true
			return nil
		case again.Serial != c.answer.Serial:
			return fmt.Errorf("connection %s was answered by %s, and then by %s", id, c.answer.Serial, again.Serial)
		}
	}
}

// errNoAnswer is of a connection whose answer did not come in time, or was none of the sample app's.
var errNoAnswer = errors.New("no answer of the sample app's")

// ask sends a line and reads its answer.
func (c *tcpCall) ask(conn net.Conn, lines *bufio.Reader, id string, within time.Duration) (
	a sampleapp.TCPAnswer, err error,
) {
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		return a, err
	}
	if _, err := io.WriteString(conn, id+"\n"); err != nil {
		return a, err
	}
	line, err := lines.ReadSlice('\n')
	c.bytes += uint64(len(line))
	switch failed, timed := errors.AsType[net.Error](err); {
	case timed && failed.Timeout():
		return a, fmt.Errorf("%w within %s", errNoAnswer, within)
	case errors.Is(err, io.EOF) && len(line) == 0:
		return a, errClosed
	case err != nil:
		return a, err
	}
	if err := json.Unmarshal(line, &a); err != nil || a.ID != id || a.Code < 200 || a.Code > 599 {
		return a, fmt.Errorf("%w: %.80q", errNoAnswer, line)
	}
	c.messages++
	return a, nil
}

// errClosed is of a connection that the other side closed in place of an answer.
var errClosed = errors.New("the connection was closed without an answer")

// idle waits on a connection on which nothing is to come. open tells whether it is there yet, halted that halt was
// closed meanwhile.
func idle(conn net.Conn, lines *bufio.Reader, pause time.Duration, halt <-chan struct{}) (open, halted bool) {
	// It fails if the connection is closed already, which the read finds.
	_ = conn.SetDeadline(time.Now().Add(pause))
	read := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-halt:
			halted = true
			_ = conn.SetDeadline(time.Unix(1, 0))
		case <-read:
		}
	}()
	_, err := lines.Peek(1)
	close(read)
	<-watched
	failed, timed := errors.AsType[net.Error](err)
	return timed && failed.Timeout(), halted
}

// into adds what became of a connection to its sample. Where a connection broke before it was answered, the sample has
// no more than its address.
func (c *tcpCall) into(s *Sample) {
	s.Local, s.Messages, s.Bytes, s.Cut = c.local, c.messages, c.bytes, c.cut
	if s.Code != 0 {
		s.Version, s.Pod, s.Serial = clip(c.answer.Version), clip(c.answer.Pod), clip(c.answer.Serial)
	}
}

// hostPort is a URL's host with its port.
func hostPort(u *url.URL) string { return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "80")) }
