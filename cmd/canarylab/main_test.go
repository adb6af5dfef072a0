package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/scenarios"
)

// run is the command line as a user calls it, and what it printed.
func run(t *testing.T, args ...string) (stdout string, code int, err error) {
	t.Helper()
	root := newRoot()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	return out.String(), exitCode(err), err
}

func TestExitCodes(t *testing.T) {
	tests := []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("the lab broke"), 1},
		{context.Canceled, 1}, // main makes 130 of it, where a signal came
		{usage("no such flag"), 64},
		{fmt.Errorf("%w: %w", errReported, errDiffers), 65},
		{fmt.Errorf("verify: %w", judge.ErrOlder), 75},
		{fmt.Errorf("choose: %w", cluster.ErrUsage), 64},
		{fmt.Errorf("open: %w", lab.ErrUnavailable), 69},
		{fmt.Errorf("open: %w", cluster.ErrNotFound), 69},
		{outcomeError{reports.Inconclusive}, 75},
		{outcomeError{reports.Invalid}, 75},
		{outcomeError{reports.Fail}, 99},
	}
	for _, tt := range tests {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("%v: got exit code %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestBadCalls(t *testing.T) {
	t.Setenv("CANARYLAB_HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir()) // no container engine, whatever this machine has
	tests := []struct {
		args []string
		want int
		says string
	}{
		{[]string{"scenario", "run", "label-mismach"}, 64, "did you mean label-mismatch"},
		{[]string{"scenario", "describe"}, 64, "wants the name of one scenario"},
		{[]string{"scenario", "list", "-o", "xml"}, 64, "neither text nor json"},
		{[]string{"up", "--cluster=docker"}, 64, "use auto, embedded, kind or existing"},
		{[]string{"up", "--cluster=kind"}, 69, "CLUSTER=embedded"},
		{[]string{"up", "--cluster=existing"}, 64, "--context"},
		{[]string{"up", "--cluster=kind", "--install-istio"}, 64, "--install-istio"},
		{[]string{"up", "--istio-hub=docker.io/istio"}, 64, "--istio-tag"},
		{[]string{"scenario", "run", "label-mismatch", "--load-pods=0"}, 64, "--load-pods"},
		{[]string{"scenario", "run", "label-mismatch", "--rate=0"}, 64, "--rate: "},
		{[]string{"scenario", "run", "label-mismatch", "--rate=10"}, 64, "label-mismatch takes "},
		{[]string{"scenario", "run", "--all", "--rate=300"}, 64, "load-dependent-503 is played at 400"},
		{[]string{"rbac", "--user=system:serviceaccount:a"}, 64, "system:serviceaccount:NAMESPACE:NAME"},
		{[]string{"down", "--cluster=kind", "--keep-state"}, 1, "--keep-state"},
		{[]string{"up", "--nonsense"}, 64, "--help"},
		{[]string{"down", "extra"}, 64, "takes no argument"},
		{[]string{"kubeconfig"}, 69, "canarylab up"},
		{[]string{"kubectl", "get", "pods", "--all-namespaces"}, 69, "canarylab up"},
		{[]string{"istioctl", "--help"}, 69, "canarylab up"},
		{[]string{"shell", "--", "true"}, 69, "canarylab up"},
		{[]string{"shell", "--nonsense"}, 64, "--help"},
		{[]string{"demo"}, 64, "wants the name of one scenario"},
		{[]string{"demo", "label-mismach"}, 64, "did you mean label-mismatch"},
		{[]string{"demo", "label-mismatch", "--listen=0.0.0.0:80"}, 64, "--listen"},
		{[]string{"report", filepath.Join(t.TempDir(), "none")}, 64, "report.json"},
		{[]string{"report", "--out", t.TempDir()}, 64, "canarylab scenario run"},
	}
	for _, tt := range tests {
		_, code, err := run(t, tt.args...)
		if code != tt.want {
			t.Errorf("%q: got exit code %d (%v), want %d", tt.args, code, err, tt.want)
		}
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q: got error %v, want one that says %q", tt.args, err, tt.says)
		}
	}
}

func TestListAsJSON(t *testing.T) {
	out, code, err := run(t, "scenario", "list", "-o", "json")
	if code != 0 {
		t.Fatal(err)
	}
	var got []summary
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(scenarios.All()) {
		t.Errorf("got %d scenarios, want %d", len(got), len(scenarios.All()))
	}
}

func TestDescribeTellsEveryPhase(t *testing.T) {
	for _, s := range scenarios.All() {
		out, code, err := run(t, "scenario", "describe", s.Name)
		if code != 0 {
			t.Fatal(err)
		}
		for _, p := range s.Phases {
			if told := strings.Contains(out, p.Name); told == p.Repeat {
				t.Errorf("%s: phase %q: told %t, repeats another one %t", s.Name, p.Name, told, p.Repeat)
			}
		}
	}
}

// The longest has nine phases, with proofs and five files.
func TestDescribeFitsOnAScreen(t *testing.T) {
	for _, s := range scenarios.All() {
		out, code, err := run(t, "scenario", "describe", s.Name)
		if code != 0 {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if len(lines) > 64 {
			t.Errorf("%s: got %d lines, want 64 at most", s.Name, len(lines))
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > 100 {
				t.Errorf("%s: got a line of %d columns, want 100 at most: %s", s.Name, n, line)
			}
		}
	}
	page, code, err := run(t, "scenario", "describe", "label-mismatch", "-o", "md")
	if code != 0 || !strings.Contains(page, "\n# label-mismatch\n") {
		t.Errorf("as a page: got %d, %v, %q", code, err, page)
	}
}

func TestStatusWithoutClusters(t *testing.T) {
	t.Setenv("CANARYLAB_HOME", t.TempDir())
	if out, _, err := run(t, "status"); err != nil || !strings.Contains(out, "canarylab up") {
		t.Errorf("got %q (%v), want a word on how to make a cluster", out, err)
	}
	if out, _, err := run(t, "status", "-o", "json"); err != nil || strings.TrimSpace(out) != "[]" {
		t.Errorf("got %q (%v), want []", out, err)
	}
}

// TestProgressInALog has steps that overlap, and wants a line for each that ended.
func TestProgressInALog(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	p := newDisplay(f)
	first, second := p.Step("first"), p.Step("second")
	p.Detail("first", "half way")
	second(errors.New("broken"))
	first(nil)
	p.Say("a word")
	p.Close()
	text, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], "second: failed") || !strings.Contains(lines[1], "first (") ||
		!strings.Contains(lines[2], "a word") {
		t.Errorf("got lines %q, want one for each step and the word", lines)
	}
	if strings.Contains(string(text), "\x1b") {
		t.Errorf("got %q, want no control characters in a log", text)
	}
}

// What pods and API servers say comes from outside, and a terminal obeys what is in it.
func TestProgressMovesNoTerminal(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "progress")
	if err != nil {
		t.Fatal(err)
	}
	p := newDisplay(f)
	p.Step("pull")
	p.Detail("pull", "\x1b[2Jgone")
	p.Say("%s says %s", "it", "\x1b]0;owned\x07")
	detail := p.live("pull", p.open["pull"])
	p.Close()
	said, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	if want := "          it says \\x1b]0;owned\\x07\n"; string(said) != want || strings.ContainsRune(detail, '\x1b') {
		t.Errorf("got %q and %q, want %q and no escape sequence", said, detail, want)
	}
}

func TestUTF8Locale(t *testing.T) {
	for _, tt := range []struct {
		env  map[string]string
		want bool
	}{
		{nil, true},
		{map[string]string{"LANG": "C.UTF-8"}, true},
		{map[string]string{"LANG": "de_DE.utf8"}, true},
		{map[string]string{"LANG": "C"}, false},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_ALL": "POSIX"}, false},
		{map[string]string{"LANG": "C", "LC_CTYPE": "en_US.UTF-8"}, true},
		{map[string]string{"LANG": "ja_JP.eucJP"}, false},
	} {
		if got := utf8Locale(func(name string) string { return tt.env[name] }); got != tt.want {
			t.Errorf("%v: got %t, want %t", tt.env, got, tt.want)
		}
	}
}
