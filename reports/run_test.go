package reports

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/trace"
)

// labDir is a run's folder with the hand-built run in it.
func labDir(t *testing.T, change func(*Report, *trace.Trace)) string {
	t.Helper()
	dir := t.TempDir()
	report, recorded := labReport(), labtrace.Trace()
	report.Files = append(report.Files, File{Path: "manifests/1-baseline.yaml", What: "applied as it is"},
		File{Path: "manifests/2-canary.yaml"})
	if change != nil {
		change(report, recorded)
	}
	if err := report.Save(dir); err != nil {
		t.Fatal(err)
	}
	w, err := trace.Create(filepath.Join(dir, trace.File))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := recorded.Lines(false, func(l *trace.Line) error { return w.Append(*l) }); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "manifests"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1-baseline.yaml", "2-canary.yaml"} {
		if err := os.WriteFile(filepath.Join(dir, "manifests", name), []byte("# "+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestOpenRun(t *testing.T) {
	r, err := OpenRun(labDir(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Problems) > 0 {
		t.Errorf("got problems %q, want none", r.Problems)
	}
	want := []Manifest{{"manifests/1-baseline.yaml", "# 1-baseline.yaml\n"}, {
		"manifests/2-canary.yaml", "# 2-canary.yaml\n",
	}}
	if got := r.Manifests(); !reflect.DeepEqual(got, want) {
		t.Errorf("got manifests %q, want %q", got, want)
	}
	if !reflect.DeepEqual(r.Report.Timeline, labReport().Timeline) {
		t.Error("the timeline is not that of the report")
	}
}

func TestOpenRunMakesWhatAnOldReportLacks(t *testing.T) {
	want := labReport()
	r, err := OpenRun(labDir(t, func(r *Report, _ *trace.Trace) {
		r.Timeline, r.Curves = nil, nil
		for i := range r.Phases {
			r.Phases[i].Observation.Closeup = nil
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r.Report.Timeline, want.Timeline) || !reflect.DeepEqual(r.Report.Curves, want.Curves) {
		t.Errorf("got timeline %+v and curves %+v, want those of the report", r.Report.Timeline, r.Report.Curves)
	}
	if !reflect.DeepEqual(r.Report.Phases, want.Phases) {
		t.Error("the close-ups are not those of the report")
	}
}

func TestOpenRunSaysWhatIsWrong(t *testing.T) {
	old := func(r *Report, _ *trace.Trace) { r.Timeline, r.Curves = nil, nil }
	for _, test := range []struct {
		name   string
		change func(*Report, *trace.Trace)
		spoil  func(t *testing.T, dir string)
		want   string
	}{
		{"no trace", nil, remove(trace.File), "has no trace: single requests can't be looked up"},
		{"no trace, and an old report", old, remove(trace.File), "has no trace: there is no timeline"},
		{"trace is cut", nil, func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, trace.File), func(b []byte) []byte { return b[:len(b)-20] })
		}, "ends in the middle of a line"},
		{"trace of another run", func(_ *Report, tr *trace.Trace) {
			for i := range tr.Samples {
				tr.Samples[i].ID = strings.Replace(tr.Samples[i].ID, "r1-", "r2-", 1)
			}
		}, nil, `is of another run: it has request "r2-`},
		{"trace that goes on with another run", func(_ *Report, tr *trace.Trace) {
			tr.Samples[len(tr.Samples)-1].ID, tr.Log = "r2-plain-1", nil
		}, nil, `it has request "r2-plain-1", and the report is of run r1`},
		{"trace is no trace, and an old report", old, func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, trace.File), func([]byte) []byte { return []byte("PNG\nIHDR\n") })
		}, "The trace can't be read: frame 1, at byte 0 of the file, is damaged: "},
		{"old trace is no trace, and an old report", old, func(t *testing.T, dir string) {
			remove(trace.File)(t, dir)
			if err := os.WriteFile(filepath.Join(dir, trace.PlainFile), []byte("PNG\nIHDR\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "line 1 is no line of a trace"},
		{"two traces", nil, func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, trace.PlainFile), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "has trace.jsonl.zst and trace.jsonl: move the one away that the run did not write"},
		{"trace is a folder", nil, func(t *testing.T, dir string) {
			remove(trace.File)(t, dir)
			if err := os.Mkdir(filepath.Join(dir, trace.File), 0o755); err != nil {
				t.Fatal(err)
			}
		}, "The trace can't be read: it is no file"},
		{
			"no manifest", nil, remove("manifests/2-canary.yaml"),
			"lacks 1 manifest that the report lists, which can't be shown: manifests/2-canary.yaml.",
		},
		{"manifest of elsewhere", func(r *Report, _ *trace.Trace) {
			r.Files = append(r.Files, File{Path: "../../secret.yaml"})
		}, nil, "The manifest ../../secret.yaml can't be read and is not shown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := labDir(t, test.change)
			if test.spoil != nil {
				test.spoil(t, dir)
			}
			r, err := OpenRun(dir)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Problems) != 1 || !strings.Contains(r.Problems[0], test.want) {
				t.Errorf("got problems %q, want one with %q", r.Problems, test.want)
			}
		})
	}
}

func TestOpenRunNeedsAReport(t *testing.T) {
	dir := labDir(t, nil)
	remove(ReportFile)(t, dir)
	if _, err := OpenRun(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(
		err.Error(), "has a trace and no report",
	) {
		t.Errorf("no report: got error %v, want one that says that there is a trace", err)
	}
	if _, err := OpenRun(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty folder: got error %v, want %v", err, fs.ErrNotExist)
	}
}

func remove(path string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Remove(filepath.Join(dir, path)); err != nil {
			t.Fatal(err)
		}
	}
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(bytes.Clone(b)), 0o600); err != nil {
		t.Fatal(err)
	}
}
