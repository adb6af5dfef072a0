package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/canarylab/canarylab/harness/lab"
)

// loopback is a repository in a registry on this machine.
func loopback(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://") + "/team/canarylab"
}

// list is what artifacts list finds in a home folder.
func list(t *testing.T, home string) map[string]lab.Artifact {
	t.Helper()
	t.Setenv("CANARYLAB_HOME", home)
	out, code, err := run(t, "artifacts", "list", "-o", "json")
	if code != 0 {
		t.Fatal(err)
	}
	var all []lab.Artifact
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	found := map[string]lab.Artifact{}
	for _, a := range all {
		found[a.Name] = a
	}
	return found
}

// built is a home folder in which all of the named artifacts are there, each with one file.
func built(t *testing.T, names ...string) string {
	t.Helper()
	home := t.TempDir()
	all := list(t, home)
	for _, name := range names {
		dir := filepath.Join(home, "cache", name, all[name].Key)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "program"), []byte(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// A machine that never built anything, has no compiler, and is in no clone, has what another one built.
func TestArtifactsFromAnotherMachine(t *testing.T) {
	repository, file := loopback(t), filepath.Join(t.TempDir(), "artifacts.tar")
	t.Setenv("CANARYLAB_HOME", built(t, "node", "programs", "images", "istio", "istioctl"))
	for _, args := range [][]string{{"push", repository}, {"export", file}} {
		if _, code, err := run(t, append([]string{"artifacts"}, args...)...); code != 0 {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	t.Chdir(t.TempDir())
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"pull", repository}, "node programs images"},
		{[]string{"pull", repository, "--all"}, "node programs images istioctl"},
		{[]string{"import", file}, "node programs images istioctl"},
	} {
		home := t.TempDir()
		t.Setenv("CANARYLAB_HOME", home)
		if out, code, err := run(t, append([]string{"artifacts"}, tc.args...)...); code != 0 ||
			!strings.Contains(out, "fetched") {
			t.Errorf("%q: got exit code %d (%v) and\n%s", tc.args, code, err, out)
		}
		there := list(t, home)
		for name, a := range there {
			if want := strings.Contains(" "+tc.want+" ", " "+name+" "); want != (a.Dir != "") {
				t.Errorf("%q: got %s in %q, want it there: %t", tc.args, name, a.Dir, want)
			}
			if raw, _ := os.ReadFile(filepath.Join(a.Dir, "program")); a.Dir != "" && string(raw) != name {
				t.Errorf("%q: got the program %q in %s", tc.args, raw, name)
			}
		}
	}
}

// Where the images are not, what they are made of is wanted.
func TestPullGetsPartsWhereTheWholeIsMissing(t *testing.T) {
	repository := loopback(t)
	t.Setenv("CANARYLAB_HOME", built(t, "node", "programs", "istio", "envoy"))
	if _, code, err := run(t, "artifacts", "push", repository); code != 0 {
		t.Fatal(err)
	}
	home := t.TempDir()
	t.Setenv("CANARYLAB_HOME", home)
	_, code, err := run(t, "artifacts", "pull", repository)
	if code != 69 || !strings.Contains(err.Error(), "images") || strings.Contains(err.Error(), "node") {
		t.Errorf("got exit code %d (%v), want 69 and that images are missing", code, err)
	}
	there := list(t, home)
	if there["istio"].Dir == "" || there["envoy"].Dir == "" {
		t.Errorf("got %+v, want istio and envoy there", there)
	}
}

func TestBadCallsOfArtifacts(t *testing.T) {
	t.Setenv("CANARYLAB_HOME", t.TempDir())
	repository := loopback(t)
	none := filepath.Join(t.TempDir(), "none")
	for _, tc := range []struct {
		args []string
		code int
		word string
	}{
		{[]string{"pull"}, 64, "a repository"},
		{[]string{"pull", "canarylab"}, 64, "registry.example.com"},
		{[]string{"pull", ""}, 64, "registry.example.com"},
		{[]string{"push", repository + ":latest"}, 64, "tag"},
		{[]string{"push", repository}, 69, "artifacts build"},
		{[]string{"pull", repository}, 69, "node, programs, images"},
		{[]string{"export", none}, 69, "artifacts build"},
		{[]string{"import", none}, 1, "no such file"},
		{[]string{"import", os.Args[0]}, 1, "no file of canarylab artifacts export"},
		{[]string{"list", "-o", "yaml"}, 64, "json"},
	} {
		if _, code, err := run(t, append([]string{"artifacts"}, tc.args...)...); code != tc.code || err == nil ||
			!strings.Contains(err.Error(), tc.word) {
			t.Errorf("%q: got exit code %d (%v), want %d and %q", tc.args, code, err, tc.code, tc.word)
		}
	}
	t.Setenv("CANARYLAB_ARTIFACTS", "canarylab:latest")
	if _, code, err := run(t, "artifacts", "list"); code != 64 ||
		!strings.Contains(err.Error(), "registry.example.com") {
		t.Errorf("got exit code %d (%v) for a variable that names no repository, want 64", code, err)
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("export left a file with nothing in it")
	}
}
