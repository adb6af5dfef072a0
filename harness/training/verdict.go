package training

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// A Verdict is what the traffic says of a mission at a moment.
type Verdict string

// The verdicts.
const (
	// Unsure: there is too little data yet, or what there is contradicts itself. It says nothing for or against a fix.
	Unsure Verdict = "unsure"
	// Healthy: before the break, callers are served as is asked.
	Healthy Verdict = "healthy"
	// Broken: callers are hurt as the break hurts them.
	Broken Verdict = "broken"
	// Worse: more callers are hurt than by the break.
	Worse Verdict = "worse"
	// Another: callers are hurt, and in another way than by the break.
	Another Verdict = "another failure"
	// Safe: nobody is hurt any more, and the versions do not have the shares that are asked for: the canary was rolled
	// back or taken away.
	Safe Verdict = "safe"
	// Mended: after it was broken, nobody is hurt, and the versions have their shares.
	Mended Verdict = "mended"
)

// A State is a verdict with what it rests on.
type State struct {
	// At is the moment up to which all requests that were sent are known.
	At time.Time `json:"at,omitzero"`
	// From is when the window began that the verdict rests on. It ended at At.
	From    time.Time `json:"from,omitzero"`
	Verdict Verdict   `json:"verdict"`
	// Text says in a sentence what was seen, and, where the verdict is Unsure, what is lacking.
	Text string `json:"text"`
	// Requests are those of the window that the verdict rests on, Failed those of them that failed, or were misrouted
	// where that is what broke.
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
	// Kinds are the ways to fail or to be misrouted in the window, the most frequent first.
	Kinds []Kind `json:"kinds,omitempty"`
	// Shares are those that are asked for, as they were seen in the window.
	Shares []Seen `json:"shares,omitempty"`
	// CleanSince is when the last request was sent that failed, where nobody is hurt any more. It is zero where none
	// ever failed, and where somebody may be hurt. It is known before it is certain that the shares are right, or not.
	CleanSince time.Time `json:"cleanSince,omitzero"`
}

// A Kind is a way to fail, such as "503 UH", or to be misrouted, such as "v2 in place of v1", and how many requests
// met it.
type Kind struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// A Seen share is one that is asked for, beside how many of how many requests it was.
type Seen struct {
	Asked
	Count int `json:"count"`
	Of    int `json:"of"`
}

// Share is what was seen, with its 95 % interval.
func (s Seen) Share() analysis.Share { return analysis.NewShare(s.Count, s.Of) }

// String is "v2 9.8 % (8.4 to 11.2) of all requests".
func (s Seen) String() string {
	share := s.Share()
	return fmt.Sprintf("%s %s %% (%s to %s) of %s", s.Version, format.Percent(share.Percent), format.Percent(share.Low),
		format.Percent(share.High), whose(s.Cohort))
}
