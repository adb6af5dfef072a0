package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/trace"
)

func TestTrace(t *testing.T) {
	out := t.TempDir()
	dir := filepath.Join(out, "20261123-060100-small-r1")
	if err := os.Rename(killed(t), dir); err != nil {
		t.Fatal(err)
	}
	// Without a report, as while it is under way: the newest is found by its trace.
	if got, code, err := run(t, "trace", "--out", out, "--kind", "event"); code != exitOK ||
		strings.Count(got, "\n") != 2 || !strings.HasPrefix(got, `{"event":{"kind":"draft"`) {
		t.Errorf("got exit code %d (%v) and %q, want its two events", code, err, got)
	}
	if _, code, err := run(t, "verify", dir); code != exitOK {
		t.Fatalf("got exit code %d (%v)", code, err)
	}
	packed := filepath.Join(t.TempDir(), "run.tar.gz")
	if _, code, err := run(t, "bundle", dir, "--to", packed); code != exitOK {
		t.Fatalf("got exit code %d (%v)", code, err)
	}
	for _, name := range []string{dir, packed, filepath.Join(dir, reports.ReportFile)} {
		if got, code, err := run(t, "trace", name); code != exitOK || strings.Count(got, "\n") != 2 {
			t.Errorf("%s: got exit code %d (%v) and %q", name, code, err, got)
		}
		if got, code, err := run(t, "trace", name, "--kind", "sample,log"); code != exitOK || got != "" {
			t.Errorf("%s: got exit code %d (%v) and %q, want nothing of these kinds", name, code, err, got)
		}
	}
	file := filepath.Join(dir, trace.File)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-1] ^= 1
	for _, test := range []struct {
		file         []byte
		trace, check int
		says         string
	}{
		{append(bytes.Clone(whole), whole[:20]...), exitOK, exitDiffers, "ends in the middle of a line"},
		{flipped, exitBroken, exitDiffers, "frame 1, at byte 0 of the file, is damaged"},
	} {
		if err := os.WriteFile(file, test.file, 0o600); err != nil {
			t.Fatal(err)
		}
		got, code, err := run(t, "trace", dir)
		if err != nil {
			got += err.Error()
		}
		if code != test.trace || !strings.Contains(got, test.says) {
			t.Errorf("got exit code %d and %q, want %d and %q", code, got, test.trace, test.says)
		}
		if got, code, err = run(t, "verify", dir); code != test.check {
			t.Errorf("verify: got exit code %d (%v) and %q, want %d", code, err, got, test.check)
		}
	}
	for _, args := range [][]string{
		{"--kind", "samples"}, {dir, dir}, {t.TempDir()}, {filepath.Join(dir, "none")}, {"--out", t.TempDir()},
	} {
		if got, code, err := run(t, append([]string{"trace"}, args...)...); code != exitUsage {
			t.Errorf("%q: got exit code %d (%v) and %q, want %d", args, code, err, got, exitUsage)
		}
	}
}
