package reports

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/trace"
)

func TestReportRoundTrip(t *testing.T) {
	dir := t.TempDir()
	want := labReport()
	for range 2 { // the second time it replaces a file
		if err := want.Save(dir); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 || files[0].Name() != ReportFile {
		t.Errorf("got files %v, want only %s", files, ReportFile)
	}
	info, err := files[0].Info()
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o644 {
		t.Errorf("got mode %v, want 0644", info.Mode())
	}
}

func TestSaveIntoMissingFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	if err := labReport().Save(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got error %v, want one that names %s", err, dir)
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"newer schema":   {`{"schema": 3, "phases": "other"}`, "has schema 3, and this canarylab reads schemas 1 to 2"},
		"no such schema": {`{"schema": -1, "phases": "other"}`, "it has no schema"},
		"no schema":      {`{}`, "it has no schema"},
		"no JSON":        {`x`, "is no report"},
		"wrong type":     {`{"schema": 2, "phases": "x"}`, "does not keep to it"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ReportFile), []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, test.want)
		}
	}
	if _, err := Load(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got error %v, want %v", err, fs.ErrNotExist)
	}
}

func TestConclude(t *testing.T) {
	phases := func(all ...Outcome) []Phase {
		p := []Phase{{Name: "without claims"}}
		for _, o := range all {
			p = append(p, Phase{Verdicts: []Verdict{{Outcome: Pass}, {Outcome: o}}})
		}
		return p
	}
	good, bad := analysis.Accounting{Requests: 1}, analysis.Accounting{
		Requests: 1, Problems: []analysis.Problem{{Text: "x"}},
	}
	late := analysis.Accounting{
		Requests: 1, Problems: []analysis.Problem{{Void: true, Basis: analysis.OnTime, Text: "x"}},
	}
	for _, test := range []struct {
		name string
		r    Report
		want Outcome
	}{
		{"all passed", Report{Accounting: good, Phases: phases(Pass, Pass)}, Pass},
		{"worst wins", Report{Accounting: good, Phases: phases(Fail, Inconclusive, Pass)}, Fail},
		{"invalid verdict", Report{Accounting: good, Phases: phases(Invalid, Inconclusive)}, Invalid},
		{"inconclusive", Report{Accounting: good, Phases: phases(Pass, Inconclusive)}, Inconclusive},
		{"unbalanced", Report{Accounting: bad, Phases: phases(Pass)}, Invalid},
		{"unbalanced and failed", Report{Accounting: bad, Phases: phases(Fail)}, Invalid},
		{"no verdicts", Report{Accounting: good, Phases: phases()}, Inconclusive},
		{"no requests", Report{Phases: phases(Pass)}, Inconclusive},
		{
			"troubled",
			Report{
				Accounting: analysis.Accounting{Requests: 1, Troubles: []trace.Event{{Kind: trace.Trouble}}},
				Phases:     phases(Pass),
			},
			Inconclusive,
		},
		{"broken", Report{Accounting: good, Phases: phases(Pass), Broken: "x"}, Inconclusive},
		{"broken and failed", Report{Accounting: good, Phases: phases(Fail), Broken: "x"}, Fail},
		{"verdict without outcome", Report{Accounting: good, Phases: phases("")}, Invalid},
		{"late, and nothing rests on that", Report{Accounting: late, Phases: phases(Pass)}, Pass},
		{"late, and contradicted all the same", Report{Accounting: late, Phases: phases(Fail)}, Fail},
		{"void", Report{Accounting: late, Phases: phases(Pass, Invalid)}, Invalid},
		{"void and failed", Report{Accounting: late, Phases: phases(Fail, Invalid)}, Invalid},
		{"an older void run", Report{
			Accounting: analysis.Accounting{Requests: 1, Problems: []analysis.Problem{{Void: true}}},
			Phases:     phases(Pass),
		}, Invalid},
	} {
		got := test.r.Conclude()
		if got != test.want || test.r.Outcome != got {
			t.Errorf("%s: got %q, set %q, want %q", test.name, got, test.r.Outcome, test.want)
		}
		if void := test.name == "void" || test.name == "an older void run"; test.r.Void() != void {
			t.Errorf("%s: got void %t, want %t", test.name, !void, void)
		}
	}
}

// A run of ten minutes has 6,000 bins for each kind of request.
func TestListsOfNumbersAreOneLineEach(t *testing.T) {
	counts := make([]int, 6000)
	tl := &analysis.Timeline{
		Start: labtrace.Start, BinMS: 100, Bins: 6000,
		Series: []analysis.Series{{Version: "v1", Counts: counts}, {Version: "v2", Counts: counts}},
	}
	dir := t.TempDir()
	if err := (&Report{Timeline: tl}).Save(dir); err != nil {
		t.Fatal(err)
	}
	r, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r.Timeline, tl) {
		t.Errorf("got %+v, want the timeline that was saved", r.Timeline)
	}
	edit(t, filepath.Join(dir, ReportFile), func(b []byte) []byte {
		if n := strings.Count(string(b), "\n"); n > 100 {
			t.Errorf("the report has %d lines, want a list of numbers to be one", n)
		}
		return b
	})
}

func TestCompactNumbersLeavesTextAlone(t *testing.T) {
	const in = "{\n  \"a\": [\n    1,\n    -2.5e+3\n  ],\n  \"b\": \"[\\n1,\\n2\\n]\",\n  \"c\": [\n    \"1\"\n  ]\n}"
	const want = "{\n  \"a\": [1,-2.5e+3],\n  \"b\": \"[\\n1,\\n2\\n]\",\n  \"c\": [\n    \"1\"\n  ]\n}"
	if got := string(compactNumbers([]byte(in))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
