package loadgen

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/sampleapp"
)

// tcpApp runs an app with a TCP port until stop is called.
func tcpApp(t *testing.T, cfg sampleapp.Config) (app *sampleapp.App, url string, stop func()) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Addr, cfg.AdminAddr, cfg.TCPAddr, cfg.ShutdownTimeout = "127.0.0.1:0", "127.0.0.1:0", address, 5*time.Second
	app = sampleapp.New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx, slog.New(slog.DiscardHandler)) }()
	stop = func() {
		if cancel(); ended == nil {
			return
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		ended = nil
	}
	t.Cleanup(stop)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return app, "http://" + address, stop
		}
		select {
		case err := <-ended:
			t.Fatal(err)
		default:
		}
	}
}

func TestConnectionsAreAccountedFor(t *testing.T) {
	app, url, _ := tcpApp(t, sampleapp.Config{
		Version: "v2", Pod: "pod-b", Faults: sampleapp.Faults{ErrorRate: 0.3, ErrorCode: 503},
	})
	s := play(t, plan(url, 400*time.Millisecond, Cohort{Name: "callers", Rate: 500, TCP: &TCP{}}))
	if s.end.Why != Duration || s.end.Cohorts[0] != (Count{"callers", 200, 200}) {
		t.Errorf("end: got %+v, want 200 connections, all answered", s.end)
	}
	if got := app.Counters(); got.Received != 200 {
		t.Errorf("the app counts %+v, want 200 received", got)
	}
	failed, from, serials := 0, map[string]bool{}, map[string]bool{}
	for _, x := range s.samples {
		if x.Version != "v2" || x.Pod != "pod-b" || x.Messages != 1 || x.Bytes == 0 || x.Cut || x.Err != "" ||
			!strings.HasPrefix(x.Local, "127.0.0.1:") {
			t.Fatalf("sample %+v: want an answer of pod-b", x)
		}
		from[x.Local], serials[x.Serial] = true, true
		if x.Failed() != (x.Code == 503) || x.Code != 503 && x.Code != 200 {
			t.Fatalf("sample %+v: want 200 or 503", x)
		}
		if x.Failed() {
			failed++
		}
	}
	if len(from) != 200 || len(serials) != 200 {
		t.Errorf("got %d addresses and %d serials, want 200 connections", len(from), len(serials))
	}
	if failed < 30 || failed > 90 {
		t.Errorf("got %d failed of 200, want some 60", failed)
	}
}

// A connection is held for as long as it is to be, or until the plan ends, and asks again meanwhile.
func TestHeldConnectionAsksAgain(t *testing.T) {
	_, url, _ := tcpApp(t, sampleapp.Config{Version: "v1"})
	s := play(t, plan(url, time.Second, Cohort{
		Name: "held", Rate: 5, TCP: &TCP{Hold: 300 * time.Millisecond, Every: 100 * time.Millisecond},
	}))
	for _, x := range s.samples {
		took := x.Done.Sub(x.Sent)
		last := x.Seq == 4 // it is made 0.2 s before the end, or less
		if x.Seq == 3 {
			continue
		}
		if x.Code != 200 || x.Cut || !last && (x.Messages != 3 || took < 300*time.Millisecond) ||
			last && took > 290*time.Millisecond {
			t.Errorf("sample %+v took %s, want three answers in 300 ms", x, took)
		}
	}
	if len(s.samples) != 5 {
		t.Errorf("got %d samples, want 5", len(s.samples))
	}
}

// A held connection ends with the load, and one that the other side ends is told apart.
func TestHeldConnectionEnds(t *testing.T) {
	for _, by := range []string{"the load's end", "the app's end"} {
		app, url, stop := tcpApp(t, sampleapp.Config{Version: "v1", Pod: "p"})
		p := plan(url, MaxDuration, Cohort{Name: "held", Rate: 20, TCP: &TCP{Hold: time.Minute}})
		if by == "the app's end" {
			p.Duration = time.Second // by when it has ended all that it had
		}
		s := start(t, t.Context(), p)
		for began := time.Now(); app.Counters().Received < 5; {
			if time.Since(began) > 10*time.Second {
				t.Fatal("no connections came")
			}
			time.Sleep(time.Millisecond)
		}
		if by == "the app's end" {
			stop()
		} else if _, err := io.WriteString(s.stdin, StopLine); err != nil {
			t.Fatal(err)
		}
		s.wait(t)
		if len(s.samples) < 4 {
			t.Errorf("%s: got %d samples", by, len(s.samples))
		}
		for _, x := range s.samples {
			// What came after the app's end found nobody.
			if !x.Unsent && (x.Code != 200 || x.Pod != "p" || x.Cut != (by == "the app's end")) {
				t.Fatalf("%s: sample %+v", by, x)
			}
		}
	}
}

// Who does not speak the app's language has not answered.
func TestConnectionsWithoutAnAnswer(t *testing.T) {
	serve := func(answer func(net.Conn)) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					answer(c)
				}()
			}
		}()
		return "http://" + l.Addr().String()
	}
	line := func(c net.Conn) { _, _ = bufio.NewReader(c).ReadString('\n') }
	says := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			line(c)
			_, _ = io.WriteString(c, text)
		}
	}
	for name, c := range map[string]struct {
		url, err string
		unsent   bool
	}{
		"nobody listens": {"http://127.0.0.1:1", "connection refused", true},
		"closed at once": {serve(line), "closed without an answer", false},
		"silent":         {serve(func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), "no answer of the sample", false},
		"speaks HTTP":    {serve(says("HTTP/1.1 400\r\n\r\n")), "HTTP/1.1 400", false},
		"half an answer": {serve(says(`{"id":`)), "EOF", false},
		"too long":       {serve(says(strings.Repeat("x", 1<<20))), "buffer full", false},
	} {
		p := plan(c.url, 100*time.Millisecond, Cohort{Name: "callers", Rate: 20, TCP: &TCP{}})
		p.Timeout = 200 * time.Millisecond
		for _, x := range play(t, p).samples {
			if x.Code != 0 || x.Version != "" || !strings.Contains(x.Err, c.err) || x.Unsent != c.unsent ||
				!x.Failed() {
				t.Errorf("%s: sample %+v", name, x)
			}
		}
	}
}
