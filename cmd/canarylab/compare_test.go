package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/compare"
	"github.com/canarylab/canarylab/reports/trace"
)

// copyRun copies a run of reports/testdata into a folder of a name, as another run, and changes its report.
func copyRun(t *testing.T, of, name string, change func(*reports.Report)) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	r, err := reports.Load(testRun(of))
	if err != nil {
		t.Fatal(err)
	}
	r.Run, r.Setup.Load.Run, r.Started = name, name, r.Started.Add(time.Duration(len(name))*time.Hour)
	if change != nil {
		change(r)
	}
	if err := errors.Join(os.MkdirAll(dir, 0o755), r.Save(dir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestCompareInEveryFormat(t *testing.T) {
	a, b := copyRun(t, "label-mismatch", "first", nil), copyRun(t, "label-mismatch", "second",
		func(r *reports.Report) { r.Setup.Istio = "1.30.0" })
	for format, want := range map[string]string{
		"text": "B against A: no difference that these data can show",
		"md":   "**B against A: no difference that these data can show",
		"html": "<h1>B against A: no difference that these data can show", "json": `"judged":`,
	} {
		out, code, err := run(t, "compare", a, b, "-o", format)
		if code != 0 || !strings.Contains(out, want) || !strings.Contains(out, "1.30.0") {
			t.Errorf("%s: got exit code %d (%v) and %.300s, want %q", format, code, err, out, want)
		}
		file := filepath.Join(t.TempDir(), "file")
		if out, code, err := run(t, "compare", a, b, "-o", format, "--to", file); code != 0 || out != "" {
			t.Errorf("%s: got exit code %d (%v) and %.300s, want all of it in the file", format, code, err, out)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != out {
			t.Errorf("%s: got %.300s, %v, want the same in a file", format, got, err)
		}
	}
}

// TestCompareSides looks at which runs are held against which.
func TestCompareSides(t *testing.T) {
	names := []string{"a", "bb", "ccc", "dddd"}
	var dirs []string
	for _, n := range names {
		dirs = append(dirs, copyRun(t, "label-mismatch", n, nil))
	}
	sides := func(args ...string) string {
		out, code, err := run(t, append([]string{"compare", "-o", "json"}, args...)...)
		if code != 0 {
			t.Fatal(err)
		}
		var c compare.Comparison
		if err := json.Unmarshal([]byte(out), &c); err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, r := range c.Runs {
			all = append(all, r.Side+":"+r.Name)
		}
		return strings.Join(all, " ")
	}
	if got, want := sides(dirs[0], dirs[1], dirs[2]), "A:a B:bb C:ccc"; got != want {
		t.Errorf("got %q, want %q: each with the first", got, want)
	}
	if got, want := sides(dirs[0], dirs[1], "--against", dirs[2], dirs[3]), "A:ccc A:dddd B:a B:bb"; got != want {
		t.Errorf("got %q, want %q: what follows --against is the base", got, want)
	}
}

// TestCompareBadRuns has the exact sentence for each run that can't be read, and wants what can be shown to be shown.
func TestCompareBadRuns(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	a, b := copyRun(t, "label-mismatch", "first", nil), copyRun(t, "label-mismatch", "second", nil)
	empty, none := t.TempDir(), filepath.Join(t.TempDir(), "none")
	newer := copyRun(t, "label-mismatch", "newer", nil)
	replaceIn(t, filepath.Join(newer, reports.ReportFile), `"schema": 2`, `"schema": 9`)
	broken := copyRun(t, "label-mismatch", "broken", nil)
	if err := os.Truncate(filepath.Join(broken, reports.ReportFile), 1000); err != nil {
		t.Fatal(err)
	}
	traceOnly := filepath.Join(t.TempDir(), "killed")
	if err := errors.Join(os.Mkdir(traceOnly, 0o755), os.WriteFile(
		filepath.Join(traceOnly, trace.File), nil, 0o644,
	)); err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.tar.gz")
	if _, _, err := run(t, "bundle", a, "--to", cut); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(cut, 1000); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ dir, want string }{
		{
			none,
			"open run: a run is a folder with a report.json, or a bundle of one: stat DIR: no such file or directory",
		},
		{empty, "open run: load report: open DIR/report.json: no such file or directory"},
		{
			traceOnly,
			"open run: DIR has a trace and no report, as a run that was killed leaves it: canarylab verify makes it " +
				"from the trace: load report: open DIR/report.json: no such file or directory",
		},
		{
			newer,
			"open run: load report: DIR/report.json has schema 9, and this canarylab reads schemas 1 to 2: read it " +
				"with the canarylab that wrote it (0.1.0) or a newer one",
		},
		{broken, "open run: load report: DIR/report.json is no report: unexpected end of JSON input"},
		{filepath.Dir(newer), "open run: DIR is no run, and has the folders of 1: name them, as by DIR/*"},
		{cut, "open bundle: DIR is cut off, as by a copy that broke: copy it again: unexpected EOF"},
	} {
		out, code, err := run(t, "compare", a, test.dir, b)
		if code != exitUsage || err == nil || strings.ReplaceAll(err.Error(), test.dir, "DIR") != "usage: "+test.want {
			t.Errorf("got exit code %d and %v\nwant %d and %s", code, err, exitUsage, test.want)
		}
		said := strings.Join(strings.Fields(out), " ")
		if !strings.Contains(said, "B against A: no difference") ||
			!strings.Contains(strings.ReplaceAll(said, test.dir, "DIR"), "Left out: "+test.want+".") {
			t.Errorf("got\n%s\nwant the comparison of the others, and %q", out, test.want)
		}
		if out, code, err := run(t, "compare", a, test.dir); code != exitUsage || err == nil || out != "" ||
			strings.ReplaceAll(err.Error(), test.dir, "DIR") != "usage: there is nothing to compare with: "+test.want {
			t.Errorf("with one other: got exit code %d, %v and %.100s", code, err, out)
		}
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("got %v, %v left of unpacked bundles", left, err)
	}
}

// TestCompareDamagedFolders has runs whose report is whole, and whose folder is not.
func TestCompareDamagedFolders(t *testing.T) {
	a := copyRun(t, "label-mismatch", "first", nil)
	noTrace, cut, foreign := copyRun(t, "label-mismatch", "no-trace", nil), copyRun(t, "label-mismatch", "cut",
		nil), copyRun(t, "label-mismatch", "foreign", nil)
	line := func(run string) []byte {
		return []byte(`{"sample":{"cohort":"plain","seq":0,"id":"` + run + `-plain-0","code":200}}` + "\n")
	}
	err := errors.Join(os.WriteFile(filepath.Join(a, trace.PlainFile), line("first"), 0o644),
		os.WriteFile(filepath.Join(cut, trace.PlainFile), append(line("cut"), line("cut")[:20]...), 0o644),
		os.WriteFile(filepath.Join(foreign, trace.PlainFile), line("other"), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ dir, want string }{
		{noTrace, "! B, no-trace: The run's folder has no trace: "},
		{
			cut,
			"! B, cut: trace.jsonl ends in the middle of a line, as it does when a run is killed or a copy breaks " +
				"off: requests at its end are missing in it.",
		},
		{
			foreign,
			"! B, foreign: trace.jsonl is of another run: it has request \"other-plain-0\", and the report is of " +
				"run foreign; ",
		},
	} {
		out, code, err := run(t, "compare", a, test.dir)
		if said := strings.Join(strings.Fields(out), " "); code != 0 || !strings.Contains(said, test.want) ||
			!strings.Contains(said, "B against A: no difference") {
			t.Errorf("got exit code %d (%v) and\n%s\nwant the comparison, and %q", code, err, out, test.want)
		}
	}
}

func TestCompareDifferentScenarios(t *testing.T) {
	a := copyRun(t, "label-mismatch", "first", nil)
	b := copyRun(t, "label-mismatch", "second", func(r *reports.Report) {
		r.Scenario, r.Setup.Provider = "weighted-rollout", "kind"
	})
	out, code, err := run(t, "compare", a, b)
	const want = "A plays label-mismatch and B plays weighted-rollout. Phases and claims of different scenarios are " +
		"not the same things, so only setups and general figures are shown."
	if code != exitUsage || err == nil || err.Error() != "usage: "+want {
		t.Errorf("got exit code %d and %v, want %d and %q", code, err, exitUsage, want)
	}
	said := strings.Join(strings.Fields(out), " ")
	for _, shown := range []string{want, "provider embedded kind", "unexplained"} {
		if !strings.Contains(said, shown) {
			t.Errorf("got\n%s\nwant %q", out, shown)
		}
	}
}

func TestBadCompareCalls(t *testing.T) {
	a, b := copyRun(t, "label-mismatch", "first", nil), copyRun(t, "label-mismatch", "second", nil)
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{}, "compare wants two runs or more, got []"},
		{[]string{a}, "compare wants two runs or more"},
		{[]string{a, b, "-o", "xml"}, `output format "xml" is none of text, md, html and json`},
		{[]string{"--against", a, b}, "--against stands between runs: RUN... --against RUN..."},
		{[]string{a, b, "--against"}, "--against stands between runs"},
		{[]string{a, "--against", b, "--against", a}, "--against was given 2 times: there are two sides"},
		{[]string{a, "--against=" + b}, "it has no value: it stands between the runs of the two sides"},
		{[]string{a, a, "--against", b}, "first and first are the same run, and a copy is no repetition: give it once"},
	} {
		if _, code, err := run(t, append([]string{"compare"}, test.args...)...); code != exitUsage || err == nil ||
			!strings.Contains(err.Error(), test.says) {
			t.Errorf("%q: got exit code %d (%v), want %d and %q", test.args, code, err, exitUsage, test.says)
		}
	}
}

func replaceIn(t *testing.T, file, from, to string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.Replace(b, []byte(from), []byte(to), 1), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestBundleOpensLikeItsFolder(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	a, b := copyRun(t, "label-mismatch", "first", nil), copyRun(t, "label-mismatch", "second", nil)
	file := filepath.Join(t.TempDir(), "first.tar.gz")
	out, code, err := run(t, "bundle", a, "--to", file)
	if code != 0 || !strings.Contains(out, "report.html") || !strings.Contains(out, "no kubeconfig and no credential") {
		t.Fatalf("got exit code %d (%v) and\n%s", code, err, out)
	}
	if _, code, err := run(t, "bundle", a, "--to", file); code != exitUsage || err == nil ||
		!strings.Contains(err.Error(), "is there already: --force overwrites it") {
		t.Errorf("once more: got exit code %d (%v), want a refusal", code, err)
	}
	if _, code, err := run(t, "bundle", a, "--to", file, "--force"); code != 0 {
		t.Errorf("--force: got exit code %d (%v)", code, err)
	}
	for _, format := range []string{"json", "md", "html", "junit"} {
		packed, _, errPacked := run(t, "report", file, "-o", format)
		plain, _, errPlain := run(t, "report", a, "-o", format)
		if errPacked != nil || errPlain != nil || strings.ReplaceAll(packed, file, a) != plain {
			t.Errorf("%s: the report of a bundle is not that of its folder (%v, %v)", format, errPacked, errPlain)
		}
	}
	if text, code, err := run(t, "report", file); code != 0 || strings.Contains(text, temp) {
		t.Errorf("got exit code %d (%v) and\n%s\nwant no word of a folder that is gone", code, err, text)
	}
	packed, _, errPacked := run(t, "compare", file, b)
	plain, _, errPlain := run(t, "compare", a, b)
	if errPacked != nil || errPlain != nil || packed != plain {
		t.Errorf("a comparison with a bundle is not that with its folder (%v, %v):\n%s", errPacked, errPlain, packed)
	}
	if _, code, err := run(t, "report", filepath.Join("..", "..", "go.mod")); code != exitUsage || err == nil ||
		!strings.Contains(err.Error(), "neither a run's folder nor a bundle of one") {
		t.Errorf("a text: got exit code %d (%v)", code, err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("got %v, %v left of unpacked bundles", left, err)
	}
}
