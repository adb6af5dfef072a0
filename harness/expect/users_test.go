package expect

import (
	"testing"

	"github.com/canarylab/canarylab/reports/analysis"
)

// ofUsers is what the virtual users of beta were answered.
func ofUsers(u analysis.Users) analysis.Observation {
	c := counts(map[string]int{"v1": 8000, "v2": 2000})
	c.Users = &u
	return settled(c)
}

func TestFlips(t *testing.T) {
	pairs := func(flips int) analysis.Observation {
		return ofUsers(analysis.Users{Seen: 1000, Mixed: min(flips, 800), Pairs: 2000, Flips: flips})
	}
	holds(t, "flips", []judged{
		{"as weights have it", Flips("beta", 1000, 32), pairs(640), pass, ""},
		{"half", Flips("beta", 1000, 16), pairs(640), fail, "of 2,000 pairs"},
		{"none", Flips("beta", 1000, 0), pairs(0), pass, ""},
		{"one", Flips("beta", 1000, 0), pairs(1), fail, ""},
		{"few users", Flips("beta", 2000, 0), pairs(0), inconclusive, "1,000 of 2,000 users"},
		{
			"none of a pair, and two versions", Flips("beta", 1000, 0),
			ofUsers(analysis.Users{Seen: 1000, Mixed: 3, Pairs: 2000}), fail, "3 users got several versions",
		},
		{"no pairs", Flips("beta", 10, 0), ofUsers(analysis.Users{Seen: 10}), inconclusive, "0 pairs are too few"},
		{"no users", Flips("beta", 10, 0), settled(counts(map[string]int{"v1": 1000})), inconclusive, ""},
	})
	if n := Flips("beta", 1000, 0).Need(); n != 3000 {
		t.Errorf("got a need of %d requests, want three turns of each user", n)
	}
}

func TestMoves(t *testing.T) {
	moved := ofUsers(analysis.Users{Seen: 1000, Moves: []analysis.Move{
		{From: "v1", To: "v1", Users: 700}, {From: "v1", To: "v2", Users: 200}, {From: "v2", To: "v2", Users: 100},
	}})
	holds(t, "moves", []judged{
		{"joins", Moves("beta", 1000, "v1", "v2", 20), moved, pass, ""},
		{"half", Moves("beta", 1000, "v1", "v2", 10), moved, fail, "of 1,000 users"},
		{"none leaves", Moves("beta", 1000, "v2", "v1", 0), moved, pass, ""},
		{"one leaves", Moves("beta", 1000, "v2", "v2", 0), moved, fail, ""},
		{"few users", Moves("beta", 2000, "v1", "v2", 20), moved, inconclusive, ""},
		{"no phase before", Moves("beta", 10, "v1", "v2", 0), ofUsers(analysis.Users{Seen: 10}), inconclusive, ""},
	})
}
