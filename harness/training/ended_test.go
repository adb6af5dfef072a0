package training

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// over is a mission that was mended.
var over = Explanation{
	Standing: Standing{
		State: State{Verdict: Mended, Text: "no request fails"}, Broke: began, Armed: began,
		Result: Result{Mission: "label-mismatch", Mended: true, ToSafe: time.Second, ToMended: time.Second},
	},
	Broke: began, Effects: []Effect{}, Verdicts: []Moment{}, Story: &Story{Name: "label-mismatch", Cause: "A label."},
}

// Whoever asks after the end is told how it stood and what it was, and for what it is too late. The next mission begins
// with nothing.
func TestAMissionIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lab.sock")
	ask := func(do string) (Reply, error) { return Ask(t.Context(), path, Request{Do: do}) }
	if _, err := ask(DoExplain); !errors.Is(err, ErrNone) {
		t.Errorf("got %v, want that there is none", err)
	}
	if err := Keep(path, ended(began, over, nil)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(keptAt(path))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want a file for its user alone", info, err)
	}
	r, err := ask(DoStatus)
	for _, want := range []string{
		"The mission is over", "canarylab train explain tells what it was", "It was label-mismatch, mended",
	} {
		if err != nil || !strings.Contains(r.Text, want) || r.Standing == nil || !r.Standing.Over {
			t.Errorf("got %+v, %v, want %q in it", r, err, want)
		}
	}
	if strings.Contains(r.Text, "time left") {
		t.Errorf("got %q, want no time left", r.Text)
	}
	if r, err := ask(DoExplain); err != nil || !strings.Contains(r.Text, "A label.") || r.Explanation == nil {
		t.Errorf("got %+v, %v, want what it was", r, err)
	}
	for _, do := range []string{DoHint, DoReset, DoDiagnose, DoGiveUp} {
		if _, err := ask(do); !errors.Is(err, ErrOver) || !strings.Contains(err.Error(), "train explain") {
			t.Errorf("%s: got %v, want that it is over, and who tells of it", do, err)
		}
	}
	served(t, path)
	if _, err := Kept(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want nothing kept once another mission begins", err)
	}
}

// A mission that broke off says why, and promises no story.
func TestAMissionThatBrokeOffIsKept(t *testing.T) {
	e := over
	e.Standing.Over, e.Standing.State.At = true, began.Add(-time.Minute)
	if got := ended(began, e, nil).At; !got.Equal(e.Standing.State.At) {
		t.Errorf("got it over since %s, want %s: the report takes a while", got, e.Standing.State.At)
	}
	e.Story = nil
	for _, tc := range []struct {
		err  error
		want string
	}{{errGaveUp, errGaveUp.Error()}, {context.Canceled, "it was interrupted"}} {
		got := ended(began, e, tc.err).String()
		if !strings.Contains(got, tc.want) || strings.Contains(got, "what it was") {
			t.Errorf("got %q, want %q in it, and no promise", got, tc.want)
		}
	}
	if got := ended(began, Explanation{}, errNotWell).String(); strings.Contains(got, "asked") {
		t.Errorf("got %q, want nothing of what never was", got)
	}
}
