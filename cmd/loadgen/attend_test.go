package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// asAgent makes the test program the command itself.
const asAgent = "LOADGEN_TEST_AGENT"

func TestMain(m *testing.M) {
	if os.Getenv(asAgent) != "" {
		os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// startAttending returns a function that connects.
func startAttending(t *testing.T) func() *net.UnixConn {
	t.Helper()
	t.Setenv(asAgent, "1")
	ctx, cancel := context.WithCancel(context.Background())
	path := filepath.Join(t.TempDir(), "agent")
	// A socket that a killed agent left is in the way of nobody.
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- attend(ctx, path, io.Discard) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return func() *net.UnixConn {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
			if err == nil {
				t.Cleanup(func() { _ = conn.Close() })
				return conn
			}
			if time.Now().After(end) {
				t.Fatal(err)
			}
		}
	}
}

func TestAttendRunsAnAttackForEachConnection(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	dial := startAttending(t)
	for range 2 {
		conn := dial()
		if _, err := io.WriteString(conn, "attack\n"); err != nil {
			t.Fatal(err)
		}
		p := loadgen.Plan{
			Run: "abc", URL: server.URL, Duration: 100 * time.Millisecond,
			Cohorts: []loadgen.Cohort{{Name: "a", Rate: 100}},
		}
		if err := loadgen.WritePlan(conn, p); err != nil {
			t.Fatal(err)
		}
		n := 0
		end, err := loadgen.Decode(conn, loadgen.Handler{
			Samples: func(all []loadgen.Sample) { n += len(all) },
			End:     func(loadgen.End) { _ = conn.CloseWrite() },
		})
		if err != nil || end.Why != loadgen.Duration || n != 10 {
			t.Errorf("got %d samples, %+v, %v, want 10 and a whole run", n, end, err)
		}
	}
}

func TestAttendTellsTheTime(t *testing.T) {
	conn := startAttending(t)()
	if _, err := io.WriteString(conn, "clock\n"); err != nil {
		t.Fatal(err)
	}
	clock, err := loadgen.MeasureClock(conn, conn, 3)
	if err != nil || clock.Offset != 0 {
		t.Errorf("got %+v, %v, want this machine's own clock", clock, err)
	}
}

// Whoever asked learns why an agent failed.
func TestAttendSaysWhatFailed(t *testing.T) {
	conn := startAttending(t)()
	if _, err := io.WriteString(conn, "attack\n{}\n"); err != nil {
		t.Fatal(err)
	}
	_, err := loadgen.Decode(conn, loadgen.Handler{})
	if err == nil || !strings.Contains(err.Error(), "exit status 64: loadgen: bad load plan") {
		t.Errorf("got %v, want the agent's own words", err)
	}
}

func TestAttendKnowsItsCommands(t *testing.T) {
	dial := startAttending(t)
	for _, line := range []string{"measure\n", "no line ends here", "\n"} {
		conn := dial()
		if _, err := io.WriteString(conn, line); err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(conn); len(got) > 0 {
			t.Errorf("%q: got %q, want nothing", line, got)
		}
	}
}
