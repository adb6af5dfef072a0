package analysis

import (
	"slices"
	"testing"

	"github.com/canarylab/canarylab/loadgen"
)

// Pairs are two requests in a row of one user, in whatever order they come, and a user who had two versions is mixed.
func TestUsers(t *testing.T) {
	cohort := loadgen.Cohort{Users: 3}
	phase := func(versions ...string) *users {
		u := newUsers(cohort, newBudget())
		order := slices.Backward(versions) // they come in any order
		for seq, version := range order {
			u.add(&loadgen.Sample{Seq: uint64(seq), Version: version}, newBudget())
		}
		return u
	}
	// Users 0, 1, 2 and again: user 0 has v1 and v2, which flips, user 1 twice v2, and user 2 one answer and a failure.
	before := phase("v1", "v2", "v1", "v2", "v2", "")
	if before.Seen != 3 || before.Mixed != 1 || before.Pairs != 2 || before.Flips != 1 {
		t.Errorf("got %+v, want 3 users, one of them mixed, and a flip in two pairs", before.Users)
	}
	now := phase("v1", "v1", "v1", "v1", "v1", "v1", "v1", "v1", "v1")
	now.moved(before)
	if want := []Move{{"v1", "v1", 1}, {"v2", "v1", 1}}; !slices.Equal(now.Moves, want) || now.Both() != 2 ||
		now.Moved("v2", "v1") != 1 || now.Moved("v1", "v2") != 0 {
		t.Errorf("got moves %+v, want %+v", now.Moves, want)
	}
	// Turns 0 and 1 are a pair, and turn 2 is the first half of the next one.
	if now.Pairs != 3 || now.Flips != 0 || now.Mixed != 0 {
		t.Errorf("got %+v, want 3 pairs without a flip", now.Users)
	}
	if u := newUsers(loadgen.Cohort{}, newBudget()); u != nil {
		t.Errorf("a cohort without users: got %+v", u)
	}
}
