package labtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseTurn(t *testing.T) {
	for text, want := range map[string]Turn{"": {}, "all": {}, "1/8": {1}, "2/8": {2}, "8/8": {8}} {
		if got, err := ParseTurn(text); err != nil || got != want {
			t.Errorf("%q: got %v (%v), want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"0/8", "9/8", "1/4", "1/6", "1", "/8", "1/8 ", "01/6", "+1/8", "-1/8", "ALL", "none", "1/88",
	} {
		if got, err := ParseTurn(text); err == nil || !strings.Contains(err.Error(), `"`+text+`"`) ||
			!strings.Contains(err.Error(), "1/8 to 8/8, or all") {
			t.Errorf("%q: got %v (%v), want an error that names it and what there is", text, got, err)
		}
	}
}

func TestTurnsShareEverythingOnce(t *testing.T) {
	list := []string{"a", "b", "c", "d", "e", "f", "g"}
	var all []string
	for n := 1; n <= Turns; n++ {
		share := Share(Turn{n}, list)
		if len(share) < len(list)/Turns {
			t.Errorf("turn %d: got %q, want an eighth", n, share)
		}
		all = append(all, share...)
	}
	slices.Sort(all)
	if !slices.Equal(all, list) {
		t.Errorf("got %q in all turns together, want %q", all, list)
	}
	if got := Share(Turn{}, list); !slices.Equal(got, list) {
		t.Errorf("got %q, want everything", got)
	}
}

// turnOf runs CI's script that tells a commit's turn, on the work tree dir.
func turnOf(t *testing.T, dir string) string {
	t.Helper()
	script, err := filepath.Abs("../../../.ci/turn")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), script, dir).Output()
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return strings.TrimSpace(string(out))
}

// The turn follows from the commit: neighbours have different ones, a shallow clone has one too, and without a
// commit it is all.
func TestTurnFollowsFromTheCommit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is missing")
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	git := func(args ...string) {
		t.Helper()
		args = append([]string{"-c", "user.name=test", "-c", "user.email=test@example.com"}, args...)
		if out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	dir, shallow := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "shallow")
	git("init", "--quiet", dir)
	if got := turnOf(t, dir); got != "all" {
		t.Errorf("without a commit: got %s, want all", got)
	}
	var turns []string
	for range 10 {
		git("-C", dir, "commit", "--quiet", "--allow-empty", "--message=one more")
		turns = append(turns, turnOf(t, dir))
	}
	want := []string{"2/8", "3/8", "4/8", "5/8", "6/8", "7/8", "8/8", "1/8", "2/8", "3/8"}
	if !slices.Equal(turns, want) {
		t.Errorf("got turns %q, want %q", turns, want)
	}
	git("clone", "--quiet", "--depth=1", "file://"+dir, shallow)
	first := turnOf(t, shallow)
	if turn, err := ParseTurn(first); err != nil || turn == (Turn{}) || turnOf(t, shallow) != first {
		t.Errorf("a shallow clone: got %s (%v), want one of six, and the same again", first, err)
	}
}
