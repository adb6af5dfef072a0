package training

import (
	"fmt"
	"strings"
	"time"

	"github.com/canarylab/canarylab/reports/format"
)

// A Result is how a mission ended, or how it stands.
type Result struct {
	Mission string `json:"mission"`
	// Mended tells that it was, and, where a diagnosis was asked for, that one was right.
	Mended bool `json:"mended"`
	// Text says what it rests on.
	Text string `json:"text"`
	// ToSafe and ToMended are from the first request that failed to the last before nobody was hurt any more; ToMended
	// where the versions had their shares besides. Zero where that never came.
	ToSafe   time.Duration `json:"toSafeNs,omitempty"`
	ToMended time.Duration `json:"toMendedNs,omitempty"`
	// Price is what hints and wrong diagnoses put on both clocks. It is not in ToSafe and ToMended.
	Price time.Duration `json:"priceNs"`
	// Burned counts the requests that failed since the break, or were misrouted where that is what broke.
	Burned int    `json:"burned"`
	Hints  []Hint `json:"hints,omitempty"`
	// Diagnosed tells that a diagnosis was right, Guesses how many there were.
	Diagnosed bool `json:"diagnosed"`
	Guesses   int  `json:"guesses"`
	// Aborted tells that everything was ended, whatever the learner did.
	Aborted bool `json:"aborted,omitempty"`
	// Seed is what the break's moment and the mission were drawn by.
	Seed uint64 `json:"seed"`
}

// result is how the mission stands. The session is locked.
func (s *session) result(mended bool, text string) *Result {
	r := &Result{
		Mission: s.mission.Name(), Mended: mended, Text: text, Burned: s.burned, Hints: s.hints, Diagnosed: s.right,
		Guesses: s.guesses, Price: time.Duration(s.wrong) * GuessPrice, Seed: s.options.Seed,
		Aborted: !s.aborted.IsZero(),
	}
	for _, h := range s.hints {
		r.Price += h.Price
	}
	if first := s.judge.Armed(); !first.IsZero() {
		r.ToSafe, r.ToMended = clock(first, s.safe), clock(first, s.mended)
	}
	return r
}

// bill says what the price is for, such as "1 min 30 s for 2 hints".
func (r Result) bill() string {
	left := r.Price
	for _, h := range r.Hints {
		left -= h.Price
	}
	var parts []string
	count := func(n int, one, many string) {
		if n == 1 {
			parts = append(parts, "1 "+one)
		} else if n > 1 {
			parts = append(parts, fmt.Sprintf("%d %s", n, many))
		}
	}
	count(len(r.Hints), "hint", "hints")
	count(int(left/GuessPrice), "wrong diagnosis", "wrong diagnoses")
	return format.Short(r.Price) + " for " + strings.Join(parts, " and ")
}

// clock is from one moment to another, zero where that never came.
func clock(from, to time.Time) time.Duration {
	if to.IsZero() {
		return 0
	}
	return max(to.Sub(from), 0)
}
