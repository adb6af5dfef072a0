package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/story"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/scenarios"
	"github.com/canarylab/canarylab/scenarios/course"
)

// A story that is written by new runs as it is: check finds nothing, and describe tells it.
func TestNewStory(t *testing.T) {
	t.Chdir(t.TempDir()) // no source tree
	out, code, err := run(t, "scenario", "new", "--yaml", "my-story", "--title", `It says "hello": # to 10 %`)
	if code != 0 {
		t.Fatal(err)
	}
	for _, want := range []string{"my-story/story.yaml\n", "my-story/1-baseline.yaml\n", "scenario run ./my-story"} {
		if !strings.Contains(out, want) {
			t.Errorf("got %q, want %q in it", out, want)
		}
	}
	if out, code, err := run(t, "scenario", "check", "./my-story"); code != 0 || out != "./my-story: ok\n" {
		t.Errorf("check: got %q, exit code %d (%v), want it to be fine", out, code, err)
	}
	// A folder with a story.yaml is one without a slash too, and so is the file.
	for _, word := range []string{"my-story", "my-story/story.yaml"} {
		out, code, err := run(t, "scenario", "describe", word)
		if code != 0 || !strings.Contains(out, `my-story: It says "hello": # to 10 %`) {
			t.Errorf("describe %s: got %q, exit code %d (%v)", word, out, code, err)
		}
	}
	page, code, err := run(t, "scenario", "describe", "./my-story", "-o", "md")
	if code != 0 || !strings.Contains(page, "\ncanarylab scenario run .\n") ||
		!strings.Contains(page, "\n[2-canary.yaml](2-canary.yaml)\n") || strings.Contains(page, "docs") {
		t.Errorf("as a page: got %q, exit code %d (%v), want it to speak of the folder", page, code, err)
	}
	for args, want := range map[string]string{
		"my-story": "not empty", "My_Story": "kebab case", "./a/b/My": "kebab case",
	} {
		_, code, err := run(t, "scenario", "new", "--yaml", args)
		if code != 64 || !strings.Contains(err.Error(), want) {
			t.Errorf("new %s: got exit code %d (%v), want 64 and %q", args, code, err, want)
		}
	}
}

// Every command that takes a scenario says what is wrong with a story, with places.
func TestStoryWithMistakes(t *testing.T) {
	t.Setenv("CANARYLAB_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	if _, code, err := run(t, "scenario", "new", "--yaml", "my-story"); code != 0 {
		t.Fatal(err)
	}
	file := filepath.Join("my-story", story.File)
	replace(t, file, "untouched: v2", "untuched: v2")
	const first = `./my-story/story.yaml:25:5: "untuched" is not an expectation: did you mean untouched?`
	out, code, err := run(t, "scenario", "check", "./my-story", "label-mismatch")
	if code != 64 || !strings.Contains(err.Error(), "there are 2 mistakes") || strings.Count(out, "untuched") != 2 ||
		!strings.Contains(out, strings.TrimPrefix(first, "./")) || !strings.HasSuffix(out, "label-mismatch: ok\n") {
		t.Errorf("check: got %q, exit code %d (%v), want both places", out, code, err)
	}
	out, _, _ = run(t, "scenario", "check", "./my-story", "-o", "json")
	var found []checked
	if err := json.Unmarshal([]byte(out), &found); err != nil || len(found) != 1 || len(found[0].Problems) != 2 {
		t.Errorf("check -o json: got %q (%v), want two problems", out, err)
	}
	for _, command := range [][]string{{"scenario", "run"}, {"demo"}, {"scenario", "describe"}} {
		_, code, err := run(t, append(command, "./my-story")...)
		if code != 64 || !strings.Contains(err.Error(), "did you mean untouched?") {
			t.Errorf("%q: got exit code %d (%v), want 64 and the mistake", command, code, err)
		}
	}
	// A mistake that only the scenario's own check finds.
	replace(t, file, "untuched: v2", "untouched: v3")
	for _, command := range [][]string{{"scenario", "run"}, {"demo"}} {
		_, code, err := run(t, append(command, "./my-story")...)
		if code != 64 || !strings.Contains(err.Error(), "my-story/story.yaml:25:5: phase 1 (baseline)") {
			t.Errorf("%q: got exit code %d (%v), want 64 and the place", command, code, err)
		}
	}
	if _, code, err := run(t, "scenario", "run", "./none"); code != 64 || !strings.Contains(err.Error(), "new --yaml") {
		t.Errorf("no folder: got exit code %d (%v), want 64 and what to do", code, err)
	}
}

// A name of the catalogue means the catalogue's, also where a folder has it.
func TestExport(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, s := range scenarios.All() {
		out, code, err := run(t, "scenario", "export", s.Name, s.Name)
		if code != 0 || !strings.Contains(out, s.Name+"/story.yaml\n") {
			t.Fatalf("got %q, exit code %d (%v)", out, code, err)
		}
		if out, code, err := run(t, "scenario", "check", "./"+s.Name); code != 0 || out != "./"+s.Name+": ok\n" {
			t.Errorf("check: got %q, exit code %d (%v), want it to be fine", out, code, err)
		}
		own, _, _ := run(t, "scenario", "describe", s.Name)
		read, _, _ := run(t, "scenario", "describe", "./"+s.Name)
		if own != read {
			t.Errorf("%s: got\n%s\nwant it described as in the catalogue:\n%s", s.Name, read, own)
		}
	}
	replace(t, "label-mismatch/story.yaml", "title: ", "title: Mine. ")
	for word, want := range map[string]bool{"label-mismatch": false, "./label-mismatch": true} {
		if out, _, _ := run(t, "scenario", "describe", word); strings.Contains(out, "Mine.") != want {
			t.Errorf("%s: got %q, want it from the folder: %t", word, out, want)
		}
	}
	for _, tt := range []struct{ args, says string }{
		{"label-mismatch label-mismatch", "not empty"}, {"label-mismach x", "did you mean"},
		{"label-mismatch", "a folder"},
	} {
		_, code, err := run(t, append([]string{"scenario", "export"}, strings.Fields(tt.args)...)...)
		if code != 64 || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("export %s: got exit code %d (%v), want 64 and %q", tt.args, code, err, tt.says)
		}
	}
	schema, err := os.ReadFile("label-mismatch/" + story.SchemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if out, code, err := run(t, "scenario", "schema"); code != 0 || !bytes.Equal([]byte(out), schema) {
		t.Errorf("schema: got exit code %d (%v), want what is in the folder", code, err)
	}
}

// A story from a folder is not the course's, although it has the name of one.
func TestAStoryOfOnesOwnIsNotTheCourses(t *testing.T) {
	atHome(t)
	r := ran(t, t.TempDir(), course.Stop{Kind: course.See, Story: "weighted-rollout"}, reports.Pass)
	for _, own := range []bool{true, false} {
		r.Report.Setup.FromFolder = own
		player{}.advance(r)
		out, _, err := run(t, "course", "-o", "json")
		if err != nil || strings.Contains(out, `"verdict": "passed"`) == own {
			t.Errorf("from a folder %t: got %.300q (%v)", own, out, err)
		}
	}
}
