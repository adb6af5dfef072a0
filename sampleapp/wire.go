package sampleapp

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// sleep waits for d, and tells whether ctx lasted that long.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// maxDiscard bounds how much of a request is read before its connection is closed.
const maxDiscard = 1 << 20

// closeAfterReading closes the request's connection without an answer. It does not return.
func closeAfterReading(r *http.Request) {
	// With unread bytes, the close would be a reset.
	_, _ = io.CopyN(io.Discard, r.Body, maxDiscard)
	panic(http.ErrAbortHandler)
}

// reset makes the kernel answer with RST. It does not return.
func reset(w http.ResponseWriter) {
	// A request without a connection of its own, such as a stream of HTTP/2, can only be closed.
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := c.(*net.TCPConn); ok {
			// This fails only for a broken connection, which needs no reset.
			_ = tcp.SetLinger(0)
		}
		c.Close()
	}
	panic(http.ErrAbortHandler)
}

// trickle sends the header at once and the body byte by byte, the last byte after d. It ends when the client leaves.
func trickle(w http.ResponseWriter, r *http.Request, body string, d time.Duration) {
	control := http.NewResponseController(w)
	begin := time.Now()
	for sent := range len(body) + 1 {
		if sent > 0 {
			io.WriteString(w, body[sent-1:sent])
		}
		// If the client left, the wait shows it too.
		_ = control.Flush()
		if sent == len(body) {
			return
		}
		// The due time counts from the beginning, so that delays do not add up.
		due := d * time.Duration(sent+1) / time.Duration(len(body))
		if !sleep(r.Context(), time.Until(begin.Add(due))) {
			panic(http.ErrAbortHandler)
		}
	}
}
