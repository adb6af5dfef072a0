package reports

import (
	"encoding/json"
	"math"
	"slices"
	"time"
)

// Latency holds percentiles of all requests of one kind, counted from the moment that each was due. They are exact: each
// is the latency of one of the requests (nearest rank), none is interpolated or read from a histogram. In JSON they are
// in milliseconds.
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
	return json.Marshal(latencyJSON{l.N, ms(l.P50), ms(l.P90), ms(l.P99), ms(l.P999), ms(l.Max)})
}

// UnmarshalJSON reads milliseconds.
func (l *Latency) UnmarshalJSON(b []byte) error {
	var j latencyJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*l = Latency{j.N, fromMS(j.P50), fromMS(j.P90), fromMS(j.P99), fromMS(j.P999), fromMS(j.Max)}
	return nil
}

// newLatency takes the percentiles of all, and sorts it.
func newLatency(all []time.Duration) Latency {
	slices.Sort(all)
	return Latency{
		N:   len(all),
		P50: percentile(all, 50), P90: percentile(all, 90), P99: percentile(all, 99),
		P999: percentile(all, 99.9), Max: percentile(all, 100),
	}
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

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func fromMS(f float64) time.Duration { return time.Duration(math.Round(f * float64(time.Millisecond))) }
