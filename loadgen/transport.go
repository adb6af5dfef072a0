package loadgen

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/canarylab/canarylab/sampleapp"
)

// userAgent is a request's user agent, unless its cohort has one.
const userAgent = "canarylab-loadgen"

// seqHeader is the header in which Vegeta numbers its requests.
const seqHeader = "X-Vegeta-Seq"

// requestIDHeader joins a sample with the proxies' access logs. Envoy keeps a caller's id inside the mesh.
const requestIDHeader = "X-Request-Id"

// requestID is unique in a run and follows from the request. It is not a UUID on purpose: Envoy writes its
// trace decision into those, so that the id would come out changed.
func requestID(run, cohort string, seq uint64) string { return string(appendID(nil, run, cohort, seq)) }

// appendID appends a requestID.
func appendID(to []byte, run, cohort string, seq uint64) []byte {
	to = append(append(append(append(to, run...), '-'), cohort...), '-')
	return strconv.AppendUint(to, seq, 10)
}

// newTransport makes the connection pool that all cohorts share but those of overTLS. It speaks plain HTTP/1.1 and
// knows no proxy but the sidecar, which intercepts the traffic.
func newTransport(p Plan) *http.Transport {
	dialer := &net.Dialer{Timeout: p.timeout(), KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &conn{Conn: c}, nil
		},
		// A connection that was needed once is kept. How many there are follows from rate and latency, and
		// dialing again would add its own time to the samples.
		MaxIdleConnsPerHost: maxInFlight,
		DisableKeepAlives:   p.FreshConnections,
		// The size of the body must be that on the wire.
		DisableCompression: true,
	}
}

// overTLS is the connection pool of a cohort that asks by HTTPS: each names a host of its own in the handshake (SNI,
// RFC 6066). It takes any certificate: the lab's gateways have such that were made for the run, and what is told of a
// request is where it went.
func overTLS(p Plan, c Cohort) (*http.Transport, error) {
	u, err := url.Parse(p.url(c))
	if err != nil {
		return nil, err
	}
	host := u.Host
	for name, v := range c.Header {
		if strings.EqualFold(name, "Host") {
			host = v
		}
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	t := newTransport(p)
	t.TLSClientConfig = &tls.Config{
		ServerName: host, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, // #nosec G402 -- see above
	}
	return t, nil
}

// counted is the conn below a connection, nil where there is none.
func counted(c net.Conn) *conn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	plain, _ := c.(*conn)
	return plain
}

// noRedirects treats a redirect as an answer like any other. To follow it could send load anywhere.
func noRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// A conn counts the bytes that were given to the kernel.
type conn struct {
	net.Conn
	written atomic.Int64
}

func (c *conn) Write(b []byte) (int, error) {
	// They are counted before and corrected after, so that a write in progress already shows.
	c.written.Add(int64(len(b)))
	n, err := c.Conn.Write(b)
	c.written.Add(int64(n - len(b)))
	return n, err
}

// errLost is the error of a request whose connection broke while it waited for the answer.
var errLost = errors.New("connection lost after the request was sent")

// A sender makes a cohort's requests from Vegeta's. It adds the cohort's headers and the request id, and
// ensures that each request is on the wire at most once. net/http would silently send a GET a second time when
// a kept connection turns out to be broken, and the servers would then count a request that no sample knows. A
// sender lets it send again only while no byte of the request has left.
type sender struct {
	next   http.RoundTripper
	run    string
	cohort Cohort
	share  share
	// timeout lasts from the request to the last byte of the answer. http.Client's own needs two more
	// goroutines for each request, and has two texts for the same thing.
	timeout time.Duration
	// body is every request's, empty for none.
	body []byte
	// unsent has Vegeta's numbers of the requests whose dialing failed. It passes by Vegeta, which only passes
	// on an error's text.
	unsent *sync.Map
}

// RoundTrip implements http.RoundTripper.
func (s *sender) RoundTrip(in *http.Request) (*http.Response, error) {
	var used *conn
	var before int64
	ctx, cancel := context.WithTimeoutCause(in.Context(), s.timeout, fmt.Errorf("no whole answer within %s", s.timeout))
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if c := counted(info.Conn); c != nil {
			used, before = c, c.written.Load()
		}
	}})
	req := in.WithContext(ctx)
	req.Header = make(http.Header, len(s.cohort.Header)+2)
	if s.cohort.Socket {
		for _, name := range handshake {
			req.Header[name] = in.Header[name]
		}
	}
	req.Header["User-Agent"] = []string{userAgent}
	n, err := strconv.ParseUint(in.Header.Get(seqHeader), 10, 64)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("the number of a request: %w", err)
	}
	seq := s.share.number(n)
	for name, value := range s.cohort.Header {
		value = s.cohort.header(value, seq)
		switch {
		case strings.EqualFold(name, "Host"):
			req.Host = value
		case strings.EqualFold(name, "User-Agent"):
			// An empty one keeps net/http from adding its own beside a name in another case.
			req.Header["User-Agent"] = []string{""}
			req.Header[name] = []string{value}
		default:
			// Set would change the name's case.
			req.Header[name] = []string{value}
		}
	}
	if names, ok := s.cohort.echo(); ok {
		req.Header[sampleapp.EchoHeader] = []string{names}
	}
	req.Header[requestIDHeader] = []string{requestID(s.run, s.cohort.Name, seq)}

	// net/http asks for the body again before it sends again, and an empty body of a GET leaves no trace on the
	// wire. This is the only place where it can be stopped.
	req.Body = s.content()
	if len(s.body) > 0 {
		req.ContentLength = int64(len(s.body))
	}
	req.GetBody = func() (io.ReadCloser, error) {
		if used == nil || used.written.Load() != before {
			return nil, errLost
		}
		return s.content(), nil
	}
	res, err := s.next.RoundTrip(req)
	if err != nil {
		cancel()
		return nil, s.failed(n, in.URL.Scheme == "https" && used == nil, err)
	}
	ends := body{ReadCloser: res.Body, cancel: cancel}
	if upgradedTo, ok := res.Body.(io.Writer); ok {
		res.Body = &upgraded{body: ends, Writer: upgradedTo}
	} else {
		res.Body = &ends
	}
	return res, nil
}

// failed takes note of a request that got no answer, and returns the error for its sample. early tells that it got no
// connection by TLS.
func (s *sender) failed(n uint64, early bool, err error) error {
	failed, ok := errors.AsType[*net.OpError](err)
	dial := ok && failed.Op == "dial"
	if dial || early {
		s.unsent.Store(n, true)
	}
	switch {
	case early && ok && !dial:
		return fmt.Errorf("no TLS handshake: %w", failed.Err) // without addresses, which are others each time
	case early && !dial:
		return fmt.Errorf("no TLS handshake: %w", err)
	}
	return err
}

// content returns a new reader of the cohort's body.
func (s *sender) content() io.ReadCloser {
	if len(s.body) == 0 {
		return empty{}
	}
	return io.NopCloser(bytes.NewReader(s.body))
}

// A body ends its request's timeout when it is closed.
type body struct {
	io.ReadCloser
	cancel func()
}

func (b *body) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// upgraded is the body of an upgraded connection, to which one can also write.
type upgraded struct {
	body
	io.Writer
}

// empty is a body of no bytes that is not http.NoBody.
type empty struct{}

func (empty) Read([]byte) (int, error) { return 0, io.EOF }
func (empty) Close() error             { return nil }
