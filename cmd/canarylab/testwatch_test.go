package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A save of a manifest ends the wait, and of another file it does not.
func TestAwaitSave(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("a.yaml", "a")
	w := tested{paths: []string{filepath.Join(dir, "a.yaml")}}
	seen := w.look()
	if len(seen) != 1 {
		t.Fatalf("got %v, want the one file", seen)
	}
	put("notes.txt", "b")
	short, cancel := context.WithTimeout(t.Context(), 3*savedEvery)
	defer cancel()
	if w.awaitSave(short, seen) {
		t.Error("got a save of a file that is no manifest")
	}
	put("canary.yaml", "c")
	long, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if !w.awaitSave(long, seen) {
		t.Error("got no save, though a canary.yaml is new beside it")
	}
}
