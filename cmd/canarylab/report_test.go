package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/render"
)

// testRun is the folder of a run that the tests of package reports keep.
func testRun(name string) string {
	return filepath.Join("..", "..", "reports", "testdata", "runs", name)
}

func TestReportInEveryFormat(t *testing.T) {
	begins := map[string]string{
		"text": "label-mismatch  ✗ fail", "json": "{\n  \"schema\": 2", "md": "### ❌ label-mismatch: fail",
		"html": "<!doctype html>", "junit": "<?xml", "openmetrics": "# HELP",
	}
	for _, f := range render.Formats() {
		if begins[f.Name] == "" {
			t.Errorf("%s: this test does not know the format's first words", f.Name)
			continue
		}
		file := filepath.Join(t.TempDir(), "file")
		out, code, err := run(t, "report", testRun("label-mismatch"), "-o", f.Name)
		// What is said on stderr comes first: run has both in one.
		if code != 0 || !strings.Contains(strings.ToLower(out), strings.ToLower(begins[f.Name])) {
			t.Errorf("%s: got exit code %d (%v) and %.200s, want %q", f.Name, code, err, out, begins[f.Name])
		}
		if !strings.Contains(out, "has no trace:") {
			t.Errorf("%s: it is not said what of the folder is missing", f.Name)
		}
		if out, code, err := run(t, "report", testRun("label-mismatch"), "-o", f.Name, "--to", file); code != 0 ||
			strings.Contains(out, begins[f.Name]) {
			t.Errorf("%s: got exit code %d (%v) and %.200s, want all of it in the file", f.Name, code, err, out)
		}
		if b, err := os.ReadFile(file); err != nil ||
			!strings.HasPrefix(strings.ToLower(strings.TrimSpace(string(b))), strings.ToLower(begins[f.Name])) {
			t.Errorf("%s: got file %.200s, %v, want it to begin with %q", f.Name, b, err, begins[f.Name])
		}
	}
}

func TestReportOfOtherSchemas(t *testing.T) {
	if out, code, err := run(t, "report", testRun("schema-1")); code != 0 ||
		!strings.Contains(out, "was written in schema 1") {
		t.Errorf("got exit code %d (%v) and\n%s\nwant the report, and that it is an old one", code, err, out)
	}
	b, err := os.ReadFile(filepath.Join(testRun("label-mismatch"), reports.ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, reports.ReportFile)
	b = bytes.Replace(b, []byte(`"schema": 2`), []byte(`"schema": 3`), 1)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, arg := range []string{dir, file} {
		out, code, err := run(t, "report", arg)
		if code != exitBroken || err == nil ||
			!strings.Contains(err.Error(), "has schema 3, and this canarylab reads schemas 1 to 2: "+
				"read it with the canarylab that wrote it (0.1.0) or a newer one") {
			t.Errorf("got exit code %d (%v), want a word on what it is and what to do", code, err)
		}
		for _, want := range []string{"label-mismatch", "fail", "2026-11-23 06:01:02 UTC"} {
			if !strings.Contains(out, want) {
				t.Errorf("got\n%s\nwant what can be shown: %s", out, want)
			}
		}
	}
}

func TestBadReportCalls(t *testing.T) {
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"-o", "xml"}, "use text, json, md, html"},
		{[]string{"-o", "md", "--full"}, "--full is for text"},
		{[]string{"another"}, "takes one folder"},
	} {
		if _, code, err := run(t, append([]string{"report", testRun("passed")}, test.args...)...); code != exitUsage ||
			err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%q: got exit code %d (%v), want %d and %q", test.args, code, err, exitUsage, test.says)
		}
	}
	if _, code, err := run(
		t, "report", testRun("passed"), "--to", filepath.Join(t.TempDir(), "none", "file"),
	); code != exitBroken || !strings.Contains(err.Error(), "write the report to") {
		t.Errorf("got exit code %d (%v), want one that says what was tried", code, err)
	}
}

// TestKeepSummary keeps what several runs showed beside their folders.
func TestKeepSummary(t *testing.T) {
	out := t.TempDir()
	var runs []*reports.Run
	var all []reports.Summary
	for _, name := range []string{"passed", "broken"} {
		r, err := reports.OpenRun(testRun(name))
		if err != nil {
			t.Fatal(err)
		}
		runs, all = append(runs, r), append(all, reports.Summarize(r.Report))
	}
	files, err := keepSummary(out, time.Date(2026, 11, 25, 18, 0, 0, 0, time.UTC), runs, all)
	if err != nil || len(files) != 2 {
		t.Fatalf("got files %q, %v, want two", files, err)
	}
	for i, want := range []struct{ name, has string }{
		{"20261125-180000-summary.md", "| `label-mismatch` |"},
		{"20261125-180000-junit.xml", "</testsuite>\n  <testsuite"},
	} {
		if b, err := os.ReadFile(filepath.Join(out, want.name)); err != nil || !strings.Contains(string(b), want.has) ||
			files[i] != filepath.Join(out, want.name) {
			t.Errorf("got %q: %v\n%s\nwant it with %q", files[i], err, b, want.has)
		}
	}
	if _, err := keepSummary(filepath.Join(out, "none"), time.Now(), runs, all); err == nil ||
		strings.Count(err.Error(), "keep the summary") != 2 {
		t.Errorf("got %v, want both that could not be kept", err)
	}
}

func TestPageOfARun(t *testing.T) {
	p := played{files: []string{"/runs/a b/report.md", "/runs/a b/report.html"}}
	if got, want := p.page(), "file:///runs/a%20b/report.html"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (&played{files: p.files[:1]}).page(); got != "" {
		t.Errorf("got %q, want none where there is no page", got)
	}
}

func TestNewestReport(t *testing.T) {
	out := t.TempDir()
	for _, name := range []string{"20260101-000000-a", "20260202-000000-b"} {
		if err := os.MkdirAll(filepath.Join(out, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := (&reports.Report{Scenario: name, Started: time.Now()}).Save(filepath.Join(out, name)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := newest(out)
	if want := filepath.Join(out, "20260202-000000-b"); err != nil || got != want {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
}
