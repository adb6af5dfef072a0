package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports/trace"
)

// TestReplay looks at the page of a run that was killed, from its folder and from a bundle.
func TestReplay(t *testing.T) {
	dir := killed(t)
	t.Setenv("TMPDIR", t.TempDir())
	packed := filepath.Join(t.TempDir(), "run.tar.gz")
	if _, code, err := run(t, "report", dir); code != exitOK {
		t.Fatal(err)
	}
	if _, code, err := run(t, "bundle", dir, "--to", packed); code != exitOK {
		t.Fatal(err)
	}
	for _, name := range []string{dir, packed} {
		ctx, cancel := context.WithCancel(t.Context())
		out, in := io.Pipe()
		ended := make(chan error, 1)
		go func() {
			root := newRoot()
			root.SetOut(in)
			root.SetErr(io.Discard)
			root.SetArgs([]string{"replay", name, "--speed", "100"})
			err := root.ExecuteContext(ctx)
			ended <- errors.Join(err, in.Close())
		}()
		url, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatalf("got %q, %v, %v, want the page's address", url, err, <-ended)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSpace(url), nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || !strings.Contains(string(b), "REPLAY") || !strings.Contains(string(b), ">small</b>") {
			t.Errorf("got %.300s, %v, want the page of the replay", b, err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s: got %v", name, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "canarylab-bundle-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("got %q, %v, want what was unpacked to be removed", left, err)
	}
}

func TestBadReplays(t *testing.T) {
	whole, early := killed(t), t.TempDir()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var b strings.Builder
	if _, err := (trace.Printer{}).Print(&b, filepath.Join(whole, trace.File)); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(b.String(), "\n")
	if err := os.WriteFile(filepath.Join(early, trace.PlainFile), []byte(first+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		want int
		says string
	}{
		{[]string{"nothing-of-that-name"}, exitUsage, "a run is a folder with a report.json, or a bundle of one"},
		{[]string{testRun("passed")}, exitUsage, "has no trace: there is nothing to play again"},
		{[]string{early}, exitBroken, "its trace ends before the load began"},
		{[]string{whole, "--speed", "0"}, exitUsage, "--speed: a speed of 0 is not above 0 and up to 100"},
		{[]string{whole, "--speed", "-1"}, exitUsage, "a speed of -1"},
		{[]string{whole, "--speed", "NaN"}, exitUsage, "a speed of NaN"},
		{[]string{whole, "--speed", "+Inf"}, exitUsage, "a speed of +Inf"},
		{[]string{whole, "--speed", "fast"}, exitUsage, "--help"},
		{
			[]string{whole, "--listen", "0.0.0.0:8080"}, exitUsage,
			"--listen: 0.0.0.0:8080 can be reached by other machines",
		},
		{[]string{whole, "--listen", "8080"}, exitUsage, "no address to serve a page on"},
		{[]string{whole, "--listen", taken.Addr().String()}, exitBroken, "another program has that port"},
		{[]string{whole, "another"}, exitUsage, "takes one run's folder or bundle"},
	} {
		if _, code, err := run(t, append([]string{"replay"}, test.args...)...); code != test.want || err == nil ||
			!strings.Contains(err.Error(), test.says) {
			t.Errorf("%q: got exit code %d (%v), want %d and %q", test.args, code, err, test.want, test.says)
		}
	}
}

// TestBadLivePages finds what is wrong with a page before any cluster is brought up.
func TestBadLivePages(t *testing.T) {
	t.Setenv("CANARYLAB_HOME", t.TempDir())
	for _, test := range []struct{ flags, says string }{
		{"--live --listen=192.0.2.1:80", "can be reached by other machines"},
		{"--listen=127.0.0.1:8080", "--listen is for the page of --live"},
	} {
		args := append([]string{"scenario", "run", "label-mismatch", "--out", t.TempDir()},
			strings.Fields(test.flags)...)
		if _, code, err := run(t, args...); code != exitUsage || !strings.Contains(fmt.Sprint(err), test.says) {
			t.Errorf("%s: got exit code %d (%v), want %d and %q", test.flags, code, err, exitUsage, test.says)
		}
	}
}
