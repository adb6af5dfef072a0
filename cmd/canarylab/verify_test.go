package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/trace"
)

// killed makes the folder of a run that was killed before its first phase.
func killed(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	w, err := trace.Create(filepath.Join(dir, trace.File))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 11, 23, 6, 1, 2, 0, time.UTC)
	d := judge.Draft{Phases: []judge.Phase{{Name: "baseline"}}, Report: reports.Report{
		Scenario: "small", Run: "r1", Started: began,
		Setup: reports.Setup{Canarylab: lab.Version(), Load: loadgen.Plan{
			Run: "r1", URL: "http://my-service/", Duration: time.Minute,
			Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: 10}},
		}},
	}}
	draft, err := d.Event()
	if err != nil {
		t.Fatal(err)
	}
	start := trace.Event{At: began.Add(1500 * time.Millisecond), Kind: trace.LoadStart}
	for _, e := range []trace.Event{draft, start} {
		if err := w.Append(trace.Line{Event: &e}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestVerify(t *testing.T) {
	dir := killed(t)
	const cut = "the run was cut off, as by a kill: its last event is 1.50 s after it began"
	if out, code, err := run(t, "verify", dir); code != exitOK || !strings.Contains(out, cut) ||
		!strings.Contains(out, "report.json says what its trace says") {
		t.Errorf("a run that was killed: got exit code %d (%v) and\n%s\nwant a report that is right", code, err, out)
	}
	if out, code, err := run(t, "report", dir); code != exitOK || !strings.Contains(out, "cut off, as by a kill") {
		t.Errorf("its report: got exit code %d (%v) and\n%s", code, err, out)
	}
	file := filepath.Join(dir, reports.ReportFile)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(b), `"outcome": "inconclusive"`, `"outcome": "pass"`, 1)
	if err := os.WriteFile(file, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	packed := filepath.Join(t.TempDir(), "run.tar.gz")
	if _, _, err := run(t, "bundle", dir, "--to", packed); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir, packed} {
		out, code, err := run(t, "verify", name)
		if code != exitDiffers || !strings.Contains(out, "1 field differs in report.json:\n  outcome\n") ||
			!strings.Contains(out, `"inconclusive"`) {
			t.Errorf("an edited outcome: got exit code %d (%v) and\n%s", code, err, out)
		}
	}
	if out, code, err := run(t, "verify", dir, "-o", "json"); code != exitDiffers ||
		!strings.Contains(out, `"total": 1`) {
		t.Errorf("as JSON: got exit code %d (%v) and\n%s", code, err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, trace.File), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, code, err := run(t, "verify", dir); code != exitInconclusive {
		t.Errorf("a trace without claims: got exit code %d (%v), want %d", code, err, exitInconclusive)
	}
	if _, code, err := run(t, "verify"); code != exitUsage {
		t.Errorf("nothing to verify: got exit code %d (%v), want %d", code, err, exitUsage)
	}
}
