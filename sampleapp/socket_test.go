package sampleapp

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// dial opens a WebSocket.
func dial(t *testing.T, url string) (*websocket.Conn, *http.Response) {
	t.Helper()
	conn, res, err := websocket.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	return conn, res
}

func TestASocketSaysWhoAnswers(t *testing.T) {
	a, app, _, stop, done := serve(t, Config{
		Version: "v2", Pod: "pod-a", ShutdownTimeout: 10 * time.Second, Faults: Faults{Stream: 250 * time.Millisecond},
	})
	conn, res := dial(t, app)
	if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get(VersionHeader) != "v2" || res.Header.Get(
		SerialHeader,
	) == "" {
		t.Errorf("handshake: got %d with %v", res.StatusCode, res.Header)
	}
	messages := 0
	for {
		_, m, err := conn.Read(t.Context())
		if err != nil {
			if got := websocket.CloseStatus(err); got != websocket.StatusNormalClosure {
				t.Errorf("closed with %d: %v", got, err)
			}
			break
		}
		if messages++; string(m) != "my-service v2 (pod-a)\n" {
			t.Errorf("got message %q", m)
		}
	}
	if messages != 4 {
		t.Errorf("got %d messages in 250 ms, want one at once, two beats and one at the end", messages)
	}
	if c := a.Counters(); c.Answered["101"] != 1 || c.Received != 1 {
		t.Errorf("got %+v, want one request, answered with 101", c)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNoSocketWithoutItsHandshake(t *testing.T) {
	a := New(Config{Version: "v2"})
	r := do(t, a.Handler(), "GET", "/", "", "Connection", "keep-alive, Upgrade", "Upgrade", "WebSocket")
	if r.StatusCode != http.StatusUpgradeRequired && r.StatusCode != http.StatusBadRequest {
		t.Errorf("got %d for a handshake without a key, want a refusal", r.StatusCode)
	}
	if c := a.Counters(); len(c.Answered) != 1 || c.Answered["101"] != 0 {
		t.Errorf("got %v, want the refusal counted", c.Answered)
	}
	if r := do(
		t, a.Handler(), "GET", "/", "", "Connection", "close", "Upgrade", "websocket",
	); r.StatusCode != http.StatusOK {
		t.Errorf("got %d for a request that names no upgrade of its connection, want an answer", r.StatusCode)
	}
}

func TestStopWaitsForSockets(t *testing.T) {
	const open = 400 * time.Millisecond
	a, app, _, stop, done := serve(t, Config{
		Version: "v2", ShutdownTimeout: 10 * time.Second, Faults: Faults{Stream: open, Drain: time.Millisecond},
	})
	conn, _ := dial(t, app)
	if _, _, err := conn.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	for {
		if _, _, err := conn.Read(t.Context()); err != nil {
			if websocket.CloseStatus(err) != websocket.StatusNormalClosure {
				t.Errorf("the socket was cut: %v", err)
			}
			break
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := a.Counters().InFlight; n != 0 {
		t.Errorf("%d requests are under way after the end", n)
	}
}

func TestASocketEndsWithItsClient(t *testing.T) {
	a, app, _, stop, done := serve(t, Config{
		Version: "v2", ShutdownTimeout: 10 * time.Second, Faults: Faults{Stream: time.Minute},
	})
	conn, _ := dial(t, app)
	conn.CloseNow()
	waitFor(t, "the socket to end", func() bool { return a.Counters().InFlight == 0 })
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestStopIsBoundedForSockets(t *testing.T) {
	_, app, _, stop, done := serve(t, Config{
		Version: "v2", ShutdownTimeout: 50 * time.Millisecond,
		Faults: Faults{Stream: time.Minute, Drain: time.Millisecond},
	})
	dial(t, app)
	stop()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	select {
	case err := <-done:
		if err == nil {
			t.Error("want an error: a socket is still open")
		}
	case <-ctx.Done():
		t.Error("it waits for a socket of a minute")
	}
}
