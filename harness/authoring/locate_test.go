package authoring

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/manifest"
)

const literal = `package scenarios

var labelMismatch = harness.Scenario{
	Name: "label-mismatch",
	Load: loadgen.Plan{Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: 500}}},
	Phases: []harness.Phase{{
		Name: "baseline",
	}, {
		Name:  "everyone",
		Do:    harness.Apply("2-canary.yaml"),
	}, {
		Name: ` + "`canary at 10 %`" + `,
	}, made("elsewhere")},
}

var others = []harness.Phase{{Name: "elsewhere"}}
`

func TestLocate(t *testing.T) {
	for _, tc := range []struct {
		phase string
		line  int // 0 for not found
	}{
		{"baseline", 7},
		{"everyone", 9}, // the phase, and not the cohort
		{"canary at 10 %", 12},
		{"elsewhere", 16},
		{"none", 0},
	} {
		line, ok := locate([]byte(literal), tc.phase, true)
		if line != tc.line || ok != (tc.line > 0) {
			t.Errorf("locate(%q): got %d, %t, want line %d", tc.phase, line, ok, tc.line)
		}
	}
	if line, ok := locate([]byte("package"), "baseline", true); ok {
		t.Errorf("got line %d of a file that is no Go, want none", line)
	}
}

func TestWhere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "label_mismatch.go")
	if err := os.WriteFile(file, []byte(literal), 0o644); err != nil {
		t.Fatal(err)
	}
	err := errors.Join(
		manifest.Problem{File: "label-mismatch/2-canary.yaml", Line: 14, Text: "unknown field"},
		&harness.PhaseError{
			Scenario: "label-mismatch", Number: 3, Name: "canary at 10 %", Err: errors.New("no such subset"),
		},
		&harness.PhaseError{Scenario: "label-mismatch", Number: 4, Name: "", Err: errors.New("its name is empty")},
		errors.New("scenario label-mismatch: no title, no story"),
	)
	want := []string{
		filepath.Join(dir, "label-mismatch/2-canary.yaml") + ":14: unknown field",
		file + ":12: phase 3 (canary at 10 %): no such subset",
		file + ": phase 4 (): its name is empty",
		file + ":4: scenario label-mismatch: no title, no story",
	}
	if got := Where(dir, "label-mismatch", err); !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	// Without the sources there is no line to tell.
	want = []string{
		"scenarios/label-mismatch/2-canary.yaml:14: unknown field",
		"scenario label-mismatch: phase 3 (canary at 10 %): no such subset",
	}
	if got := Where("scenarios", "label-mismatch", err); !slices.Equal(got[:2], want) {
		t.Errorf("got\n%q\nwant\n%q", got[:2], want)
	}
}
