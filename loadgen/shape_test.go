package loadgen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync"
	"testing"
	"time"
)

var shapes = map[string]*Shape{
	"constant":        nil,
	"steps":           {Steps: []Stage{{0, 0.5}, {2 * time.Second, 3}, {5 * time.Second, 1}}},
	"pause":           {Steps: []Stage{{0, 1}, {time.Second, 0}, {3 * time.Second, 2}}},
	"ends":            {Steps: []Stage{{0, 1}, {4 * time.Second, 0}}},
	"ramp up":         {Ramp: &Ramp{From: 0, To: 2, Over: 6 * time.Second}},
	"ramp down":       {Ramp: &Ramp{From: 2, To: 0.1, Over: 3 * time.Second}},
	"sine":            {Sine: &Sine{Amplitude: 0.9, Period: 2 * time.Second}},
	"sine, long wave": {Sine: &Sine{Amplitude: 0.5, Period: time.Minute}},
}

// As many requests are due between two moments as Expected says, to within one, and they are due in order.
func TestShapesSendWhatIsExpected(t *testing.T) {
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			p := Plan{Rate: 333, Shape: shape, Cohorts: []Cohort{{Name: "a", Weight: 2}, {Name: "b", Weight: 1}}}
			pace := &pacer{rate: p.RateOf("b"), schedule: &schedule{shape: shape}, cohort: 1, cohorts: 2}
			if pace.rate != 111 {
				t.Fatalf("got a rate of %g, want 111", pace.rate)
			}
			const until = 10 * time.Second
			var due []time.Duration
			for seq := uint64(0); ; seq++ {
				at := pace.offset(seq)
				if at > until {
					break
				}
				if n := len(due); n > 0 && at < due[n-1] {
					t.Fatalf("request %d is due at %s, before the one before it (%s)", seq, at, due[n-1])
				}
				due = append(due, at)
			}
			for from := time.Duration(0); from < until; from += 700 * time.Millisecond {
				for to := from; to <= until; to += 900 * time.Millisecond {
					n := 0
					for _, at := range due {
						if at >= from && at < to {
							n++
						}
					}
					// The rest is for floating point. What is due is exact, see TestShapeIsItsOwnInverse.
					if want := p.Expected("b", from, to); math.Abs(float64(n)-want) > 1+1e-9 {
						t.Errorf("from %s to %s: got %d due, want %.2f", from, to, n, want)
					}
				}
			}
		})
	}
}

func TestShapeIsItsOwnInverse(t *testing.T) {
	for name, s := range shapes {
		for x := 0.001; x < 60; x *= 1.37 {
			at := s.when(x)
			if at == never {
				if name != "ends" {
					t.Errorf("%s: an area of %g is never reached", name, x)
				}
				continue
			}
			// The factors here are up to 3, so that a nanosecond makes no more difference than this.
			if got := s.area(at.Seconds()); got > x || x-got > 3.1e-9 {
				t.Errorf("%s: got area %g at %s, want the last nanosecond of %g", name, got, at, x)
			}
		}
	}
}

// A factor of 1 is like no shape, to the nanosecond, also for a rate that is not a whole number.
func TestFactorOfOneChangesNothing(t *testing.T) {
	flat := &Shape{Steps: []Stage{{0, 1}}}
	for _, rate := range []float64{1.5, 3, 111, 1000, 100.0 / 7, MaxRate} {
		plain, shaped := &pacer{rate: rate, cohorts: 3, cohort: 1}, &pacer{
			rate: rate, cohorts: 3, cohort: 1, schedule: &schedule{shape: flat},
		}
		for seq := uint64(0); seq < uint64(rate*3000); seq += uint64(rate)*7 + 1 {
			// A rate in floating point is off by one part in 2^53.
			if got, want := shaped.offset(seq), plain.offset(seq); got != want && (got-want).Abs() > time.Nanosecond {
				t.Fatalf("rate %g, request %d: got %s, want %s", rate, seq, got, want)
			}
		}
	}
}

// A cohort whose share is next to nothing sends next to nothing.
func TestTinyWeightIsNeverDue(t *testing.T) {
	p := plan("http://a/", MaxDuration, Cohort{Name: "most", Weight: 1}, Cohort{Name: "few", Weight: 1e-12})
	p.Rate = 1
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	pace := &pacer{rate: p.RateOf("few"), cohort: 1, cohorts: 2}
	if got := pace.offset(0); got <= p.Duration {
		t.Errorf("the first request is due at %s, want it after %s", got, p.Duration)
	}
}

func TestShapesAreValidated(t *testing.T) {
	for name, s := range shapes {
		p := validPlan()
		p.Shape = s
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var got Plan
		if err := json.Unmarshal(b, &got); err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%s: got %+v back, %v, want %+v", name, got, err, p)
		}
		if s.String() == "" {
			t.Errorf("%s: it has no words", name)
		}
	}
}

// The body is on the wire as it was asked for, the same one for each request and for each run with the same seed.
func TestMethodAndBody(t *testing.T) {
	var mu sync.Mutex
	bodies, conns := map[string]int{}, map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var b bytes.Buffer
		_, _ = b.ReadFrom(r.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies[r.Method+" "+b.String()]++
		conns[r.RemoteAddr] = true
	}))
	defer server.Close()
	p := plan(server.URL+"/", 200*time.Millisecond, Cohort{Name: "a", Rate: 100})
	p.Method, p.Body, p.Seed, p.FreshConnections = http.MethodPost, &Body{Size: 1000}, 7, true
	s := play(t, p)
	want := "POST " + string(p.Body.bytes(7))
	if len(want) != 1005 || len(bodies) != 1 || bodies[want] != 20 || len(s.samples) != 20 {
		t.Errorf("got %d samples and bodies %v, want 20 of one of 1,000 bytes", len(s.samples), bodies)
	}
	if len(conns) != 20 {
		t.Errorf("got %d connections, want a fresh one for each of 20 requests", len(conns))
	}
	if bytes.Equal(p.Body.bytes(7), p.Body.bytes(8)) {
		t.Error("another seed draws the same body")
	}
	for _, x := range s.samples {
		if x.Code != 200 {
			t.Fatalf("got %+v, want an answer", x)
		}
	}
}

// The agent follows the shape of its plan.
func TestAttackFollowsTheShape(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	p := plan(server.URL+"/", time.Second, Cohort{Name: "a", Weight: 3}, Cohort{Name: "b", Weight: 1})
	p.Rate, p.Shape = 80, &Shape{Steps: []Stage{{0, 1}, {500 * time.Millisecond, 3}}}
	s := play(t, p)
	count := map[string]int{}
	for _, x := range s.samples {
		half := 1
		if x.Due.Sub(s.begin.Start) > 500*time.Millisecond {
			half = 2
		}
		count[fmt.Sprint(x.Cohort, half)]++
	}
	for half, want := range map[string]int{"a1": 30, "a2": 90, "b1": 10, "b2": 30} {
		if got := count[half]; got < want-1 || got > want+1 {
			t.Errorf("%s: got %d requests, want %d: %v", half, got, want, count)
		}
	}
}
