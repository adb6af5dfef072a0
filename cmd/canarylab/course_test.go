package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/scenarios/course"
)

// atHome has the lab's home in a folder of the test, and returns the folder of the progress.
func atHome(t *testing.T) (dir string) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("CANARYLAB_HOME", home)
	return filepath.Join(home, "course")
}

// ran saves the report of a run of a stop, and returns the run.
func ran(t *testing.T, out string, s course.Stop, outcome reports.Outcome) *reports.Run {
	t.Helper()
	r := &reports.Report{Scenario: s.Story, Title: s.Title(), Run: "of-" + s.Story, Outcome: outcome}
	if s.Kind == course.Mend {
		r.Scenario, r.Title = training.Namespace, fmt.Sprintf("Mission %s: %s", s.Story, s.Title())
	}
	run := &reports.Run{Dir: filepath.Join(out, r.Run), Report: r}
	if err := os.MkdirAll(run.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := r.Save(run.Dir); err != nil {
		t.Fatal(err)
	}
	return run
}

// nobodysPace stands for somebody who leads a run.
type nobodysPace struct{ harness.Pace }

func TestRunsAdvanceTheCourse(t *testing.T) {
	atHome(t)
	out := t.TempDir()
	see := func(story string) course.Stop { return course.Stop{Kind: course.See, Story: story} }
	done := func() (all []string) {
		out, _, err := run(t, "course", "-o", "json")
		var paths []pathView
		if err != nil || json.Unmarshal([]byte(out), &paths) != nil {
			t.Fatalf("got %q, %v", out, err)
		}
		for _, p := range paths {
			for _, s := range p.Stops {
				if s.Done != nil {
					all = append(all, fmt.Sprintf("%s %s %s", s.Kind, s.Story, s.Done.Verdict))
				}
			}
		}
		return all
	}
	weighted := ran(t, out, see("weighted-rollout"), reports.Fail)
	player{}.advance(weighted)
	player{}.advance(ran(t, out, see("label-mismatch"), reports.Pass)) // no stop: it is there to be mended
	weighted.Report.Broken = "interrupted"
	player{pace: nobodysPace{}}.advance(weighted)
	advanceMission(training.Result{Mission: "label-mismatch"}, weighted.Report, weighted.Dir)
	if got := done(); len(got) > 0 {
		t.Errorf("got %q done, want nothing", got)
	}
	player{}.advance(ran(t, out, see("weighted-rollout"), reports.Pass))
	player{pace: nobodysPace{}}.advance(ran(t, out, see("header-routing"), reports.Inconclusive))
	advanceMission(training.Result{Mission: "label-mismatch", Mended: true}, weighted.Report, weighted.Dir)
	want := "see weighted-rollout passed,mend label-mismatch mended,see header-routing presented"
	if got := strings.Join(done(), ","); got != want {
		t.Errorf("got %s done, want %s", got, want)
	}
	text, _, err := run(t, "course")
	if err != nil || !strings.Contains(text, "labels    2 of 4 done  The healthy canary") ||
		!strings.Contains(text, "next: canarylab train subset-undefined") {
		t.Errorf("got %v and\n%s", err, text)
	}
	text, _, err = run(t, "course", "labels")
	if err != nil || !strings.Contains(text, "mended ") || !strings.Contains(text, "run of-weighted-rollout") ||
		!strings.Contains(text, "mend  subset-undefined                   up to 20 min") {
		t.Errorf("got %v and\n%s", err, text)
	}
	if text, _, err = run(t, "course", "next"); err != nil || text != "canarylab train subset-undefined\n" {
		t.Errorf("got %q, %v, want the next command alone", text, err)
	}
	_, _, err = run(t, "course", "reset", "labels")
	if got := strings.Join(done(), ","); err != nil || got != "see header-routing presented" {
		t.Errorf("after a reset: got %s done, %v", got, err)
	}
}

// A run is none the worse where its progress can't be kept.
func TestProgressThatCantBeKeptIsAWarning(t *testing.T) {
	dir := atHome(t)
	if err := os.WriteFile(dir, []byte("a file in the place of the folder"), 0o644); err != nil {
		t.Fatal(err)
	}
	player{}.advance(ran(t, t.TempDir(), course.Stop{Kind: course.See, Story: "weighted-rollout"}, reports.Pass))
	if _, code, err := run(t, "course"); code != exitBroken || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %d, %v, want the file that is in the way", code, err)
	}
}

