package loadgen

import (
	"math"
	"math/bits"
	"time"
)

// A pacer is Vegeta's clock for one cohort. Vegeta measures from a moment of its own that it does not tell, one
// for each attack. A pacer measures from a moment that all cohorts of a run share, so that the time at which
// each request was due is known, and not reconstructed.
type pacer struct {
	begin time.Time
	// rate is in requests a second. schedule has the factor on it, nil for 1 from the first request to the last.
	rate     float64
	schedule *schedule
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
	shape, _ := p.schedule.now()
	return p.offsetBy(shape, seq)
}

func (p *pacer) offsetBy(shape *Shape, seq uint64) time.Duration {
	n := uint64(p.cohorts)
	if shape == nil && p.rate == math.Trunc(p.rate) {
		// With many cohorts, 6 hours at the highest rate are more than 64 bits of nanoseconds before the division. The
		// quotient is not: seq / rate is a number of seconds.
		high, low := bits.Mul64(seq*n+uint64(p.cohort)+1, uint64(time.Second))
		offset, _ := bits.Div64(high, low, uint64(p.rate)*n)
		return time.Duration(offset)
	}
	return shape.when(float64(seq*n+uint64(p.cohort)+1) / float64(n) / p.rate)
}

func (p *pacer) due(seq uint64) time.Time { return p.begin.Add(p.offset(seq)) }

// Pace implements vegeta.Pacer. It waits until the next request is due, or returns that there is none. It waits
// itself, because Vegeta's own wait can't be interrupted: a stopped run would send once more in each cohort, up
// to 1 s late. It waits for a short time at once, as the schedule may get another rate meanwhile.
func (p *pacer) Pace(_ time.Duration, hits uint64) (wait time.Duration, stop bool) {
	for {
		shape, certain := p.schedule.now()
		offset := p.offsetBy(shape, p.share.number(hits))
		due := p.begin.Add(offset)
		switch {
		case offset > p.duration:
			return 0, true
		case due.After(certain):
			if !p.alarm.wait(certain) {
				return 0, true
			}
		default:
			return 0, !p.alarm.wait(due)
		}
	}
}

// Rate implements vegeta.Pacer.
func (p *pacer) Rate(time.Duration) float64 { return p.rate }
