package course

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// done keeps that a stop was done in a run.
func done(t *testing.T, dir string, s Stop, run Run) {
	t.Helper()
	d := Done{Kind: s.Kind, Story: s.Story, Verdict: Mended, At: time.Unix(1_800_000_000, 0).UTC(), Runs: []Run{run}}
	if err := Keep(dir, d); err != nil {
		t.Fatal(err)
	}
}

func TestProgressIsKeptAndForgotten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home", "course")
	p, err := Load(dir)
	if err != nil {
		t.Fatalf("nothing was done yet: %v", err)
	}
	if next, left := p.Next(All()...); !left || next.Command() != "canarylab scenario run weighted-rollout" {
		t.Errorf("got %s, %t, want the first stop", next, left)
	}
	for _, s := range labels.Stops {
		done(t, dir, s, Run{"first", "/nowhere"})
	}
	done(t, dir, labels.Stops[1], Run{"second", "/nowhere"})
	done(t, dir, routes.Stops[1], Run{"third", "/nowhere"})
	if p, err = Load(dir); err != nil {
		t.Fatal(err)
	}
	if d, ok := p.Of(labels.Stops[1]); !ok || d.Runs[0].ID != "second" || d.At.Unix() != 1_800_000_000 {
		t.Errorf("got %+v, %t, want the last run of the stop", d, ok)
	}
	if p.Count(labels) != len(labels.Stops) || p.Count(routes) != 1 {
		t.Errorf("got %d and %d done", p.Count(labels), p.Count(routes))
	}
	if _, left := p.Next(labels); left {
		t.Error("a stop is left of a path that was done")
	}
	if next, _ := p.Next(All()...); next.id() != routes.Stops[0].id() {
		t.Errorf("got %s, want the first of the next path", next)
	}
	if err := Reset(dir, labels); err != nil {
		t.Fatal(err)
	}
	if p, err = Load(dir); err != nil || p.Count(labels) != 0 || p.Count(routes) != 1 {
		t.Errorf("got %d and %d done, %v, want one path forgotten", p.Count(labels), p.Count(routes), err)
	}
}

func TestDamagedProgressSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	s := sidecars.Stops[1]
	for text, want := range map[string]string{
		"{": " is damaged: unexpected end of JSON input: delete it, or have canarylab course reset sidecars",

		`{"schema":2}`: " has schema 2, and this canarylab reads 1: ",
		`{"schema":1}`: " is of another stop: ",

		`{"schema":1,"kind":"see","story":"label-mismatch"}`: " is of another stop: see label-mismatch",

		`{"schema":1,"kind":"mend","story":"canary-without-sidecar","runs":[]}`: " is damaged: it names no run: ",
	} {
		if err := os.WriteFile(file(dir, s), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), file(dir, s)+want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	// Both ways out work.
	done(t, dir, s, Run{"again", "/nowhere"})
	if _, err := Load(dir); err != nil {
		t.Errorf("after another run: %v", err)
	}
	if err := os.WriteFile(file(dir, s), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Reset(dir, sidecars); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err != nil {
		t.Errorf("after a reset: %v", err)
	}
}
