package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/scenarios"
)

// sourceTree has the command line find a copy of the catalogue as its source tree, and returns the folder of
// the scenarios.
func sourceTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "docs"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"go.mod", "docs/scenarios.md"} {
		b, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, file), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(root, "scenarios")
	if err := os.CopyFS(dir, os.DirFS("../../scenarios")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CANARYLAB_SOURCE", root)
	t.Chdir(root)
	return dir
}

// replace changes a file.
func replace(t *testing.T, file, old, new string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), old) {
		t.Fatalf("%s has no %q", file, old)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(b), old, new)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestCheckTakesEveryScenario(t *testing.T) {
	out, code, err := run(t, "scenario", "check")
	if code != 0 {
		t.Fatalf("got exit code %d: %v\n%s", code, err, out)
	}
	for _, s := range scenarios.All() {
		if !strings.Contains(out, s.Name+": ok\n") {
			t.Errorf("got %q, want a line for %s", out, s.Name)
		}
	}
	// Also where there are no sources to point to.
	t.Chdir(t.TempDir())
	if out, code, err := run(t, "scenario", "check", "label-mismatch"); code != 0 || out != "label-mismatch: ok\n" {
		t.Errorf("got %q, exit code %d (%v), want it to be fine", out, code, err)
	}
}

func TestCheckReadsTheSourceTree(t *testing.T) {
	dir := sourceTree(t)
	replace(t, filepath.Join(dir, "label-mismatch", "2-canary.yaml"), "weight: 90", "wieght: 90")
	out, code, err := run(t, "scenario", "check", "label-mismatch", "header-routing")
	if want := "scenarios/label-mismatch/2-canary.yaml:30: unknown field spec.http[0].route[0].wieght: did you mean " +
		"weight?\nheader-routing: ok\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
	if code != 64 || err == nil || !strings.Contains(err.Error(), "there is 1 mistake") {
		t.Errorf("got exit code %d (%v), want 64", code, err)
	}

	out, code, _ = run(t, "scenario", "check", "label-mismatch", "-o", "json")
	var found []checked
	if err := json.Unmarshal([]byte(out), &found); err != nil || code != 64 || len(found) != 1 ||
		len(found[0].Problems) != 1 {
		t.Errorf("got %q, exit code %d (%v), want one problem as JSON", out, code, err)
	}
}

// What is wrong with a phase is told with its line in the scenario's Go file.
func TestCheckPointsToThePhase(t *testing.T) {
	dir := sourceTree(t)
	for _, file := range []string{"1-baseline.yaml", "2-canary.yaml", "3-fixed.yaml"} {
		replace(t, filepath.Join(dir, "label-mismatch", file), "- name: v2\n", "- name: canary\n")
	}
	out, code, _ := run(t, "scenario", "check", "label-mismatch")
	if code != 64 {
		t.Errorf("got exit code %d, want 64", code)
	}
	src, err := os.ReadFile(filepath.Join(dir, "label_mismatch.go"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(src), "\n")
	for line := range strings.Lines(out) {
		at, rest, _ := strings.Cut(line, ": phase ")
		n := 0
		for i, l := range lines {
			if _, name, ok := strings.Cut(l, "Name:"); ok &&
				strings.Contains(rest, "("+strings.Trim(name, " \",")+")") {
				n = i + 1
			}
		}
		if want := "scenarios/label_mismatch.go:" + strconv.Itoa(n); at != want ||
			!strings.Contains(rest, `no file has a subset of my-service "v2"`) {
			t.Errorf("got %q, want %s and an unknown subset", line, want)
		}
	}
	if strings.Count(out, "\n") != 3 {
		t.Errorf("got %q, want the three phases that speak of subset v2", out)
	}
}

func TestNewWritesAScenario(t *testing.T) {
	dir := sourceTree(t)
	out, code, err := run(t, "scenario", "new", "my-story", "--title", "A story of mine")
	if code != 0 {
		t.Fatal(err)
	}
	for _, want := range []string{
		"scenarios/my-story/1-baseline.yaml\n", "scenarios/my_story.go\n", "docs/scenarios.md\n",
		"make scenario NAME=my-story",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("got %q, want %q in it", out, want)
		}
	}
	list, err := os.ReadFile(filepath.Join(dir, "scenarios.go"))
	if err != nil || !strings.Contains(string(list), ",\n\t\tmyStory,\n\t}\n") {
		t.Errorf("got %v and\n%s\nwant myStory last in the list", err, list)
	}
	if _, code, err := run(t, "scenario", "new", "my-story"); code != 64 || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second time: got exit code %d (%v), want 64", code, err)
	}
	// It is not in this program yet.
	if _, code, err := run(t, "scenario", "check", "my-story"); code != 64 ||
		!strings.Contains(err.Error(), "make build") {
		t.Errorf("check: got exit code %d (%v), want 64 and a word on building", code, err)
	}
}

func TestNewWantsASourceTree(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, code, err := run(t, "scenario", "new", "my-story"); code != 64 ||
		!strings.Contains(err.Error(), "CANARYLAB_SOURCE") {
		t.Errorf("got exit code %d (%v), want 64 and where a tree is looked for", code, err)
	}
}

// A scenario with mistakes is refused by run, as check would tell them.
func TestPlayable(t *testing.T) {
	for _, s := range scenarios.All() {
		if err := playable(s); err != nil {
			t.Error(err)
		}
	}
	s := scenarios.All()[0]
	s.Phases = append([]harness.Phase{}, s.Phases...)
	s.Phases[1].Prove = []harness.Proof{harness.Endpoints{Subset: "v3", Want: 1}}
	err := playable(s)
	if !errors.Is(err, cluster.ErrUsage) || !strings.Contains(err.Error(), s.Phases[1].Name) {
		t.Errorf("got %v, want a usage error about phase %q", err, s.Phases[1].Name)
	}
	s.Files = fstest.MapFS{}
	if err := playable(s); !errors.Is(err, cluster.ErrUsage) {
		t.Errorf("without files: got %v, want a usage error", err)
	}
}
