package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/canarylab/canarylab/harness/cluster/embedded/nodespec"
)

// What ends at once can't be started, and its log says why. What ends after a while is started again until it is ready.
func TestASlowStartIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	again, up := filepath.Join(dir, "again"), filepath.Join(dir, "up")
	ready := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := os.Stat(up); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer ready.Close()
	const script = `cd "$1"
if [ -e again ]; then echo $$ >pid; touch up; exec sleep 60; fi
touch again; sleep 0.3; exit 3`
	spec := nodespec.Spec{Dir: dir, Processes: []nodespec.Process{{
		Name: "slow", Path: "/bin/sh", Args: []string{"-c", script, "sh", dir}, Ready: &nodespec.Probe{URL: ready.URL},
	}}}
	if err := os.Mkdir(filepath.Join(dir, "log"), 0o700); err != nil {
		t.Fatal(err)
	}
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer nowhere.Close()
	s := newSupervisor(spec, &eventWriter{file: nowhere})
	go s.reap()
	for _, test := range []struct {
		broken time.Duration
		want   string
	}{{time.Minute, "slow ended (exit status 3) before it was ready"}, {100 * time.Millisecond, ""}} {
		s.broken = test.broken
		_ = os.Remove(again)
		err := s.keep(t.Context(), spec.Processes[0])
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("broken within %s: got %v, want %q", test.broken, err, test.want)
		}
	}
	pid, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(pid))); err == nil {
		_ = unix.Kill(n, unix.SIGKILL)
	}
}
