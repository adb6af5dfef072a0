package course

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/bundle"
)

// saved makes the folder of a run, as a report of a stop has it.
func saved(t *testing.T, out string, s Stop, id string) (dir string) {
	t.Helper()
	r := &reports.Report{
		Scenario: s.Story, Title: s.Title(), Run: id, Started: time.Date(2026, 11, 27, 20, 0, 0, 5, time.UTC),
		Outcome: reports.Pass,
	}
	if s.Kind == Mend {
		r.Scenario, r.Title = "shop", fmt.Sprintf("Mission %s: %s", s.Story, s.Title())
	}
	dir = filepath.Join(out, "20261127-200000-"+r.Scenario+"-"+id)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := r.Save(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "trace.jsonl"), []byte(id+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// finished has a path done, and returns the folders of its runs.
func finished(t *testing.T, path Path) (p Progress, dirs []string) {
	t.Helper()
	home, out := t.TempDir(), t.TempDir()
	for i, s := range path.Stops {
		id := fmt.Sprintf("run%d", i)
		dirs = append(dirs, saved(t, out, s, id))
		done(t, home, s, Run{id, dirs[i]})
	}
	p, err := Load(home)
	if err != nil {
		t.Fatal(err)
	}
	return p, dirs
}

var noon = time.Date(2026, 11, 28, 12, 0, 0, 9, time.UTC)

func issue(t *testing.T, p Progress, path Path) *Certificate {
	t.Helper()
	c, err := Issue(t.Context(), path, p, "Ada *Lovelace*", "v1", noon)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func markdown(t *testing.T, c *Certificate) string {
	t.Helper()
	text, err := c.Markdown()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestACertificateIsReadAsItWasWritten(t *testing.T) {
	p, dirs := finished(t, labels)
	c := issue(t, p, labels)
	text := markdown(t, c)
	if again := markdown(t, issue(t, p, labels)); again != text {
		t.Errorf("two certificates of one path differ:\n%s\n%s", text, again)
	}
	digest, err := bundle.Digest(t.Context(), dirs[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# Certificate: The healthy canary, and labels\n",
		`**Ada \*Lovelace\*** did all 4 stops of the path ` + "`labels`",
		"Issued on 2026-11-28 at 12:00:00 UTC by canarylab v1.",
		"| mend `label-mismatch` | mended | 2026-11-27 20:00:00 UTC | `20261127-200000-shop-run1` | `" + digest + "` |",
		"It does not say who sat there.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("got\n%s\nwant %q in it", text, want)
		}
	}
	for _, file := range []string{text, strings.ReplaceAll(text, "\n", "\r\n")} {
		if read, err := Read([]byte(file)); err != nil || markdown(t, read) != text {
			t.Errorf("got %+v, %v, want what was written", read, err)
		}
	}
	for name, test := range map[string]struct {
		file string
		want error
	}{
		"the text was edited":  {strings.Replace(text, "Ada", "Bob", 1), ErrText},
		"a digest was edited":  {strings.Replace(text, digest, strings.Repeat("0", 64), 1), ErrText},
		"something was added":  {text + "more\n", ErrText},
		"it is something else": {"# Certificate\n", ErrNoCertificate},
		"it names no run":      {"\n```json\n{\"schema\":1}\n```\n", ErrNoCertificate},
		"it is no JSON":        {"\n```json\n{\n```\n", ErrNoCertificate},
	} {
		if _, err := Read([]byte(test.file)); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
	newer := strings.Replace(text, `"schema": 1`, `"schema": 2`, 1)
	_, err = Read([]byte(newer))
	if err == nil || !strings.Contains(err.Error(), "check it with the canarylab that made it (v1)") {
		t.Errorf("a newer one: got %v", err)
	}
}

func TestNoCertificate(t *testing.T) {
	p, dirs := finished(t, sidecars)
	certify := func(path Path, name string) string {
		_, err := Issue(t.Context(), path, p, name, "v1", noon)
		if err == nil {
			return ""
		}
		return err.Error()
	}
	for _, test := range []struct {
		path Path
		name string
		want string
	}{
		{sidecars, "", ""},
		{sidecars, "Ada\nLovelace", "one line of 100 characters"},
		{sidecars, "\x1b[2J", "one line of 100 characters"},
		{sidecars, strings.Repeat("ä", 101), "one line of 100 characters"},
		{labels, "", "0 of 4 stops of path labels are done, and the next is: canarylab scenario run weighted-rollout"},
	} {
		if got := certify(test.path, test.name); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s for %.20q: got %q, want %q", test.path.Name, test.name, got, test.want)
		}
	}
	// A folder that has another run now, one of another story, and none.
	saved(t, filepath.Dir(dirs[0]), sidecars.Stops[0], "run0")
	swap := func(s Stop, id string) {
		other := saved(t, t.TempDir(), s, id)
		if err := errors.Join(os.RemoveAll(dirs[1]), os.Rename(other, dirs[1])); err != nil {
			t.Fatal(err)
		}
	}
	swap(sidecars.Stops[1], "other")
	const other = "has run other of shop, and not run run1 of canary-without-sidecar"
	if got := certify(sidecars, ""); !strings.Contains(got, other) {
		t.Errorf("another run: got %q", got)
	}
	swap(sidecars.Stops[2], "run1")
	if got := certify(sidecars, ""); !strings.Contains(got, "and not run run1 of canary-without-sidecar") {
		t.Errorf("another mission: got %q", got)
	}
	if err := os.RemoveAll(dirs[1]); err != nil {
		t.Fatal(err)
	}
	const gone = "put the folder back, or play the stop again (canarylab train canary-without-sidecar)"
	if got := certify(sidecars, ""); !strings.Contains(got, gone) {
		t.Errorf("no run: got %q, want %q", got, gone)
	}
}

func TestGameDayHasTwoRuns(t *testing.T) {
	out, s := t.TempDir(), Stop{Kind: Mend, Story: GameDay}
	for i, mission := range []string{"label-mismatch", "subset-undefined"} {
		id := fmt.Sprintf("run%d", i)
		dir := saved(t, out, Stop{Kind: Mend, Story: mission}, id)
		if c, err := certify(t.Context(), s, Mended, Run{id, dir}); err != nil || c.Story != GameDay {
			t.Errorf("%s: got %+v, %v", mission, c, err)
		}
	}
	dir := saved(t, out, Stop{Kind: See, Story: "label-mismatch"}, "seen")
	if c, err := certify(t.Context(), s, Mended, Run{"seen", dir}); err == nil {
		t.Errorf("got %+v of a story that was seen, want none", c)
	}
}

func TestACertificateIsHeldAgainstItsRuns(t *testing.T) {
	p, dirs := finished(t, labels)
	c := issue(t, p, labels)
	stranger := saved(t, t.TempDir(), labels.Stops[0], "stranger")
	packed := filepath.Join(t.TempDir(), "some-name.tar.gz")
	if _, err := bundle.Pack(t.Context(), dirs[0], bundle.Options{File: packed}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dirs[2], "trace.jsonl"), []byte("edited\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	runs := []string{packed, filepath.Join(dirs[1], reports.ReportFile), dirs[2], stranger}
	found, strangers, err := c.Check(t.Context(), runs, "v1")
	if err != nil || len(strangers) != 1 || strangers[0] != stranger {
		t.Fatalf("got strangers %q, %v, want one", strangers, err)
	}
	for i, want := range []State{Holds, Holds, Differs, Missing} {
		if found[i].State != want {
			t.Errorf("%s: got %s (%s), want %s", found[i].Story, found[i].State, found[i].Why, want)
		}
	}
	if why := found[2].Why; !strings.HasPrefix(why, "the digest of its bundle is ") || strings.Contains(why, "v1") {
		t.Errorf("got %q, want the other digest alone", why)
	}
	found, _, err = c.Check(t.Context(), runs, "v2")
	if err != nil || !strings.Contains(found[2].Why, "with this canarylab (v2)") {
		t.Errorf("got %q, %v, want that another canarylab may make another bundle", found[2].Why, err)
	}
	if Worst(found) != Differs || Worst(found[:2]) != Holds || Worst([]Finding{found[0], found[3]}) != Missing {
		t.Error("the worst of the findings is another one")
	}
	// A certificate that says another thing of a run than the run.
	c.Runs[0].Outcome, c.Runs[1].Story = reports.Fail, "subset-undefined"
	found, _, err = c.Check(t.Context(), runs[:2], "v1")
	if err != nil || found[0].Why != `the outcome in its report is "pass", and not "fail"` ||
		found[1].Why != "its report is not of mend subset-undefined" {
		t.Errorf("got %q and %q, %v", found[0].Why, found[1].Why, err)
	}
	if _, _, err := c.Check(t.Context(), []string{t.TempDir()}, "v1"); err == nil {
		t.Error("an empty folder passes for a run")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.Check(cancelled, runs, "v1"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it interrupted", err)
	}
}
