package analysis

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// Older readers find the texts, and how many problems are the machine's.
func TestProblemsInAFile(t *testing.T) {
	want := Accounting{Requests: 3, Problems: []Problem{{Text: "a"}, {Void: true, Text: "b"}}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(b); !strings.Contains(text, `"problems":["a","b"],"voids":1,"voidProblems":[1]`) || strings.Count(
		text, "roblems",
	) != 2 {
		t.Errorf("got %s", text)
	}
	var got Accounting
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got.Void() || !(Accounting{Problems: got.Problems[1:]}).Void() || (Accounting{}).Void() {
		t.Error("void is what has problems, all of them the machine's")
	}
}