func TestCertificateFromTheCommandLine(t *testing.T) {
	atHome(t)
	out, file := t.TempDir(), filepath.Join(t.TempDir(), "ada.md")
	path, err := course.Find("sidecars")
	if err != nil {
		t.Fatal(err)
	}
	if _, code, err := run(t, "course", "certificate", "sidecars"); code != exitUsage ||
		!strings.Contains(err.Error(), fmt.Sprintf("0 of %d stops of path sidecars are done", len(path.Stops))) {
		t.Errorf("got %d, %v, want that nothing is done", code, err)
	}
	for _, s := range path.Stops {
		r := ran(t, out, s, reports.Pass)
		if s.Kind == course.Mend {
			advanceMission(training.Result{Mission: s.Story, Mended: true}, r.Report, r.Dir)
		} else {
			player{}.advance(r)
		}
	}
	if _, code, err := run(t, "course", "certificate", "sidecars", "--name", "Ada", "--to", file); code != exitOK {
		t.Fatal(err)
	}
	text, _, err := run(t, "course", "next", "sidecars")
	if err != nil || !strings.Contains(text, "canarylab course certificate") {
		t.Errorf("got %q, %v, want that all is done", text, err)
	}
	check := func(want int, says string, args ...string) {
		t.Helper()
		text, code, err := run(t, append([]string{"course", "check", file}, args...)...)
		if err != nil {
			text += err.Error()
		}
		if code != want || !strings.Contains(text, says) {
			t.Errorf("%q: got %d and\n%s\nwant %d and %q", args, code, text, want, says)
		}
	}
	check(exitOK, "holds    mend  canary-scaled-to-zero", "--out", out)
	check(exitOK, `"state": "holds"`, "--out", out, "-o", "json")
	check(exitInconclusive, "missing  mend  canary-without-sidecar", "--out", t.TempDir())
	check(exitBroken, "none", filepath.Join(out, "none"))
	changed := filepath.Join(out, "of-"+path.Stops[0].Story, "report.html")
	if err := os.WriteFile(changed, []byte("another page"), 0o644); err != nil {
		t.Fatal(err)
	}
	check(exitDiffers, "differs  mend  "+path.Stops[0].Story, "--out", out)
	if err := os.Remove(changed); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(whole), "Ada", "Bob", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	check(exitDiffers, "it was edited", "--out", out)
	if err := os.WriteFile(file, []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	check(exitUsage, "is no certificate", "--out", out)
}

func TestCourseIsUsedWrongly(t *testing.T) {
	atHome(t)
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"course", "lables"}, "labels, routes"},
		{[]string{"course", "labels", "routes"}, "one path or none"},
		{[]string{"course", "next", "lables"}, "labels, routes"},
		{[]string{"course", "certificate"}, "wants the name of one path"},
		{[]string{"course", "check"}, "wants a certificate"},
		{[]string{"course", "check", filepath.Join(t.TempDir(), "none.md")}, "none.md"},
		{[]string{"course", "export", "labels", "--format", "pdf"}, "neither markdown nor slides"},
		{[]string{"course", "labels", "-o", "xml"}, "neither text nor json"},
	} {
		if _, code, err := run(t, tc.args...); code != exitUsage || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: got %d and %v, want %d and %q in it", tc.args, code, err, exitUsage, tc.want)
		}
	}
	// The names of paths are none of a subcommand's.
	for _, name := range course.Names() {
		if out, code, err := run(t, "course", name); code != exitOK || !strings.HasPrefix(out, name+": ") {
			t.Errorf("%s: got %d, %v and\n%s", name, code, err, out)
		}
	}
	for layout, begins := range map[string]string{"markdown": "# Routes\n", "slides": "<!doctype html>\n"} {
		file := filepath.Join(t.TempDir(), "file")
		out, code, err := run(t, "course", "export", "routes", "--format", layout)
		if code != exitOK || !strings.HasPrefix(out, begins) {
			t.Errorf("%s: got %d, %v and %.60q", layout, code, err, out)
		}
		_, code, err = run(t, "course", "export", "routes", "--format", layout, "--to", file)
		if b, readErr := os.ReadFile(file); code != exitOK || string(b) != out {
			t.Errorf("%s to a file: got %d, %v, %v, want the same", layout, code, err, readErr)
		}
	}
}
