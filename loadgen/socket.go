package loadgen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/coder/websocket"
)

// handshake are the headers of a request for a WebSocket, as net/http spells them.
var handshake = []string{"Connection", "Upgrade", "Sec-Websocket-Key", "Sec-Websocket-Version"}

// A socket makes each request a WebSocket. The answer's body is its messages, one after the other, and ends when the server closes it.
type socket struct {
	next http.RoundTripper
	// timeout is from here to the end of the socket.
	timeout time.Duration
}

// RoundTrip implements http.RoundTripper.
func (s *socket) RoundTrip(in *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeoutCause(in.Context(), s.timeout, fmt.Errorf("not closed within %s", s.timeout))
	conn, res, err := websocket.Dial(ctx, in.URL.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: s.next, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		HTTPHeader: in.Header,
	})
	switch {
	case err == nil:
		// Its reader ends with io.EOF where the server closed in an orderly way.
		res.Body = &body{ReadCloser: websocket.NetConn(ctx, conn, websocket.MessageText), cancel: cancel}
		return res, nil
	case res != nil && res.StatusCode != http.StatusSwitchingProtocols:
		// The library has read what it gives of the body.
		cancel()
		return res, nil
	}
	cancel()
	// Vegeta's client puts the request in front once more.
	if sent, ok := errors.AsType[*url.Error](err); ok {
		err = sent.Err
	}
	return nil, err
}
