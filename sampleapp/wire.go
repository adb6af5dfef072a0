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

// maxDiscard bounds what is read of a request before its connection is closed.
const maxDiscard = 1 << 20

// closeAfterReading closes the request's connection without an answer. It does not return.
func closeAfterReading(r *http.Request) {
	// A close with something unread would be a reset.
	_, _ = io.CopyN(io.Discard, r.Body, maxDiscard)
	panic(http.ErrAbortHandler)
}

// reset has the kernel answer with RST. It does not return.
func reset(w http.ResponseWriter) {
	// What is no connection of its own, such as a stream of HTTP/2, can only be closed.
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := c.(*net.TCPConn); ok {
			// Only a connection that is broken already refuses, and that needs no reset.
			_ = tcp.SetLinger(0)
		}
		c.Close()
	}
	panic(http.ErrAbortHandler)
}

// trickle sends the header at once and the body byte by byte, the last one when d is over. A client that leaves ends it.
func trickle(w http.ResponseWriter, r *http.Request, body string, d time.Duration) {
	control := http.NewResponseController(w)
	begin := time.Now()
	for sent := range len(body) + 1 {
		if sent > 0 {
			io.WriteString(w, body[sent-1:sent])
		}
		// A client that left shows in the wait, too.
		_ = control.Flush()
		if sent == len(body) {
			return
		}
		// Of the whole time, so that no wait adds to the next.
		due := d * time.Duration(sent+1) / time.Duration(len(body))
		if !sleep(r.Context(), time.Until(begin.Add(due))) {
			panic(http.ErrAbortHandler)
		}
	}
}
