package calibrate

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
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
	// received counts by pod, as the apps would.
	received map[string]uint64
}

// stable is the pod of v1.
const stable = "v1-pod"

// life names the life of a pod's app. A serial number ends it at a dash.
func life(pod string) string { return strings.ReplaceAll(pod, "-", "") }

// canaryPod names the canary's i-th pod, counted from 0.
func canaryPod(i int) string { return fmt.Sprintf("v2-pod-%d", i) }

// A rule says what happens to a cohort's requests.
type rule struct {
	random *rand.Rand
	// share is the canary's share of the requests that a proxy decides on while it has any of the canary's pods left.
	share float64
	// until is, by proxy and pod, when the proxy loses the pod. Requests go to proxies in turn.
	until [][]time.Time
	// last is when the canary got a request for the last time.
	last time.Time
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
			answered: map[string]int{}, until: make([][]time.Time, max(c.proxies, 1)),
		}
		for k := range w.cohorts[c.name()].until {
			w.cohorts[c.name()].until[k] = make([]time.Time, max(c.pods, 1))
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
	id := r.Header.Get("X-Request-Id")
	seq, err := strconv.Atoi(id[strings.LastIndexByte(id, '-')+1:])
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	w.mu.Lock()
	rule := w.cohorts[r.Header.Get(cohortHeader)]
	// This is the decision: one moment, one draw, whatever the machine does before and after it.
	version, pod := "v1", stable
	now := time.Now()
	i, canary := rule.pick(seq, now)
	if canary {
		version, pod, rule.last = "v2", canaryPod(i), now
	}
	failed := canary && rule.broken
	kind := version
	if failed {
		kind = "503"
	}
	rule.answered[kind]++
	w.received[pod]++
	serial := sampleapp.Serial(life(pod), w.received[pod])
	delay := rule.delay
	w.mu.Unlock()

	if delay > 0 {
		time.Sleep(delay)
	}
	h := rw.Header()
	h.Set(sampleapp.VersionHeader, version)
	h.Set(sampleapp.PodHeader, pod)
	h.Set(sampleapp.SerialHeader, serial)
	if failed {
		rw.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = rw.Write([]byte("truth\n"))
}

// pick returns which of the canary's pods gets a request that is decided on now, and whether any does.
func (r *rule) pick(seq int, now time.Time) (pod int, canary bool) {
	var left []int
	for i, until := range r.until[seq%len(r.until)] {
		if now.Before(until) {
			left = append(left, i)
		}
	}
	if len(left) == 0 || r.random.Float64() >= r.share {
		return 0, false
	}
	return left[r.random.IntN(len(left))], true
}

// reset has every proxy lose every pod at one moment.
func (r *rule) reset(until time.Time) {
	for _, pods := range r.until {
		for i := range pods {
			pods[i] = until
		}
	}
}

// leave has the proxies lose the pods one after the other, in any order: the first at a moment, the last so long
// after it. It returns when that is.
func (r *rule) leave(random *rand.Rand, first time.Time, spread time.Duration) time.Time {
	pods := len(r.until[0])
	n := len(r.until) * pods
	for i, k := range random.Perm(n) {
		at := first
		if n > 1 {
			at = at.Add(spread * time.Duration(i) / time.Duration(n-1))
		}
		r.until[k/pods][k%pods] = at
	}
	if n == 1 {
		return first
	}
	return first.Add(spread)
}

// last returns when the canary got a request of a cohort for the last time.
func (w *truth) last(cohort string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cohorts[cohort].last
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
	for pod, n := range w.received {
		version := "v2"
		if pod == stable {
			version = "v1"
		}
		all = append(all, trace.Pod{
			Name: pod, Role: trace.AppRole, Version: version,
			Instances: []trace.Instance{{Name: life(pod), Received: n, Final: true}},
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
