package reports

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"
)

func TestNewLatency(t *testing.T) {
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
		if got := newLatency(test.all); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestLatencyJSON(t *testing.T) {
	want := Latency{3, 960 * time.Microsecond, 1234567 * time.Nanosecond, 2 * time.Second, 3*time.Hour + 1, 5*time.Hour + 7}
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
