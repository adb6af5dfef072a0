package analysis

import (
	"math"
	"slices"
	"time"

	"github.com/canarylab/canarylab/reports/format"
)

// A Curve is the percentile curve of the latency of one version's answers: of all requests that were sent while
// a phase was settled, counted from the moment that each was due, as in Latency.
type Curve struct {
	// Version is who answered, empty for requests that no version answered.
	Version string `json:"version"`
	// N is how many requests it is made of.
	N int `json:"n"`
	// Percents rise from 0 to 100, denser towards 100; LatencyMS has, for each, the latency that so many
	// percent of the requests do not exceed, in milliseconds. The last is the maximum.
	Percents  []float64 `json:"percents"`
	LatencyMS []float64 `json:"latencyMs"`
}

// curveSteps is how many points a Curve has for each tenfold of 1/(1-p): 600,000 requests make 117 points.
const curveSteps = 20

// curve takes the percentile curve. It ends where the next point would be of less than one request.
func (l *latencies) curve(version string) Curve {
	c := Curve{Version: version, N: l.n}
	if l.n == 0 {
		return c
	}
	slices.Sort(l.exact)
	point := func(p float64, d time.Duration) {
		// A millionth of a percent and a microsecond are finer than anything measured.
		c.Percents = append(c.Percents, math.Round(p*1e6)/1e6)
		c.LatencyMS = append(c.LatencyMS, math.Round(format.Milliseconds(d)*1e3)/1e3)
	}
	for k := 0; ; k++ {
		beyond := math.Pow(10, -float64(k)/curveSteps)
		if beyond*float64(l.n) < 1 {
			break
		}
		p := 100 * (1 - beyond)
		point(p, l.at(p))
	}
	point(100, l.max)
	return c
}
