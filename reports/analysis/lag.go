package analysis

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/canarylab/canarylab/loadgen"
)

// A Lag gathers how much later than due requests of a cohort were sent. It is what MaxLagP99 limits.
type Lag struct {
	max time.Duration
	all *hdrhistogram.Histogram
}

// NewLag is one without a request.
func NewLag() *Lag { return &Lag{all: hdrhistogram.New(1, longestLatency, 3)} }

// Add takes a request.
func (l *Lag) Add(s *loadgen.Sample) {
	lag := s.Sent.Sub(s.Due)
	l.max = max(l.max, lag)
	_ = l.all.RecordValue(min(max(lag.Microseconds(), 0), longestLatency))
}

// Max is the longest, 0 for none.
func (l *Lag) Max() time.Duration { return l.max }

// P99 is within 0.1 %. A quantile is the upper edge of its class, which may lie above the true maximum.
func (l *Lag) P99() time.Duration {
	return min(time.Duration(l.all.ValueAtQuantile(99))*time.Microsecond, l.max)
}
