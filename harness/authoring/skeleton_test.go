package authoring

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab"
	"github.com/canarylab/canarylab/harness/manifest"
)

// source is the root of the source tree that the test runs in.
const source = "../.."

// tree is a copy of what New reads and changes, with links to the packages that scenarios need.
func tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "docs"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"go.mod", "go.sum", "sources.go", tableFile} {
		b, err := os.ReadFile(filepath.Join(source, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, file), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(root, catalogue), os.DirFS(filepath.Join(source, catalogue))); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() || e.Name() == catalogue || e.Name() == "docs" || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		target, err := filepath.Abs(filepath.Join(source, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fs.Stat(canarylab.Sources, e.Name()); err == nil {
			// What is embedded must not be behind a link.
			if err := os.CopyFS(filepath.Join(root, e.Name()), os.DirFS(target)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.Symlink(target, filepath.Join(root, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// contents are the files of a tree, without links.
func contents(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			all[path] = "a folder"
		case d.Type().IsRegular():
			b, err := os.ReadFile(path)
			all[path] = string(b)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestNewWritesWhatTheCatalogueTakes(t *testing.T) {
	root := tree(t)
	const title = `It says "hello" to 10 % of its callers`
	written, err := New(root, "my-5xx-story", title)
	if err != nil {
		t.Fatal(err)
	}
	if !Exists(root, "my-5xx-story") || Exists(root, "scenarios") || Exists(root, "") {
		t.Error("got Exists wrong: want it of the new scenario, and not of scenarios.go")
	}
	want := []string{
		"scenarios/my-5xx-story/1-baseline.yaml", "scenarios/my-5xx-story/2-canary.yaml", "scenarios/my_5xx_story.go",
		listFile, tableFile,
	}
	if !slices.Equal(written, want) {
		t.Errorf("got %q written, want %q", written, want)
	}
	for _, file := range written[:2] {
		b, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		if problems := manifest.Check(file, []string{"my-5xx-story"}, b); len(problems) > 0 {
			t.Errorf("got %q, want no problem", problems)
		}
	}
	b, err := os.ReadFile(filepath.Join(root, written[2]))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := locate(b, "canary at 10 %", true); !ok {
		t.Errorf("got no phase at 10 %% in\n%s", b)
	}
	if testing.Short() {
		t.Skip("short: not compiled")
	}
	// The catalogue's own tests hold the list, the documentation's table, the folder and the scenario's Check.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "./scenarios", "-v", "-run", "Valid|Documentation|Folder|Manifest")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("the catalogue with the skeleton: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "my-5xx-story") {
		t.Errorf("got\n%s\nwant the new scenario to be among those tested", out)
	}
}

func TestNewRefuses(t *testing.T) {
	root := tree(t)
	if _, err := New(root, "my-story", DefaultTitle); err != nil {
		t.Fatal(err)
	}
	before := contents(t, root)
	for _, tc := range []struct{ name, title, want string }{
		{"my-story", DefaultTitle, "already"},
		{"label-mismatch", DefaultTitle, "already"},
		{"My-Story", DefaultTitle, "kebab case"},
		{"5xx", DefaultTitle, "kebab case"},
		{"../up", DefaultTitle, "kebab case"},
		{"", DefaultTitle, "kebab case"},
		{strings.Repeat("a", 41), DefaultTitle, "up to 40"},
		{"type", DefaultTitle, "means something to Go"},
		{"string", DefaultTitle, "means something to Go"},
		{"files", DefaultTitle, "files is taken in scenarios/scenarios.go"},
		{"expect", DefaultTitle, "expect is taken in scenarios/"},
		{"my-test", DefaultTitle, "my_test.go"},
		{"my-windows", DefaultTitle, "my_windows.go"},
		{"other-story", "a | b", "title"},
		{"other-story", "", "title"},
	} {
		if _, err := New(root, tc.name, tc.title); !errors.Is(err, ErrName) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("New(%q, %q): got %v, want it refused with %q", tc.name, tc.title, err, tc.want)
		}
	}
	if !maps.Equal(contents(t, root), before) {
		t.Error("what was refused changed the tree")
	}
}

// Whatever stands in the way, and whenever, nothing is left behind.
func TestNewTakesBackWhatItWrote(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(root string) error
	}{
		{"no list", func(root string) error {
			return os.WriteFile(filepath.Join(root, listFile), []byte("package scenarios\n"), 0o644)
		}},
		{"no table", func(root string) error {
			return os.WriteFile(filepath.Join(root, tableFile), []byte("# Empty\n"), 0o644)
		}},
		{"no page", func(root string) error { return os.Remove(filepath.Join(root, tableFile)) }},
		{"no catalogue", func(root string) error { return os.RemoveAll(filepath.Join(root, catalogue)) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := tree(t)
			if err := tc.spoil(root); err != nil {
				t.Fatal(err)
			}
			before := contents(t, root)
			if written, err := New(root, "my-story", DefaultTitle); err == nil || written != nil {
				t.Errorf("got %q, %v, want an error", written, err)
			}
			if !maps.Equal(contents(t, root), before) {
				t.Error("the tree is not as it was")
			}
		})
	}
}

func TestWriteUndoesHalfOfIt(t *testing.T) {
	root := t.TempDir()
	for path, text := range map[string]string{"a": "old", "c": "somebody else's"} {
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before := contents(t, root)
	_, err := write(root, "new", []change{
		{path: "new/b", now: []byte("new")},
		{path: "a", old: []byte("old"), now: []byte("new")},
		{path: "c", now: []byte("new")},
	})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want that c exists", err)
	}
	if after := contents(t, root); !maps.Equal(after, before) {
		t.Errorf("got %q, want all as before: %q", after, before)
	}
}
