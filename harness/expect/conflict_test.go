package expect

import (
	"strings"
	"testing"
)

func TestConflicts(t *testing.T) {
	for _, tc := range []struct {
		name string
		all  []Expectation
		want string // "" for none
	}{
		{"shares that add up", []Expectation{Share("v1", 66.6), Share("v2", 33.3), Share("v3", 0.1), NoErrors()}, ""},
		{"shares of two cohorts", []Expectation{Share("v1", 100).Of("everyone"), Share("v2", 100).Of("beta")}, ""},
		{"a fault", []Expectation{Flag(503, "UH", 10), OnlyErrors(503, "UH"), Share("v1", 90), Untouched("v2")}, ""},
		{"two flags that a request may both have", []Expectation{Flag(503, "UF", 60), Flag(503, "URX", 60)}, ""},
		{"errors of others", []Expectation{NoErrors().Of("everyone"), Status(404, 100).Of("beta")}, ""},
		{"no share of what is left alone", []Expectation{Share("v2", 0), Untouched("v2")}, ""},
		{"one claim twice", []Expectation{Share("v2", 60), Share("v2", 60)}, ""},
		{"so many and as few", []Expectation{FailAtMost(500), Flag(503, "UH", 10)}, ""},
		{"little and a bound", []Expectation{FailAtMost(3), Status(429, 1).AtMost()}, ""},
		{"few errors of one sort", []Expectation{FailAtMost(3), OnlyErrors(503, "UH")}, ""},
		{"few of another cohort", []Expectation{ReachAtMost("v2", 3).Of("beta"), Share("v2", 50).Of("everyone")}, ""},
		{"few, and then none", []Expectation{ReachAtMost("v2", 3), Untouched("v2"), NeverFails(), NoErrors()}, ""},
		{"an answer that is no error", []Expectation{Status(204, 100), NoErrors()}, ""},

		{
			"too much", []Expectation{Share("v1", 95), Share("v2", 10)},
			`"10 % of all requests answered by v2" makes it 105 % of all requests in all`,
		},
		{"two shares", []Expectation{Share("v2", 10), Share("v2", 20)}, "can't both hold"},
		{"left alone and asked", []Expectation{Untouched("v2"), Share("v2", 10)}, "can't both hold"},
		{"asked and left alone", []Expectation{Share("v2", 10).Of("beta"), Untouched("v2")}, "can't both hold"},
		{"errors and none", []Expectation{NoErrors(), Flag(503, "UH", 10)}, "can't both hold"},
		{"a cohort's errors and none", []Expectation{Status(404, 100).Of("beta"), NoErrors()}, "can't both hold"},
		{"no answers and no errors", []Expectation{Status(0, 10), NoErrors()}, "can't both hold"},
		{"only errors and none", []Expectation{OnlyErrors(503, "UH"), NoErrors()}, "can't both hold"},
		{"never and only errors", []Expectation{NeverFails(), OnlyErrors(503, "UH")}, "can't both hold"},
		{"never and errors", []Expectation{Flag(503, "UH", 10).Of("beta"), NeverFails()}, "can't both hold"},
		{"few errors and many", []Expectation{FailAtMost(3), Flag(503, "UH", 10)}, "can't both hold"},
		{"few errors and more", []Expectation{FailAtMost(3), Flag(503, "UH", 10).AtLeast()}, "can't both hold"},
		{"few and a share", []Expectation{ReachAtMost("v2", 3), Share("v2", 10)}, "can't both hold"},
		{"other errors than the only ones", []Expectation{OnlyErrors(503, "UH"), Status(504, 10)}, "can't both hold"},
		{"two sorts of only errors", []Expectation{OnlyErrors(503, "UH"), OnlyErrors(429, "RL")}, "can't both hold"},
	} {
		err := Conflicts(tc.all)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want it told once", tc.name, err)
		}
	}
}
