package sampleapp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// A lineCaller is a connection to the TCP port.
type lineCaller struct {
	t *testing.T
	net.Conn
	lines *bufio.Reader
}

func (c lineCaller) ask(id string) (TCPAnswer, error) {
	c.t.Helper()
	if _, err := io.WriteString(c, id+"\n"); err != nil {
		return TCPAnswer{}, err
	}
	line, err := c.lines.ReadBytes('\n')
	if err != nil {
		return TCPAnswer{}, err
	}
	var a TCPAnswer
	if err := json.Unmarshal(line, &a); err != nil {
		c.t.Fatalf("got %q: %v", line, err)
	}
	return a, nil
}

// A connection is a request: it has one serial number and one fate, however many lines it brings, and the app closes
// what is idle when it ends.
func TestTCPConnectionIsARequest(t *testing.T) {
	var ls []net.Listener
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ls = append(ls, l)
	}
	a := New(Config{Version: "v1", Pod: "p", ShutdownTimeout: 5 * time.Second, Seed: 1})
	a.tcp.listener = ls[2]
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- a.Serve(ctx, ls[:1], ls[1], slog.New(slog.DiscardHandler)) }()
	dial := func() lineCaller {
		c, err := net.Dial("tcp", ls[2].Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return lineCaller{t, c, bufio.NewReader(c)}
	}

	kept := dial()
	for _, id := range []string{"run-all-0", "run-all-0 again"} {
		got, err := kept.ask(id)
		want := TCPAnswer{ID: id, Code: 200, Version: "v1", Pod: "p", Serial: Serial(a.counters.instance, 1)}
		if err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	silent := dial() // it says nothing, and is not counted

	a.injector.set(Faults{ErrorRate: 1, ErrorCode: 503})
	if got, err := dial().ask("x"); err != nil || got.Code != 503 || got.Text != "Service Unavailable" {
		t.Errorf("got %+v, %v, want a 503", got, err)
	}
	for _, f := range []Faults{{CloseRate: 1}, {ResetRate: 1}} {
		a.injector.set(f)
		if got, err := dial().ask("x"); err == nil {
			t.Errorf("%+v: got %+v, want no answer", f, got)
		}
	}
	// What was there before keeps its fate.
	if got, err := kept.ask("later"); err != nil || got.Code != http.StatusOK {
		t.Errorf("got %+v, %v of a connection from before, want 200", got, err)
	}
	c := a.Counters()
	if c.Received != 4 || c.Answered["200"] != 1 || c.Answered["503"] != 1 || c.Closed != 1 || c.Reset != 1 ||
		c.InFlight != 0 {
		t.Errorf("got %+v, want 4 connections, each counted once", c)
	}
	stop()
	for _, one := range []lineCaller{kept, silent} {
		if _, err := one.lines.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v at the app's end, want the connection closed", err)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
