package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
)

// PodHTTP returns an HTTP client for a port on localhost inside a pod. The host in its URLs does not matter.
// All its connections share one stream to the API server, which is opened when it is needed and again after it
// broke. CloseIdleConnections closes it.
func (c *Client) PodHTTP(ns, pod string, port int) *http.Client {
	f := &forward{c: c, ns: ns, pod: pod}
	return &http.Client{Transport: &podTransport{forward: f, Transport: &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return f.dial(ctx, port) },
		DisableCompression: true,
		MaxIdleConns:       4,
	}}}
}

type podTransport struct {
	*http.Transport
	forward *forward
}

func (t *podTransport) CloseIdleConnections() {
	t.Transport.CloseIdleConnections()
	t.forward.close()
}

// A forward is one port-forward session with a pod. Each connection through it is a pair of streams.
type forward struct {
	c       *Client
	ns, pod string

	mu   sync.Mutex
	conn httpstream.Connection
	next int
}

func (f *forward) dial(ctx context.Context, port int) (net.Conn, error) {
	for {
		conn, fresh, id, err := f.session(ctx)
		if err != nil {
			return nil, fmt.Errorf("forward to port %d of %s/%s: %w", port, f.ns, f.pod, err)
		}
		pc, err := newPodConn(conn, f.ns+"/"+f.pod, port, id)
		if err == nil {
			return pc, nil
		}
		f.drop(conn)
		// A session that was opened earlier may have died unnoticed. If a fresh one fails, that is the result.
		if fresh {
			return nil, fmt.Errorf("forward to port %d of %s/%s: %w", port, f.ns, f.pod, err)
		}
	}
}

// session returns the open session, or a fresh one, and the number of the next stream pair.
func (f *forward) session(ctx context.Context) (conn httpstream.Connection, fresh bool, id int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn != nil {
		select {
		case <-f.conn.CloseChan():
			f.conn = nil
		default:
		}
	}
	if f.conn == nil {
		if f.conn, err = f.open(ctx); err != nil {
			return nil, false, 0, err
		}
		fresh = true
	}
	f.next++
	return f.conn, fresh, f.next, nil
}

func (f *forward) open(ctx context.Context) (httpstream.Connection, error) {
	u := f.c.podURL(f.ns, f.pod, "portforward")
	tunnel, err := portforward.NewSPDYOverWebsocketDialer(u, f.c.cfg)
	if err != nil {
		return nil, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(f.c.cfg)
	if err != nil {
		return nil, err
	}
	plain := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, u)
	dialer := portforward.NewFallbackDialer(tunnel, plain, mayFallBack)
	type result struct {
		conn httpstream.Connection
		err  error
	}
	// client-go's dialers take no context. When ctx ends first, the goroutine closes what it gets.
	done := make(chan result)
	go func() {
		conn, protocol, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
		if err == nil && protocol != portforward.PortForwardProtocolV1Name {
			_ = conn.Close()
			err = fmt.Errorf("the API server speaks %q, want %q", protocol, portforward.PortForwardProtocolV1Name)
		}
		select {
		case done <- result{conn, err}:
		case <-ctx.Done():
			if err == nil {
				_ = conn.Close()
			}
		}
	}()
	select {
	case r := <-done:
		return r.conn, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *forward) drop(conn httpstream.Connection) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn == conn {
		f.conn = nil
	}
	_ = conn.Close()
}

func (f *forward) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn != nil {
		_ = f.conn.Close()
		f.conn = nil
	}
}

// A podConn is a net.Conn over one stream pair of a port-forward session.
type podConn struct {
	session     httpstream.Connection
	data        httpstream.Stream
	errorStream httpstream.Stream
	addr        podAddr
	// errorRead is closed when the error stream has ended. kubeletError has its text then.
	errorRead    chan struct{}
	kubeletError string

	close    sync.Once
	mu       sync.Mutex
	timer    *time.Timer
	timedOut bool
}

func newPodConn(session httpstream.Connection, pod string, port, id int) (*podConn, error) {
	h := http.Header{}
	h.Set(corev1.StreamType, corev1.StreamTypeError)
	h.Set(corev1.PortHeader, strconv.Itoa(port))
	h.Set(corev1.PortForwardRequestIDHeader, strconv.Itoa(id))
	errorStream, err := session.CreateStream(h)
	if err != nil {
		return nil, fmt.Errorf("open the error stream: %w", err)
	}
	// Nothing is ever sent on the error stream.
	_ = errorStream.Close()
	h.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := session.CreateStream(h)
	if err != nil {
		_ = errorStream.Reset()
		session.RemoveStreams(errorStream)
		return nil, fmt.Errorf("open the data stream: %w", err)
	}
	c := &podConn{
		session: session, data: data, errorStream: errorStream,
		addr: podAddr(pod + ":" + strconv.Itoa(port)), errorRead: make(chan struct{}),
	}
	go func() {
		text, err := io.ReadAll(errorStream)
		if err == nil {
			c.kubeletError = strings.TrimSpace(string(text))
		}
		close(c.errorRead)
		if c.kubeletError != "" {
			// The kubelet leaves the data stream open after it has failed to connect.
			_ = data.Reset()
		}
	}()
	return c, nil
}

func (c *podConn) Read(b []byte) (int, error) {
	n, err := c.data.Read(b)
	if n == 0 && err != nil {
		err = c.explain(err)
	}
	return n, err
}

func (c *podConn) Write(b []byte) (int, error) {
	n, err := c.data.Write(b)
	if err != nil {
		err = c.explain(err)
	}
	return n, err
}

// explain replaces the error of a broken stream by its cause: the kubelet's error, or a deadline.
func (c *podConn) explain(err error) error {
	c.mu.Lock()
	timedOut := c.timedOut
	c.mu.Unlock()
	if timedOut {
		return os.ErrDeadlineExceeded
	}
	select {
	case <-c.errorRead:
		if c.kubeletError != "" {
			return errors.New(c.kubeletError)
		}
	default:
	}
	return err
}

func (c *podConn) Close() error {
	c.close.Do(func() {
		_ = c.SetDeadline(time.Time{})
		_ = c.data.Close()
		_ = c.data.Reset()
		_ = c.errorStream.Reset()
		c.session.RemoveStreams(c.data, c.errorStream)
	})
	return nil
}

func (c *podConn) LocalAddr() net.Addr  { return podAddr("here") }
func (c *podConn) RemoteAddr() net.Addr { return c.addr }

// SetDeadline bounds reads and writes together. Streams have no deadlines of their own, so it resets the stream.
func (c *podConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	if !t.IsZero() {
		c.timer = time.AfterFunc(time.Until(t), func() {
			c.mu.Lock()
			c.timedOut = true
			c.mu.Unlock()
			_ = c.data.Reset()
		})
	}
	return nil
}

func (c *podConn) SetReadDeadline(t time.Time) error  { return c.SetDeadline(t) }
func (c *podConn) SetWriteDeadline(t time.Time) error { return c.SetDeadline(t) }

type podAddr string

func (podAddr) Network() string  { return "pod" }
func (a podAddr) String() string { return string(a) }
