package sampleapp

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/net/http/httpguts"
)

// socketBeat is the time between two messages: short beside any Stream that shows something.
const socketBeat = 100 * time.Millisecond

// asksForSocket tells whether a request wants to become a WebSocket (RFC 6455, section 4.1).
func asksForSocket(r *http.Request) bool {
	return httpguts.HeaderValuesContainsToken(r.Header["Connection"], "upgrade") && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// socket opens the WebSocket that r asks for, says who answers at once and then every socketBeat, and closes it when it was open for d. A handshake
// that is none gets the library's own answer, a 400 or 426. What the client says is not read, as it has nothing to say: a message of its ends the socket.
func (a *App) socket(w http.ResponseWriter, r *http.Request, d time.Duration) {
	a.sockets.Add(1)
	defer a.sockets.Done()
	begin := time.Now()
	w.Header().Del("Content-Type")
	conn, err := websocket.Accept(&tallied{w, &a.counters.answered}, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	// It ends when the client leaves.
	ctx := conn.CloseRead(r.Context())
	for due := time.Duration(0); ; due = min(due+socketBeat, d) {
		if !sleep(ctx, time.Until(begin.Add(due))) {
			return
		}
		if err := conn.Write(ctx, websocket.MessageText, []byte(a.body)); err != nil {
			return
		}
		if due == d {
			break
		}
	}
	// It waits for the client's own closing frame, and there is nobody to tell that none came.
	_ = conn.Close(websocket.StatusNormalClosure, "")
}

// finishSockets waits until no WebSocket is open.
func (a *App) finishSockets(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		a.sockets.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("finish WebSockets within %s: %w", a.cfg.ShutdownTimeout, ctx.Err())
	}
}

// tallied counts the status of an answer that somebody else makes.
type tallied struct {
	http.ResponseWriter
	answered *[codes]atomic.Uint64
}

// WriteHeader implements http.ResponseWriter.
func (t *tallied) WriteHeader(code int) {
	t.answered[code].Add(1)
	t.ResponseWriter.WriteHeader(code)
}

// Unwrap gives http.ResponseController the connection.
func (t *tallied) Unwrap() http.ResponseWriter { return t.ResponseWriter }
