package sampleapp

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestSecondHop(t *testing.T) {
	backend := New(Config{Version: "v7", Pod: "b"})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/bare":
			w.WriteHeader(http.StatusNoContent)
		case "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		default:
			backend.Handler().ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	refuses := httptest.NewServer(nil)
	refuses.Close()

	for _, tc := range []struct {
		name, url string
		backend   Faults
		own       string // the request's own faults
		code      int
		says      string
		body      string
	}{
		{"well", server.URL + "/x", Faults{}, "", 200, "200 v7", "my-service v1 (p)\n"},
		{"no app", server.URL + "/bare", Faults{}, "", 200, "204", "my-service v1 (p)\n"},
		{"redirect", server.URL + "/moved", Faults{}, "", 200, "302", "my-service v1 (p)\n"},
		{"fails", server.URL, Faults{ErrorRate: 1}, "", 502, "503 v7", "the next service answered 503\n"},
		{
			"not found", server.URL, Faults{ErrorRate: 1, ErrorCode: 404}, "", 502, "404 v7",
			"the next service answered 404\n",
		},
		{"closes", server.URL, Faults{CloseRate: 1}, "", 502, "none", "call the next service: "},
		{"refuses", refuses.URL, Faults{}, "", 502, "none", "call the next service: "},
		// The app's own fault comes before the call.
		{"own fault", server.URL, Faults{}, "errorRate=1,errorCode=418", 418, "", "my-service v1 (p)\n"},
	} {
		backend.injector.set(tc.backend)
		a := New(Config{Version: "v1", Pod: "p", Next: tc.url})
		before := backend.Counters().Received
		var header []string
		if tc.own != "" {
			header = []string{FaultsHeader, tc.own}
		}
		r := do(t, a.Handler(), "GET", "/", "", header...)
		body := text(t, r)
		if r.StatusCode != tc.code || r.Header.Get(NextHeader) != tc.says || !strings.HasPrefix(
			body, tc.body,
		) || r.Header.Get(VersionHeader) != "v1" {
			t.Errorf("%s: got %d, %v, %q, want %d, %q, %q", tc.name, r.StatusCode, r.Header, body, tc.code, tc.says,
				tc.body)
		}
		if c := a.Counters(); c.Received != 1 || len(c.Answered) != 1 || c.InFlight != 0 {
			t.Errorf("%s: got %+v, want one answer", tc.name, c)
		}
		if got := backend.Counters().Received - before; tc.own != "" && got != 0 {
			t.Errorf("%s: got %d calls, want none", tc.name, got)
		}
	}
}

// Only the named headers go on to the next service.
func TestPropagation(t *testing.T) {
	var seen atomic.Pointer[http.Request]
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen.Store(r) }))
	defer server.Close()
	for _, names := range [][]string{nil, {"x-user-group", "x-request-id", "x-not-there"}} {
		a := New(Config{Version: "v1", Pod: "p", Next: server.URL + "/path?q=1", Propagate: names})
		do(t, a.Handler(), "POST", "/other", "body", "X-User-Group", "beta", "X-Request-Id", "7", "X-Client-Id", "c")
		r := seen.Load()
		if r.Method != "GET" || r.URL.String() != "/path?q=1" || r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
			t.Errorf("got %s %s with %d bytes, want GET /path?q=1 without a body", r.Method, r.URL, r.ContentLength)
		}
		var got []string
		for name := range r.Header {
			if strings.HasPrefix(name, "X-") {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		var want []string
		if names != nil {
			want = []string{"X-Request-Id", "X-User-Group"}
		}
		if !slices.Equal(got, want) {
			t.Errorf("propagate %q: got %q, want %q", names, got, want)
		}
		if names != nil && (r.Header.Get("X-User-Group") != "beta" || r.Header.Get("X-Request-Id") != "7") {
			t.Errorf("got %v, want the caller's values", r.Header)
		}
	}
}

// A call is on the wire once, also when its kept connection breaks under it.
func TestNextIsCalledOnce(t *testing.T) {
	var got atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if got.Add(1) == 2 {
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	n := newNextHop(server.URL, nil)
	if says, err := n.call(t.Context(), nil); err != nil || says != "200" {
		t.Fatalf("the first call: got %q, %v, want 200", says, err)
	}
	if says, err := n.call(t.Context(), nil); err == nil || says != "none" {
		t.Errorf("the broken call: got %q, %v, want an error", says, err)
	}
	if got.Load() != 2 {
		t.Errorf("two calls: got %d requests, want 2", got.Load())
	}
}

// When the client leaves, the call ends.
func TestCallEndsWhenTheClientLeaves(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	called, ended := make(chan struct{}), make(chan struct{})
	go func() {
		c, err := silent.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		// Before the request is on it, the connection would go to the pool and not end.
		if _, err := c.Read(make([]byte, 1)); err != nil {
			return
		}
		close(called)
		_, _ = io.Copy(io.Discard, c)
		close(ended)
	}()
	a, app, _, _, _ := serve(t, Config{
		Version: "v1", Pod: "p", Next: "http://" + silent.Addr().String(), ShutdownTimeout: time.Second,
	})
	ctx, leave := context.WithCancel(t.Context())
	go func() { _, _ = request(ctx, app, "") }()
	<-called
	leave()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("the call goes on 5s after the client left")
	}
	waitFor(t, "the request abandoned", func() bool {
		c := a.Counters()
		return c.Abandoned == 1 && c.InFlight == 0 && len(c.Answered) == 0
	})
}
