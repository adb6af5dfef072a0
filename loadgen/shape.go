package loadgen

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// A Shape changes the rate of all cohorts over the time of a run. It is a factor on each cohort's rate. Exactly
// one of its fields is set. Without a Shape the factor is 1.
type Shape struct {
	// Steps are factors that hold from a moment on. The first one holds from 0.
	Steps []Stage `json:"steps,omitempty"`
	Ramp  *Ramp   `json:"ramp,omitempty"`
	Sine  *Sine   `json:"sine,omitempty"`
}

// A Stage is one step: Factor holds from At, counted from the start of the load, until the next one. With 0
// nothing is sent.
type Stage struct {
	At     time.Duration `json:"atNs"`
	Factor float64       `json:"factor"`
}

// A Ramp goes in a straight line from one factor to another, and stays there.
type Ramp struct {
	From float64       `json:"from"`
	To   float64       `json:"to"`
	Over time.Duration `json:"overNs"`
}

// A Sine swings around 1 by Amplitude, which is less than 1. It begins upwards.
type Sine struct {
	Amplitude float64       `json:"amplitude"`
	Period    time.Duration `json:"periodNs"`
}

// String is the shape in words.
func (s *Shape) String() string {
	switch {
	case s == nil:
		return "constant"
	case s.Ramp != nil:
		return fmt.Sprintf("ramp from %g to %g times the rate over %s", s.Ramp.From, s.Ramp.To, s.Ramp.Over)
	case s.Sine != nil:
		return fmt.Sprintf("sine of %g times the rate and a period of %s", s.Sine.Amplitude, s.Sine.Period)
	}
	return fmt.Sprintf("%d steps", len(s.Steps))
}

// validate returns all that is wrong, by JSON name.
func (s *Shape) validate() (errs []error) {
	if s == nil {
		return nil
	}
	set := 0
	for _, is := range []bool{len(s.Steps) > 0, s.Ramp != nil, s.Sine != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		errs = append(errs, fmt.Errorf("want exactly one of steps, ramp and sine, got %d", set))
	}
	if n := len(s.Steps); n > maxSteps {
		errs = append(errs, fmt.Errorf("steps: got %d, want up to %d", n, maxSteps))
	}
	factor := func(name string, f float64) {
		if !(f >= 0 && f <= maxFactor) {
			errs = append(errs, fmt.Errorf("%s: %g is not 0 to %g", name, f, float64(maxFactor)))
		}
	}
	for i, step := range s.Steps {
		factor(fmt.Sprintf("steps[%d].factor", i), step.Factor)
		if i == 0 && step.At != 0 || i > 0 && step.At <= s.Steps[i-1].At {
			const early = "steps[%d].atNs: %s is not later than the step before; the first is at 0"
			errs = append(errs, fmt.Errorf(early, i, step.At))
		}
	}
	if r := s.Ramp; r != nil {
		factor("ramp.from", r.From)
		factor("ramp.to", r.To)
		if r.Over <= 0 {
			errs = append(errs, fmt.Errorf("ramp.overNs: %s is not more than 0", r.Over))
		}
		if r.From+r.To == 0 {
			errs = append(errs, errors.New("ramp: it sends nothing"))
		}
	}
	if w := s.Sine; w != nil {
		if !(w.Amplitude > 0 && w.Amplitude < 1) {
			errs = append(errs, fmt.Errorf("sine.amplitude: %g is not between 0 and 1", w.Amplitude))
		}
		if w.Period <= 0 {
			errs = append(errs, fmt.Errorf("sine.periodNs: %s is not more than 0", w.Period))
		}
	}
	return errs
}

const (
	// maxFactor catches a slip of the finger, such as a rate in place of a factor.
	maxFactor = 1000
	// maxSteps bounds the cost of finding when a request is due: 45 looks at the steps, some 10 µs for 100 of them.
	maxSteps = 100
)

// peak returns the highest factor.
func (s *Shape) peak() float64 {
	switch {
	case s == nil:
		return 1
	case s.Ramp != nil:
		return max(s.Ramp.From, s.Ramp.To)
	case s.Sine != nil:
		return 1 + s.Sine.Amplitude
	}
	top := 0.0
	for _, step := range s.Steps {
		top = max(top, step.Factor)
	}
	return top
}

// area returns the integral of the factor from 0 to t, both in seconds. A load of factor 1 takes so long for
// the same number of requests.
func (s *Shape) area(t float64) float64 {
	switch {
	case s == nil:
		return t
	case s.Ramp != nil:
		over := s.Ramp.Over.Seconds()
		u := min(t, over)
		return s.Ramp.From*u + (s.Ramp.To-s.Ramp.From)*u*u/(2*over) + s.Ramp.To*max(t-over, 0)
	case s.Sine != nil:
		w := 2 * math.Pi / s.Sine.Period.Seconds()
		return t + s.Sine.Amplitude/w*(1-math.Cos(w*t))
	}
	sum := 0.0
	for i, step := range s.Steps {
		from, to := step.At.Seconds(), t
		if from >= t {
			break
		}
		if i+1 < len(s.Steps) {
			to = min(t, s.Steps[i+1].At.Seconds())
		}
		sum += step.Factor * (to - from)
	}
	return sum
}

// never is when a request is due that is not due within a plan's longest duration.
const never = time.Duration(math.MaxInt64)

// when is the inverse of area: it returns the nanosecond in which that area is first reached, or never.
//
// It searches with area itself, on whole nanoseconds, and rounds down as the clock does. So the requests that
// are due before a moment are exactly those with less than that moment's area. Steps and the ramp have a closed
// form of the inverse, but it would round in its own way and put a request on the other side of a moment that
// Expected counts from.
func (s *Shape) when(area float64) time.Duration {
	before, by := time.Duration(0), MaxDuration
	if s.area(by.Seconds()) < area {
		return never
	}
	// 6 hours take 45 halvings.
	for by-before > 1 {
		if mid := before + (by-before)/2; s.area(mid.Seconds()) < area {
			before = mid
		} else {
			by = mid
		}
	}
	if s.area(by.Seconds()) > area {
		return before
	}
	return by
}
