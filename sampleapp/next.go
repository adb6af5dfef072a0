package sampleapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// NextHeader is the header of an answer that says what the next service answered: its status and its
// VersionHeader, such as "200 v2", the status alone if no app made the answer, or "none" for no answer.
const NextHeader = "X-App-Next"

const (
	// nextTimeout bounds a call of the next service, its body included. It is Envoy's usual longest request timeout.
	nextTimeout = 15 * time.Second
	// nextBody bounds how much of an answer is read to keep its connection.
	nextBody = 1 << 20
	// nextIdle is how many connections to the next service are kept. Dialing again would add its own time.
	nextIdle = 1000
)

// A nextHop is the service that the app calls for each request that it would answer with 200.
type nextHop struct {
	url string
	// propagate has the headers that are copied into the call, in net/http's spelling.
	propagate []string
	client    *http.Client
}

func newNextHop(to string, propagate []string) *nextHop {
	n := &nextHop{url: to, client: &http.Client{
		// It knows no proxy but the sidecar, which intercepts the traffic.
		Transport: &http.Transport{MaxIdleConns: nextIdle, MaxIdleConnsPerHost: nextIdle, DisableCompression: true},
		// A redirect is an answer like any other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for _, name := range propagate {
		n.propagate = append(n.propagate, http.CanonicalHeaderKey(name))
	}
	return n
}

// call calls the next service once, with the headers of in that are propagated. It returns the value of
// NextHeader, and an error for anything but an answer below 400.
func (n *nextHop) call(ctx context.Context, in http.Header) (string, error) {
	const none = "none"
	ctx, cancel := context.WithTimeoutCause(ctx, nextTimeout, fmt.Errorf("no whole answer within %s", nextTimeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url, nil)
	if err != nil {
		return none, fmt.Errorf("call the next service: %w", err)
	}
	// net/http would silently send a GET a second time when a kept connection turns out to be broken, and the
	// next service would count a request that this one does not know of. A body that can't be read again
	// prevents that. An empty one does not show on the wire.
	req.Body = io.NopCloser(strings.NewReader(""))
	for _, name := range n.propagate {
		if values := in[name]; len(values) > 0 {
			req.Header[name] = values
		}
	}
	res, err := n.client.Do(req)
	if err != nil {
		return none, fmt.Errorf("call the next service: %w", cause(ctx, err))
	}
	defer res.Body.Close()
	answered := strings.TrimSpace(strconv.Itoa(res.StatusCode) + " " + res.Header.Get(VersionHeader))
	if _, err := io.CopyN(io.Discard, res.Body, nextBody); err != nil && !errors.Is(err, io.EOF) {
		return answered, fmt.Errorf("read the answer of the next service: %w", cause(ctx, err))
	}
	if res.StatusCode >= http.StatusBadRequest {
		return answered, fmt.Errorf("the next service answered %d", res.StatusCode)
	}
	return answered, nil
}

// cause returns what ended ctx, or err if ctx has not ended.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// checkNext says what is wrong with the URL of the next service. Empty means none.
func checkNext(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil {
		return fmt.Errorf("next: %w", err)
	}
	if u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("next: %q is not a URL such as http://backend:8080/path (encryption is the sidecar's)", s)
	}
	return nil
}

// ownHeaders are about one connection or one message, and can't be propagated.
var ownHeaders = []string{
	"Connection", "Content-Length", "Host", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// splitHeaders splits a list of header names such as "x-request-id,x-user-group". Empty means none.
func splitHeaders(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	var names []string
	for name := range strings.SplitSeq(s, ",") {
		name = strings.TrimSpace(name)
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, fmt.Errorf("propagate: %q is not a header's name such as x-request-id", name)
		}
		if slices.Contains(ownHeaders, http.CanonicalHeaderKey(name)) {
			return nil, fmt.Errorf("propagate: %s is about one connection or message, and can't go on to the next",
				name)
		}
		names = append(names, name)
	}
	return names, nil
}
