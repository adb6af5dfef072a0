package github

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports/internal/fixture"
	"github.com/canarylab/canarylab/reports/internal/golden"
)

// env is an environment.
func env(all map[string]string) func(string) string {
	return func(name string) string { return all[name] }
}

func TestAnnotations(t *testing.T) {
	command := regexp.MustCompile(`^::(error|warning) title=[^:,\r\n]*::[^\r\n]*$`)
	for _, name := range []string{"label-mismatch", "passed", "broken", "hostile", "empty"} {
		var b bytes.Buffer
		if err := Publish(&b, env(map[string]string{"GITHUB_ACTIONS": "true"}), fixture.Open(t, name)); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, name+".golden", b.Bytes())
		if (b.Len() == 0) != (name == "passed") {
			t.Errorf("%s: got %d bytes of annotations; only a run that passed has none", name, b.Len())
		}
		for _, line := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
			if b.Len() > 0 && !command.MatchString(line) {
				t.Errorf("%s: got %q, want one command", name, line)
			}
		}
	}
}

func TestEscaping(t *testing.T) {
	for in, want := range map[string]string{
		"a%b": "a%25b", "a\r\nb": `a\x0d%0Ab`, "a:b,c": "a:b,c", "::set-env name=x::y": "::set-env name=x::y",
		"\x1b[2J": `\x1b[2J`,
	} {
		if got := data(in); got != want {
			t.Errorf("data(%q): got %q, want %q", in, got, want)
		}
	}
	if got, want := property("a:b, c\n%"), "a%3Ab%2C c%0A%25"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSummary(t *testing.T) {
	file := filepath.Join(t.TempDir(), "summary")
	asked := env(map[string]string{"GITHUB_STEP_SUMMARY": file})
	run := fixture.Open(t, "label-mismatch")
	size := func() int64 {
		t.Helper()
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	for range 2 {
		if err := Publish(brokenPipe{}, asked, run); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(file); err != nil || strings.Count(
		string(b), "### ❌ label-mismatch: fail",
	) != 2 || !strings.Contains(string(b), "<details>") {
		t.Errorf("got %v\n%s\nwant two pages", err, b)
	}
	// A summary that is nearly full gets the head alone, and a full one nothing.
	fill := func(left int64) {
		t.Helper()
		f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(strings.Repeat(".", int(maxSummary-size()-left))); err != nil {
			t.Fatal(err)
		}
	}
	fill(2000)
	if err := Publish(brokenPipe{}, asked, run); err != nil {
		t.Fatal(err)
	}
	if n := maxSummary - size(); n < 1000 || n == 2000 {
		t.Errorf("%d bytes are left of 2,000, want the head alone to be written", n)
	}
	fill(10)
	if err := Publish(brokenPipe{}, asked, run); err == nil || !strings.Contains(
		err.Error(), "is left out",
	) || size() > maxSummary {
		t.Errorf("got error %v and %d bytes, want one that says that the run is left out", err, size())
	}
	if err := Publish(
		brokenPipe{}, env(map[string]string{"GITHUB_STEP_SUMMARY": t.TempDir()}), run,
	); err == nil || !strings.Contains(err.Error(), "GITHUB_STEP_SUMMARY") {
		t.Errorf("got error %v, want one that names the variable", err)
	}
}

func TestNothingElsewhere(t *testing.T) {
	if err := Publish(brokenPipe{}, env(nil), fixture.Open(t, "label-mismatch")); err != nil {
		t.Errorf("got %v, want nothing to be written", err)
	}
}

// brokenPipe must not be written to.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestCalm(t *testing.T) {
	const in = "a ::b\n::error::forged\n  ::add-mask::x\n##[group]y\nlast\n"
	for actions, want := range map[string]string{
		"": in, "true": "a ::b\n· ::error::forged\n  · ::add-mask::x\n· ##[group]y\nlast\n",
	} {
		var b bytes.Buffer
		if n, err := Calm(&b, env(map[string]string{"GITHUB_ACTIONS": actions})).Write([]byte(in)); n != len(in) ||
			err != nil || b.String() != want {
			t.Errorf("got %d, %v and\n%s\nwant\n%s", n, err, &b, want)
		}
	}
	if _, err := Calm(brokenPipe{}, env(map[string]string{"GITHUB_ACTIONS": "true"})).Write([]byte("x")); err == nil {
		t.Error("got no error of the writer")
	}
}
