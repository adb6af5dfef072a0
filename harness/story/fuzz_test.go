package story

import (
	"reflect"
	"testing"

	"github.com/canarylab/canarylab/scenarios"
)

// Whatever a story.yaml says, it is read without harm, and what was read can be written and comes back as it was.
func FuzzStory(f *testing.F) {
	f.Add([]byte(small))
	for _, s := range scenarios.All() {
		text, err := Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := &reader{file: File}
		s := r.scenario(text)
		for _, p := range r.problems {
			if p.Error() == "" {
				t.Error("a problem says nothing")
			}
		}
		if len(r.problems) > 0 {
			return
		}
		written, err := Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again := &reader{file: File}
		if got := again.scenario(written); len(again.problems) > 0 || !reflect.DeepEqual(got, s) {
			t.Errorf("got %v and\n%#v\nwant\n%#v\nof\n%s", again.problems, got, s, written)
		}
	})
}
