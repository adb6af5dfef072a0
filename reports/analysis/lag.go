package analysis

import (
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// A Lag gathers how much later than due requests of a cohort were sent. It is what MaxLagP99 limits.
type Lag struct{ all latencies }

// NewLag is one without a request.
func NewLag() *Lag { return &Lag{} }

// Add takes a request.
func (l *Lag) Add(s *loadgen.Sample) {
	l.all.add(max(s.Sent.Sub(s.Due), 0))
}

// Max is the longest, 0 for none.
func (l *Lag) Max() time.Duration { return l.all.max }

// P99 is exact for up to exactLatencies requests, and within 0.1 % for more.
func (l *Lag) P99() time.Duration { return l.all.latency().P99 }
