package scenarios_test

import (
	"testing"

	"github.com/canarylab/canarylab/scenarios"
)

// At its own rate each claim of each story can be decided, with a probability of 99 % or more. Those that may be played
// at a lower one can at that.
func TestEveryClaimCanBeDecidedAtTheStorysRate(t *testing.T) {
	for _, s := range scenarios.All() {
		own := s.Rate()
		s.LowestRate = 0 // those that are played at no other rate have claims too
		floor := s.Lowest(0)
		t.Logf("%-34s %4d a second, %4d at least: %s", s.Name, own, floor.Rate, floor.For)
		if floor.Rate > own {
			t.Errorf("%s is played at %d requests a second, and %s takes %d", s.Name, own, floor.For, floor.Rate)
		}
	}
}

// The stories that are about their load are played at their own rate alone, and all others at a lower one too: a slow
// machine is not to be shown void verdicts.
func TestStoriesMayBePlayedAtALowerRate(t *testing.T) {
	fixed := map[string]bool{"load-dependent-503": true, "circuit-breaker-overflow": true, "canary-rate-limit": true,
		"mirror-hurts": true}
	for _, s := range scenarios.All() {
		own, lowest := s.Rate(), s.Lowest(0).Rate
		if (lowest == own) != fixed[s.Name] {
			t.Errorf("%s: got %d as the lowest of %d requests a second, want a lower one unless it is about its load",
				s.Name, lowest, own)
		}
		at := s.AtRate(lowest)
		if err := at.Check(); err != nil {
			t.Errorf("%s at %d requests a second: %v", s.Name, lowest, err)
		}
	}
}
