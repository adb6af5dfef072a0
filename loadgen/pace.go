package loadgen

import (
	"math"
	"time"
)

// A pacer is Vegeta's clock for one cohort. Vegeta measures from a moment of its own that it does not tell, one
// for each attack. A pacer measures from a moment that all cohorts of a run share, so that the time at which
// each request was due is known, and not reconstructed.
type pacer struct {
	begin time.Time
	// rate is in requests a second. shape is a factor on it.
	rate  float64
	shape *Shape
	// cohort is the number of this one among cohorts. It staggers cohorts of equal rate evenly over their
	// interval. In lockstep, all would wait for the same core at the same moment.
	cohort, cohorts int
	duration        time.Duration
	// share says which of the cohort's requests are this agent's.
	share share
	alarm *alarm
}

// offset returns when request seq, counted from 0, is due after begin: (seq + (cohort+1)/cohorts) / rate,
// stretched by the shape. For a single cohort it is (seq+1)/rate, as in Vegeta's ConstantPacer, which however
// rounds the interval to whole nanoseconds. offset rounds its result down to a whole nanosecond. A request
// after the end of the longest run is never due.
func (p *pacer) offset(seq uint64) time.Duration {
	n := uint64(p.cohorts)
	if p.shape == nil && p.rate == math.Trunc(p.rate) {
		// Within a Plan's bounds the numerator is below 2^63: 6 hours at the highest rate, 16 cohorts, in nanoseconds.
		return time.Duration((seq*n + uint64(p.cohort) + 1) * uint64(time.Second) / (uint64(p.rate) * n))
	}
	return p.shape.when(float64(seq*n+uint64(p.cohort)+1) / float64(n) / p.rate)
}

func (p *pacer) due(seq uint64) time.Time { return p.begin.Add(p.offset(seq)) }

// Pace implements vegeta.Pacer. It waits until the next request is due, or returns that there is none. It waits
// itself, because Vegeta's own wait can't be interrupted: a stopped run would send once more in each cohort, up
// to 1 s late.
func (p *pacer) Pace(_ time.Duration, hits uint64) (wait time.Duration, stop bool) {
	offset := p.offset(p.share.number(hits))
	if offset > p.duration || !p.alarm.wait(p.begin.Add(offset)) {
		return 0, true
	}
	return 0, false
}

// Rate implements vegeta.Pacer.
func (p *pacer) Rate(time.Duration) float64 { return p.rate }
