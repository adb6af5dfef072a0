package reports

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
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
	good, bad := Books{Requests: 1}, Books{Requests: 1, Problems: []string{"x"}}
	for _, test := range []struct {
		name string
		r    Report
		want Outcome
	}{
		{"all passed", Report{Books: good, Phases: phases(Pass, Pass)}, Pass},
		{"worst wins", Report{Books: good, Phases: phases(Fail, Inconclusive, Pass)}, Fail},
		{"invalid verdict", Report{Books: good, Phases: phases(Invalid, Inconclusive)}, Invalid},
		{"inconclusive", Report{Books: good, Phases: phases(Pass, Inconclusive)}, Inconclusive},
		{"unbalanced", Report{Books: bad, Phases: phases(Pass)}, Invalid},
		{"unbalanced and failed", Report{Books: bad, Phases: phases(Fail)}, Invalid},
		{"no verdicts", Report{Books: good, Phases: phases()}, Inconclusive},
		{"no requests", Report{Phases: phases(Pass)}, Inconclusive},
		{"broken", Report{Books: good, Phases: phases(Pass), Broken: "x"}, Inconclusive},
		{"broken and failed", Report{Books: good, Phases: phases(Fail), Broken: "x"}, Fail},
		{"verdict without outcome", Report{Books: good, Phases: phases("")}, Invalid},
	} {
		got := test.r.Conclude()
		if got != test.want || test.r.Outcome != got {
			t.Errorf("%s: got %q, set %q, want %q", test.name, got, test.r.Outcome, test.want)
		}
	}
}
