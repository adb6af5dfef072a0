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

// handshake has the headers of a request for a WebSocket, in net/http's spelling.
var handshake = []string{"Connection", "Upgrade", "Sec-Websocket-Key", "Sec-Websocket-Version"}

// A socket makes each request ask for a WebSocket. The answer's body has its messages, one after the other, and
// ends when the server closes it.
type socket struct {
	next http.RoundTripper
	// timeout lasts from the request to the end of the socket.
	timeout time.Duration
}

// RoundTrip implements http.RoundTripper.
func (s *socket) RoundTrip(in *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeoutCause(in.Context(), s.timeout, fmt.Errorf("not closed within %s", s.timeout))
	conn, res, err := websocket.Dial(ctx, in.URL.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: s.next, CheckRedirect: noRedirects},
		HTTPHeader: in.Header,
	})
	switch {
	case err == nil:
		// The reader ends with io.EOF if the server closed the socket in an orderly way.
		res.Body = &body{ReadCloser: websocket.NetConn(ctx, conn, websocket.MessageText), cancel: cancel}
		return res, nil
	case res != nil && res.StatusCode != http.StatusSwitchingProtocols:
		// The library has read the part of the body that it returns.
		cancel()
		return res, nil
	}
	cancel()
	// Vegeta's client adds the request to the error once more.
	if sent, ok := errors.AsType[*url.Error](err); ok {
		err = sent.Err
	}
	return nil, err
}
