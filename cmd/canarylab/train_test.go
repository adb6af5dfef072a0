package main

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/canarylab/canarylab/harness/training"
)

// Whoever asks without a mission, for an unknown one, or for two at once, is told what to do.
func TestTrainIsUsedWrongly(t *testing.T) {
	home := t.TempDir()
	t.Setenv("CANARYLAB_HOME", home)
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"train", "label-missmatch"}, "label-mismatch"},
		{[]string{"train", "a", "b"}, "one mission or none"},
		{[]string{"train", "label-mismatch", "--for", "5s"}, "1m0s"},
		{[]string{"train", "status"}, "canarylab train begins one"},
		{[]string{"train", "reset", "now"}, "takes no argument"},
		{[]string{"train", "diagnose", "app"}, "a hop, a flag and a cause"},
	} {
		if _, code, err := run(t, tc.args...); code != exitUsage || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: got %d and %v, want %d and %q in it", tc.args, code, err, exitUsage, tc.want)
		}
	}
	answering(t, filepath.Join(home, "train", "lab.sock"))
	if _, code, err := run(t, "train", "label-mismatch"); code != exitUsage ||
		!strings.Contains(err.Error(), "give-up") {
		t.Errorf("got %d and %v, want that a mission is under way, and how to end it", code, err)
	}
	out, code, err := run(t, "train", "status")
	if code != exitOK || !strings.Contains(out, "asked to status") {
		t.Errorf("got %q, %d, %v, want what the trainer says", out, code, err)
	}
	out, code, err = run(t, "train", "diagnose", "app", "-", "overload", "-o", "json")
	if code != exitOK || !strings.Contains(out, `"text": "asked to diagnose app - overload"`) {
		t.Errorf("got %q, %d, %v, want the reply as JSON", out, code, err)
	}
}

// says is a trainer that repeats what it is asked.
type says struct{}

func (says) Handle(_ context.Context, r training.Request) training.Reply {
	return training.Reply{
		Text: strings.TrimSpace("asked to " + r.Do + " " + r.Hop + " " + r.Flag + " " + string(r.Cause)),
	}
}

// answering has a trainer answer at path until the test ends.
func answering(t *testing.T, path string) {
	t.Helper()
	s, err := training.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { s.Serve(ctx, says{}) })
	t.Cleanup(func() {
		cancel()
		serving.Wait()
	})
}

func TestTrainList(t *testing.T) {
	out, code, err := run(t, "train", "list")
	if code != exitOK || !strings.Contains(out, "label-mismatch") || strings.Contains(out, "header-routing") {
		t.Errorf("got %q, %d, %v, want the missions alone", out, code, err)
	}
}

// A seed draws the same mission each time, and seeds draw every mission.
func TestMissionsAreDrawn(t *testing.T) {
	drawnBy := map[string]bool{}
	for seed := range uint64(200) {
		m, err := drawn(nil, seed)
		again, _ := drawn(nil, seed)
		if err != nil || m.Name() != again.Name() {
			t.Fatalf("seed %d: got %s and %s, %v, want one mission", seed, m.Name(), again.Name(), err)
		}
		drawnBy[m.Name()] = true
	}
	if len(drawnBy) < 9 {
		t.Errorf("got %v drawn, want every mission", drawnBy)
	}
}
