package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What there is before a change comes from a folder, or from a revision of the repository that the manifests are in.
func TestLoadBeforeOfARevision(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) {
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a",
			"GIT_COMMITTER_EMAIL=a@example.com", "GIT_CONFIG_GLOBAL=/dev/null")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v: %s", args, err, out)
		}
	}
	service := func(name string) {
		text := "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + ", namespace: shop}\n" +
			"spec: {selector: {app: a}, ports: [{name: http, port: 80}]}\n"
		if err := os.MkdirAll(filepath.Join(dir, "k8s"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "k8s", "a.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("init", "-q")
	service("old")
	run("add", ".")
	run("commit", "-q", "-m", "old")
	service("new")
	path := filepath.Join(dir, "k8s")
	set, err := loadBefore(t.Context(), []string{"HEAD"}, []string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Objects) != 1 || set.Objects[0].GetName() != "old" || set.Objects[0].Source.File != "HEAD:k8s/a.yaml" {
		t.Errorf("got %+v, want the Service of HEAD", set.Objects)
	}
	for rev, want := range map[string]string{"nowhere": "git knows no such revision"} {
		if _, err := loadBefore(t.Context(), []string{rev}, []string{path}, nil); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", rev, err, want)
		}
	}
}
