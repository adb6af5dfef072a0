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

// messageEvery is the time between two messages. It is short compared with any Stream that shows something.
const messageEvery = 100 * time.Millisecond

// asksForSocket tells whether a request asks for a WebSocket (RFC 6455, section 4.1).
func asksForSocket(r *http.Request) bool {
	return httpguts.HeaderValuesContainsToken(r.Header["Connection"], "upgrade") &&
		strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// socket opens the WebSocket that r asks for. It says who answers at once and then every messageEvery, and
// closes the WebSocket after d. A wrong handshake gets the library's own answer, a 400 or 426. socket does not
// read what the client sends, because the client has nothing to say: a message of the client's ends the
// WebSocket.
func (a *App) socket(w http.ResponseWriter, r *http.Request, d time.Duration) {
	a.sockets.Add(1)
	defer a.sockets.Done()
	begin := time.Now()
	w.Header().Del("Content-Type")
	conn, err := websocket.Accept(&countedWriter{w, &a.counters.answered}, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	// ctx ends when the client leaves.
	ctx := conn.CloseRead(r.Context())
	for due := time.Duration(0); ; due = min(due+messageEvery, d) {
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
	// Close waits for the client's own closing frame. If none comes, there is nobody to tell.
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

// A countedWriter counts the status of an answer that somebody else makes.
type countedWriter struct {
	http.ResponseWriter
	answered *[codes]atomic.Uint64
}

// WriteHeader implements http.ResponseWriter.
func (t *countedWriter) WriteHeader(code int) {
	t.answered[code].Add(1)
	t.ResponseWriter.WriteHeader(code)
}

// Unwrap gives http.ResponseController the connection.
func (t *countedWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }
