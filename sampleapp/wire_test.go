package sampleapp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// request asks an app, with faults of the request's own if faults has some.
func request(ctx context.Context, url, faults string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if faults != "" {
		r.Header.Set(FaultsHeader, faults)
	}
	return http.DefaultClient.Do(r)
}

// raw returns what comes back on a connection of its own for one request with so many bytes of body.
func raw(t *testing.T, app, header string, body int) ([]byte, error) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(app, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(
		c, "POST / HTTP/1.1\r\nHost: app\r\nContent-Length: %d\r\n%s\r\n%s", body, header, strings.Repeat("x", body),
	); err != nil {
		return nil, err
	}
	return io.ReadAll(c)
}

func TestClosesAndResets(t *testing.T) {
	a, app, _, _, _ := serve(t, Config{
		Version: "v1", Pod: "p", Faults: Faults{CloseRate: 1}, ShutdownTimeout: time.Second,
	})
	// This is more than net/http reads by itself before it closes. With unread bytes, a close is a reset.
	if got, err := raw(t, app, "", maxDiscard); err != nil || len(got) != 0 {
		t.Errorf("close: got %q, %v, want an orderly end without a byte", got, err)
	}
	a.injector.set(Faults{ResetRate: 1})
	// All bytes are read, so the app made the reset.
	if got, err := raw(t, app, "", 0); !errors.Is(err, syscall.ECONNRESET) || len(got) != 0 {
		t.Errorf("reset: got %q, %v, want a reset without a byte", got, err)
	}
	// The header asks for it, where the pod would do the other.
	if got, err := raw(t, app, FaultsHeader+": closeRate=1\r\n", 0); err != nil || len(got) != 0 {
		t.Errorf("close by header: got %q, %v, want an orderly end without a byte", got, err)
	}
	waitFor(t, "the end of all requests", func() bool { return a.Counters().InFlight == 0 })
	if c := a.Counters(); c.Received != 3 || c.Closed != 2 || c.Reset != 1 || len(c.Answered) != 0 || c.Abandoned != 0 {
		t.Errorf("got %+v, want 3 received: 2 closed, 1 reset", c)
	}
	// The limit still has its slot.
	a.injector.set(Faults{Concurrency: 1})
	if r := get(t, app); r.StatusCode != 200 {
		t.Errorf("got %d with a limit of one request, want 200", r.StatusCode)
	}
}

// A request without a connection of its own can't be reset, but gets no answer either.
func TestResetWithoutConnection(t *testing.T) {
	a := New(Config{Version: "v1", Faults: Faults{ResetRate: 1}})
	defer func() {
		if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("got %v, want the request aborted", err)
		}
		if c := a.Counters(); c.Reset != 1 || c.InFlight != 0 {
			t.Errorf("got %+v, want one reset", c)
		}
	}()
	do(t, a.Handler(), "GET", "/", "")
}

// A slowWriter notes when each piece left.
type slowWriter struct {
	*httptest.ResponseRecorder
	begin   time.Time
	flushed []time.Duration
}

func (w *slowWriter) Flush() {
	w.flushed = append(w.flushed, time.Since(w.begin))
	w.ResponseRecorder.Flush()
}

func TestStreamIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New(Config{Version: "v2", Pod: "pod-a", Faults: Faults{Latency: time.Second, Stream: 22 * time.Second}})
		w := &slowWriter{ResponseRecorder: httptest.NewRecorder(), begin: time.Now()}
		a.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		const body = "my-service v2 (pod-a)\n"
		if got := w.Body.String(); got != body {
			t.Errorf("got the body %q, want %q", got, body)
		}
		var want []time.Duration
		for i := range len(body) + 1 {
			want = append(want, time.Second+time.Duration(i)*time.Second)
		}
		if !slices.Equal(w.flushed, want) {
			t.Errorf("got pieces after %v, want %v", w.flushed, want)
		}
	})
}

// The header of a stream arrives long before its end and counts the answer. A client that leaves ends the stream.
func TestStreamOverHTTP(t *testing.T) {
	a, app, _, _, _ := serve(t, Config{Version: "v2", Pod: "p", ShutdownTimeout: time.Second})
	// This is less than the stream, so the header must come before.
	ctx, leave := context.WithTimeout(t.Context(), 10*time.Second)
	defer leave()
	r, err := request(ctx, app, "stream=150s,errorRate=1,errorCode=500")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != 500 || r.Header.Get(VersionHeader) != "v2" {
		t.Errorf("got %d, %v, want 500 of v2", r.StatusCode, r.Header)
	}
	if c := a.Counters(); c.Answered["500"] != 1 || c.InFlight != 1 {
		t.Errorf("got %+v, want one answer under way", c)
	}
	leave()
	waitFor(t, "the end of the stream", func() bool { c := a.Counters(); return c.InFlight == 0 && c.Abandoned == 0 })

	if r, err = request(t.Context(), app, "stream=50ms"); err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if line, err := bufio.NewReader(r.Body).ReadString('\n'); err != nil || line != "my-service v2 (p)\n" {
		t.Errorf("got %q, %v, want the whole body", line, err)
	}
}
