package reports

import (
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// tail95 is -ln(0.05), rounded up: a gap between two events of a Poisson process is longer than tail95 times its mean
// in less than 5 % of cases.
const tail95 = 3.0

// A Rollback times the way back from a canary. A request is affected if the canary answered it or if it failed. All
// times are counted from Change.Written, the moment that the API server had accepted the old manifest again, and are
// never below 0.
//
// What a caller can know is limited by how often it asks: affected requests came at a rate of rate times share before
// the write, so that between the true switch and the last affected request before it lies a gap that is distributed
// exponentially, with a mean of 1/(rate * share) (Resolution).
type Rollback struct {
	// Canary and Cohort are those of the PhaseSpec.
	Canary string `json:"canary,omitempty"`
	Cohort string `json:"cohort,omitempty"`
	// Before is the share of affected requests while the phase before the rollback was settled. Rate is how many
	// requests, affected or not, were sent in a second then.
	Before Share   `json:"before"`
	Rate   float64 `json:"rate"`
	// Resolution is the mean time between two affected requests before the write: 1/(Rate * Before). 0 means that no
	// request was affected before, so that there was nothing to time.
	Resolution time.Duration `json:"resolutionNs"`
	// Route is until the last affected request was sent, Drain until the last affected request was done.
	Route time.Duration `json:"routeNs"`
	Drain time.Duration `json:"drainNs"`
	// Bound is Route + 3 * Resolution: the mesh routed no request the old way after it, with 95 % confidence
	// (one-sided). 0 where Resolution is 0.
	Bound time.Duration `json:"boundNs"`
	// NoneAfter tells that no affected request was sent after the write was accepted: Route is 0 by rule.
	NoneAfter bool `json:"noneAfter"`
	// Clean is how long the watch went on after the last affected request, or after Written where that is later. Less
	// than 3 * Resolution does not show that the rollback worked.
	Clean time.Duration `json:"cleanNs"`
	// Failed and Canaries are what the rollback cost: requests that failed, and answers of the canary that did not
	// fail, among those sent from Written to the end of the phase.
	Failed   int `json:"failed"`
	Canaries int `json:"canaries"`
	// Strays counts the affected requests among them that were sent when every proxy already held the old route.
	Strays int `json:"strays"`
}

// Known tells whether there was anything to time.
func (r Rollback) Known() bool { return r.Resolution > 0 }

// Recovered tells whether the phase was watched for long enough after the last affected request to say that it was the
// last: with 95 % confidence another would have been seen.
func (r Rollback) Recovered() bool {
	return r.Known() && float64(r.Clean) >= tail95*float64(r.Resolution)
}

// clock times a rollback. before is the settled window of the phase before it.
func clock(samples []loadgen.Sample, spec PhaseSpec, before Window, o Observation) *Rollback {
	r := &Rollback{Canary: spec.Canary, Cohort: spec.Cohort}
	written := o.Change.Written
	requests, affected := 0, 0
	last, drained := written, written
	for i := range samples {
		s := &samples[i]
		if spec.Cohort != "" && s.Cohort != spec.Cohort || !s.Sent.Before(o.End) {
			continue
		}
		canary := spec.Canary != "" && s.Version == spec.Canary
		bad := canary || s.Failed()
		if before.contains(s.Sent) {
			requests++
			if bad {
				affected++
			}
		}
		if !bad {
			continue
		}
		// A request from before the write may still be under way after it.
		if s.Done.After(drained) {
			drained = s.Done
		}
		if s.Sent.Before(written) {
			continue
		}
		if s.Failed() {
			r.Failed++
		} else {
			r.Canaries++
		}
		if o.Settled.contains(s.Sent) {
			r.Strays++
		}
		if s.Sent.After(last) {
			last = s.Sent
		}
	}
	r.Before = NewShare(affected, requests)
	if open := before.Took(); open > 0 {
		r.Rate = float64(requests) / open.Seconds()
		if affected > 0 {
			r.Resolution = open / time.Duration(affected)
		}
	}
	r.NoneAfter = r.Failed+r.Canaries == 0
	r.Route, r.Drain = last.Sub(written), drained.Sub(written)
	r.Clean = max(o.End.Sub(last), 0)
	if r.Known() {
		r.Bound = r.Route + time.Duration(tail95*float64(r.Resolution))
	}
	return r
}
