package lab_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/lab"
)

func TestClustersThatCantBeHad(t *testing.T) {
	t.Setenv("CANARYLAB_HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir()) // no docker, podman or nerdctl, whatever this machine has
	for kind, want := range map[string]error{
		"docker": cluster.ErrUsage, "kind": lab.ErrUnavailable, "existing": cluster.ErrUsage,
	} {
		if _, err := lab.Open(t.Context(), lab.Options{Cluster: kind}); !errors.Is(err, want) {
			t.Errorf("Open %s: got %v, want %v", kind, err, want)
		}
		if kind == "kind" {
			want = nil // what was never made needs no daemon to be gone
		}
		if err := lab.Down(t.Context(), lab.Options{Cluster: kind}, false); !errors.Is(err, want) {
			t.Errorf("Down %s: got %v, want %v", kind, err, want)
		}
	}
}

func TestSource(t *testing.T) {
	here, err := lab.Source()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(here, "harness", "lab")); err != nil {
		t.Errorf("got %s, which is not this module's root: %v", here, err)
	}
	elsewhere := t.TempDir()
	t.Setenv("CANARYLAB_SOURCE", elsewhere)
	if _, err := lab.Source(); err == nil || !strings.Contains(err.Error(), elsewhere) {
		t.Errorf("got %v, want an error that names %s", err, elsewhere)
	}
	t.Setenv("CANARYLAB_SOURCE", here)
	if got, err := lab.Source(); err != nil || got != here {
		t.Errorf("got %s (%v), want %s", got, err, here)
	}
	t.Setenv("CANARYLAB_SOURCE", "")
	t.Chdir(elsewhere)
	if _, err := lab.Source(); err == nil || !strings.Contains(err.Error(), "CANARYLAB_SOURCE") {
		t.Errorf("got %v, want an error that says what to set", err)
	}
}

func TestHome(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CANARYLAB_HOME", dir)
	if got, err := lab.Home(); err != nil || got != dir {
		t.Errorf("got %s (%v), want %s", got, err, dir)
	}
}

func TestFreeSpaceOfAFolderThatIsNotThereYet(t *testing.T) {
	if free, err := lab.FreeSpace(filepath.Join(t.TempDir(), "not", "there"), false); free == 0 {
		t.Errorf("got 0 bytes (%v), want those of the disk above", err)
	}
}
