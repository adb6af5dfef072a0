package artifacts

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write nested.txtar anew")

// clone is this tree.
const clone = "../.."

func TestNestedModulesAreCarried(t *testing.T) {
	var a txtar.Archive
	for _, module := range []string{nodeModule, prometheusModule} {
		err := filepath.WalkDir(filepath.Join(clone, module), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(clone, path)
			a.Files = append(a.Files, txtar.File{Name: filepath.ToSlash(name), Data: raw})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := txtar.Format(&a)
	if *update {
		if err := os.WriteFile("nested.txtar", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(want) != string(nestedModules) {
		t.Error("nested.txtar is not what the nested modules are: go test ./harness/artifacts -run Nested -update")
	}
}

// A copied or installed canarylab finds what was built in a clone, and the other way round.
func TestCarriedSourcesHaveTheKeysOfTheClone(t *testing.T) {
	inClone, without := New(t.TempDir(), clone, nil), New(t.TempDir(), "", nil)
	want, err := inClone.Recipes()
	if err != nil {
		t.Fatal(err)
	}
	got, err := without.Recipes()
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range want {
		w, err := inClone.ID(r)
		if err != nil {
			t.Fatal(err)
		}
		g, err := without.ID(got[i])
		if err != nil {
			t.Fatal(err)
		}
		if g != w {
			t.Errorf("got %s without a clone, want %s", g, w)
		}
	}
}

func TestCarriedSourcesAreWrittenOnceAndBuild(t *testing.T) {
	s := New(t.TempDir(), "", nil)
	dir, err := s.tree(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "sampleapp/knob.go", nodeModule + "/go.mod", prometheusModule + "/go.sum"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	again, err := s.tree(t.Context())
	if err != nil || again != dir {
		t.Errorf("got %s (%v) the second time, want %s", again, err, dir)
	}
	b := goBuild{static: true, packages: []string{"./harness/images/pause"}, out: t.TempDir() + "/"}
	if err := s.run(t.Context(), b, func(string) {}); err != nil {
		t.Error(err)
	}
}
