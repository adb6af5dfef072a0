package analysis

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

// A Detection times a Decision. All times are counted from when the phase's change was accepted, or from the
// phase's start where it changes nothing. They follow each other: the first bad answer, the scrape that has it,
// the question, the answer.
type Detection struct {
	trace.Decision
	// FirstBad is when the first bad answer of the canary was done: a failed request that it answered, or any
	// failed request where the scenario names no canary. It is 0 where there was none.
	FirstBad time.Duration `json:"firstBadNs"`
	// SeenAfter, AskedAfter and After are when what decided was known, asked for, and decided upon; 0 where not known.
	SeenAfter  time.Duration `json:"seenAfterNs,omitempty"`
	AskedAfter time.Duration `json:"askedAfterNs,omitempty"`
	After      time.Duration `json:"afterNs"`
	// Answers counts the canary's answers that were done by then, BadOnes the bad ones among them.
	Answers int `json:"answers"`
	BadOnes int `json:"badOnes"`
}

// Took is from the first bad answer to the decision. It is not ok where there was no bad answer before it.
func (d Detection) Took() (took time.Duration, ok bool) {
	return d.After - d.FirstBad, d.BadOnes > 0
}

// String is the decision with its time.
func (d Detection) String() string {
	what := "good"
	if d.Bad {
		what = "bad"
	}
	took, ok := d.Took()
	if !ok {
		return fmt.Sprintf("%s, %s after the change: %s", what, format.Short(d.After), d.Text)
	}
	return fmt.Sprintf("%s, %s after the first bad answer: %s", what, format.Short(took), d.Text)
}

// Parts says what the time from the first bad answer to the decision is made of.
func (d Detection) Parts() string {
	if d.SeenAfter == 0 || d.AskedAfter == 0 || d.BadOnes == 0 {
		return ""
	}
	seen, asked, decided := d.SeenAfter-d.FirstBad, d.AskedAfter-d.SeenAfter, d.After-d.AskedAfter
	return fmt.Sprintf("made of: until the scrape %s, until the query %s, until the decision %s",
		format.Short(seen), format.Short(asked), format.Short(decided))
}

// A detectionClock makes a Detection from samples that come in any order.
type detectionClock struct {
	out            Detection
	canary, cohort string
	// from is when requests begin to count, zero is what the times are counted from.
	from, zero, decided, first time.Time
}

// newDetectionClock starts a clock for a phase's decision, the event e.
func newDetectionClock(spec PhaseSpec, o Observation, e trace.Event) *detectionClock {
	c := &detectionClock{canary: spec.Canary, cohort: spec.Cohort, from: o.Start, zero: o.Start, decided: e.At}
	if o.Change != nil && !o.Change.Written.IsZero() {
		c.from, c.zero = o.Change.Writing, o.Change.Written
	}
	c.out.Decision = *e.Decision
	c.out.After = e.At.Sub(c.zero)
	if !e.Decision.Seen.IsZero() {
		c.out.SeenAfter = e.Decision.Seen.Sub(c.zero)
	}
	if !e.Decision.Asked.IsZero() {
		c.out.AskedAfter = e.Decision.Asked.Sub(c.zero)
	}
	return c
}

// add takes one of the run's samples.
func (c *detectionClock) add(s *loadgen.Sample) {
	mine := c.canary == "" || s.Version == c.canary
	if !mine || c.cohort != "" && s.Cohort != c.cohort || s.Sent.Before(c.from) || s.Done.After(c.decided) {
		return
	}
	c.out.Answers++
	if !s.Failed() {
		return
	}
	c.out.BadOnes++
	if c.first.IsZero() || s.Done.Before(c.first) {
		c.first = s.Done
	}
}

// result is the clock's reading after the last sample.
func (c *detectionClock) result() *Detection {
	if !c.first.IsZero() {
		c.out.FirstBad = c.first.Sub(c.zero)
	}
	return &c.out
}
