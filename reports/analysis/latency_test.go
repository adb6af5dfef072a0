package analysis

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestLatencyOfFew(t *testing.T) {
	thousand := make([]time.Duration, 1000)
	for i, k := range rand.New(rand.NewPCG(1, 1)).Perm(1000) {
		thousand[i] = time.Duration(k+1) * time.Millisecond
	}
	const x = time.Millisecond
	for _, test := range []struct {
		name string
		all  []time.Duration
		want Latency
	}{
		{"none", nil, Latency{}},
		{"one", []time.Duration{7 * x}, Latency{1, 7 * x, 7 * x, 7 * x, 7 * x, 7 * x}},
		{"two", []time.Duration{9 * x, 1 * x}, Latency{2, 1 * x, 9 * x, 9 * x, 9 * x, 9 * x}},
		{"thousand", thousand, Latency{1000, 500 * x, 900 * x, 990 * x, 999 * x, 1000 * x}},
	} {
		var l latencies
		for _, d := range test.all {
			l.add(d)
		}
		if got := l.latency(); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

// Of many, percentiles are within 0.1 % of the exact ones, and the maximum is exact.
func TestLatencyOfMany(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var l latencies
	var all []time.Duration
	for range 5 * exactLatencies {
		d := time.Duration(random.ExpFloat64() * float64(20*time.Millisecond))
		all = append(all, d)
		l.add(d)
	}
	slices.Sort(all)
	got := l.latency()
	for p, d := range map[float64]time.Duration{50: got.P50, 90: got.P90, 99: got.P99, 99.9: got.P999} {
		want := percentile(all, p)
		if off := float64(d-want) / float64(want); off < -0.001 || off > 0.001 {
			t.Errorf("p%g: got %s, want %s within 0.1 %%", p, d, want)
		}
	}
	if got.Max != all[len(all)-1] || got.N != len(all) {
		t.Errorf("got %d with a maximum of %s, want %d with %s", got.N, got.Max, len(all), all[len(all)-1])
	}
}

func TestLatencyJSON(t *testing.T) {
	want := Latency{
		3, 960 * time.Microsecond, 1234567 * time.Nanosecond, 2 * time.Second, 3*time.Hour + 1, 5*time.Hour + 7,
	}
	b, err := json.Marshal(Latency{N: 1, P50: 960 * time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(b), `{"n":1,"p50Ms":0.96,"p90Ms":0,"p99Ms":0,"p999Ms":0,"maxMs":0}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	b, err = json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Latency
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("round trip: got %+v, want %+v", got, want)
	}
}

// Latencies that were collected apart are the same as those that were collected together, exact or rounded.
func TestMergedLatencies(t *testing.T) {
	for _, sizes := range [][]int{
		{10, 20}, {exactLatencies - 5, 10}, {5, exactLatencies + 10}, {exactLatencies + 10, 5},
		{exactLatencies + 1, exactLatencies + 1}, {0, 3},
	} {
		together, merged := &latencies{}, &latencies{}
		for part, n := range sizes {
			apart := &latencies{}
			for i := range n {
				d := time.Duration(i*(part+1)) * 37 * time.Microsecond
				together.add(d)
				apart.add(d)
			}
			merged.merge(apart)
		}
		if got, want := merged.latency(), together.latency(); got != want {
			t.Errorf("%v: got %+v, want %+v", sizes, got, want)
		}
	}
}
