package calibrate

import (
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports/trace"
	"github.com/canarylab/canarylab/sampleapp"
)

// cohortHeader tells the truth which cohort a request belongs to.
const cohortHeader = "X-Cohort"

// A truth answers the load as a mesh with two versions would, and knows what it did and when. It decides on
// each request at one moment, by the monotonic clock.
type truth struct {
	url string

	mu      sync.Mutex
	cohorts map[string]*rule
	// received counts by version, as the apps would.
	received map[string]uint64
}

// A rule says what happens to a cohort's requests.
type rule struct {
	random *rand.Rand
	// share is the canary's share of the requests that are decided on before until.
	share float64
	until time.Time
	// broken makes the canary fail.
	broken bool
	delay  time.Duration
	// answered counts the decisions: "v1", "v2" or "503".
	answered map[string]int
}

// newTruth listens on loopback until the test ends.
func newTruth(t testing.TB, seed uint64, cohorts ...cell) *truth {
	t.Helper()
	w := &truth{cohorts: map[string]*rule{}, received: map[string]uint64{}}
	for i, c := range cohorts {
		w.cohorts[c.name()] = &rule{
			random: rand.New(rand.NewPCG(seed, uint64(i))), share: c.share, broken: c.broken,
			answered: map[string]int{},
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: w}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	w.url = "http://" + l.Addr().String() + "/"
	return w
}

// ServeHTTP implements http.Handler.
func (w *truth) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	rule := w.cohorts[r.Header.Get(cohortHeader)]
	// This is the decision: one moment, one draw, whatever the machine does before and after it.
	canary := time.Now().Before(rule.until) && rule.random.Float64() < rule.share
	version := "v1"
	if canary {
		version = "v2"
	}
	failed := canary && rule.broken
	kind := version
	if failed {
		kind = "503"
	}
	rule.answered[kind]++
	w.received[version]++
	serial := sampleapp.Serial("life"+version, w.received[version])
	delay := rule.delay
	w.mu.Unlock()

	if delay > 0 {
		time.Sleep(delay)
	}
	h := rw.Header()
	h.Set(sampleapp.VersionHeader, version)
	h.Set(sampleapp.PodHeader, version+"-pod")
	h.Set(sampleapp.SerialHeader, serial)
	if failed {
		rw.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = rw.Write([]byte("truth\n"))
}

// set changes a cohort's rule.
func (w *truth) set(cohort string, change func(*rule)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w.cohorts[cohort])
}

// pods returns the apps' pods as the lab would find them: without sidecars, counted to the last request.
func (w *truth) pods() []trace.Pod {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []trace.Pod
	for _, v := range []string{"v1", "v2"} {
		all = append(all, trace.Pod{
			Name: v + "-pod", Role: trace.AppRole, Version: v,
			Instances: []trace.Instance{{Name: "life" + v, Received: w.received[v], Final: true}},
		})
	}
	return all
}

// counts returns a cohort's decisions.
func (w *truth) counts(cohort string) map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]int{}
	for k, n := range w.cohorts[cohort].answered {
		out[k] = n
	}
	return out
}
