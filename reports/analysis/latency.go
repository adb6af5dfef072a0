package analysis

import (
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/canarylab/canarylab/reports/format"
)

// Latency holds percentiles of all requests of one kind, counted from the moment that each was due. For up to
// exactLatencies requests they are exact: each is the latency of one of the requests (nearest rank). For more requests
// they come from an HDR histogram, within 0.1 %, and only Max is exact. In JSON they are in milliseconds.
type Latency struct {
	N                        int
	P50, P90, P99, P999, Max time.Duration
}

// latencyJSON is Latency in a file.
type latencyJSON struct {
	N    int     `json:"n"`
	P50  float64 `json:"p50Ms"`
	P90  float64 `json:"p90Ms"`
	P99  float64 `json:"p99Ms"`
	P999 float64 `json:"p999Ms"`
	Max  float64 `json:"maxMs"`
}

// MarshalJSON writes milliseconds.
func (l Latency) MarshalJSON() ([]byte, error) {
	ms := format.Milliseconds
	return json.Marshal(latencyJSON{l.N, ms(l.P50), ms(l.P90), ms(l.P99), ms(l.P999), ms(l.Max)})
}

// UnmarshalJSON reads milliseconds.
func (l *Latency) UnmarshalJSON(b []byte) error {
	var j latencyJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	d := format.FromMilliseconds
	*l = Latency{j.N, d(j.P50), d(j.P90), d(j.P99), d(j.P999), d(j.Max)}
	return nil
}

const (
	// exactLatencies bounds the memory of one kind: 80 kB, half of what a histogram takes.
	exactLatencies = 10_000
	// longestLatency is a histogram's range, in microseconds: far above a request's longest timeout.
	longestLatency = int64(10 * time.Minute / time.Microsecond)
)

// latencies collects latencies in bounded memory.
type latencies struct {
	n     int
	max   time.Duration
	exact []time.Duration
	hist  *hdrhistogram.Histogram
}

func (l *latencies) add(d time.Duration) {
	l.n++
	l.max = max(l.max, d)
	if l.hist == nil && len(l.exact) < exactLatencies {
		l.exact = append(l.exact, d)
		return
	}
	l.round()
	l.record(d)
}

// round replaces the exact latencies by a histogram.
func (l *latencies) round() {
	if l.hist != nil {
		return
	}
	l.hist = hdrhistogram.New(1, longestLatency, 3)
	for _, e := range l.exact {
		l.record(e)
	}
	l.exact = nil
}

// merge adds those of other, which stays as it is.
func (l *latencies) merge(other *latencies) {
	for _, d := range other.exact {
		l.add(d)
	}
	if other.hist == nil {
		return
	}
	l.round()
	l.hist.Merge(other.hist) // both have the same range: nothing is dropped
	l.n, l.max = l.n+other.n, max(l.max, other.max)
}

// record puts d into the histogram. A latency beyond the histogram's range counts as the longest of that range; max has
// the true one.
func (l *latencies) record(d time.Duration) {
	_ = l.hist.RecordValue(min(max(d.Microseconds(), 0), longestLatency))
}

// at is a percentile. exact has to be sorted.
func (l *latencies) at(p float64) time.Duration {
	if l.hist == nil {
		return percentile(l.exact, p)
	}
	// The upper edge of a class may lie above the true maximum.
	return min(time.Duration(l.hist.ValueAtQuantile(p))*time.Microsecond, l.max)
}

// latency takes the percentiles.
func (l *latencies) latency() Latency {
	slices.Sort(l.exact)
	return Latency{N: l.n, P50: l.at(50), P90: l.at(90), P99: l.at(99), P999: l.at(99.9), Max: l.max}
}

// percentile is the smallest of the sorted values that at least p percent of them do not exceed (nearest rank), 0 where
// there are none.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	// The small subtraction undoes rounding: 99.9 % of 1,000 is rank 999, not 1,000.
	rank := int(math.Ceil(p*float64(len(sorted))/100 - 1e-9))
	return sorted[max(rank, 1)-1]
}
