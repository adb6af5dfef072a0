package sampleapp

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// An app that stands in for a team's has several ports, and a sidecar speaks HTTP/2 to those named http2 or grpc.
func TestAnswersOnSeveralPortsAndByHTTP2(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := Config{Version: "v1", Pod: "p", AdminAddr: "127.0.0.1:0", ShutdownTimeout: time.Second}

	cfg.Addr = "127.0.0.1:0," + taken.Addr().String()
	if err := New(cfg).Run(t.Context(), slog.New(slog.DiscardHandler)); err == nil {
		t.Errorf("Run on a port that is taken: got no error")
	}

	ctx, stop := context.WithCancel(t.Context())
	var ls []net.Listener
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ls = append(ls, l)
	}
	a := New(cfg)
	ended := make(chan error, 1)
	go func() { ended <- a.Serve(ctx, ls[:2], ls[2], slog.New(slog.DiscardHandler)) }()

	var onlyHTTP2 http.Protocols
	onlyHTTP2.SetUnencryptedHTTP2(true)
	for _, client := range []*http.Client{{Transport: &http.Transport{}},
		{Transport: &http.Transport{Protocols: &onlyHTTP2}}} {
		for _, l := range ls[:2] {
			resp, err := client.Get("http://" + l.Addr().String() + "/anything")
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(string(b), "my-service v1") {
				t.Errorf("%s on %s: got %d %q, %v", resp.Proto, l.Addr(), resp.StatusCode, b, err)
			}
		}
		client.CloseIdleConnections()
	}
	if got := a.Counters().Received; got != 4 {
		t.Errorf("counted %d requests, want 4", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
