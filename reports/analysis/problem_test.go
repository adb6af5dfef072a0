package analysis

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// Older readers find the texts, and how many problems are the machine's.
func TestProblemsInAFile(t *testing.T) {
	want := Accounting{Requests: 3, Problems: []Problem{
		{Text: "a"}, {Void: true, Text: "b"}, {Void: true, Basis: OneClock, Text: "c"},
	}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	const listed = `"problems":["a","b","c"],"voids":2,"voidProblems":[1,2],"voidBases":["","one-clock"]`
	if text := string(b); !strings.Contains(text, listed) || strings.Count(text, "roblems") != 2 {
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
	balanced := func(all []Problem) bool { return Accounting{Problems: all}.Balanced() }
	if balanced(got.Problems) || balanced(got.Problems[1:]) || !balanced(got.Problems[2:]) {
		t.Error("balanced is what has no problem but those that shake a basis")
	}
}

// A report of before problems shook a basis, and one of a later version that knows more of them.
func TestProblemsOfOtherVersions(t *testing.T) {
	a, b := Problem{Text: "a"}, Problem{Void: true, Text: "b"}
	late := Problem{Void: true, Basis: OnTime, Text: "b"}
	for file, want := range map[string][]Problem{
		`{"problems":["a","b"],"voids":1,"voidProblems":[1]}`:                {a, b},
		`{"problems":["b"],"voidProblems":[0],"voidBases":["on-time"]}`:      {late},
		`{"problems":["b"],"voidProblems":[0],"voidBases":["cold-caches"]}`:  {b},
		`{"problems":["a","b"],"voidProblems":[1],"voidBases":["on-time"]}`:  {a, late},
		`{"problems":["b"],"voidProblems":[0,1],"voidBases":["","on-time"]}`: {b},
	} {
		var got Accounting
		if err := json.Unmarshal([]byte(file), &got); err != nil || !reflect.DeepEqual(got.Problems, want) {
			t.Errorf("%s: got %+v, %v; want %+v", file, got.Problems, err, want)
		}
	}
}
