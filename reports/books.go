package reports

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

const (
	// RateTolerance is how far a cohort's rate may be off its plan, as a fraction of it. More is no longer the load
	// that the report names.
	RateTolerance = 0.005
	// silence is how long before LoadStop a cohort's last request may lie, beside two of its own periods.
	silence = time.Second
)

// A BooksSpec says what the books must show.
type BooksSpec struct {
	Plan loadgen.Plan
	// Unlogged names cohorts whose callers have no proxy that logs, such as a pod without a sidecar.
	Unlogged []string
	// Retried tells that the mesh may send one request to the app more than once, so that the app may have received
	// more than was answered.
	Retried bool
}

// Books compare what three parties counted of the same requests: the caller, the caller's proxy and the app. Where they
// differ, some of the data is missing or wrong, and the run is Invalid.
type Books struct {
	// Requests counts the caller's samples. Outside are those sent outside of every phase.
	Requests int `json:"requests"`
	Outside  int `json:"outside"`
	// Logged counts requests with an entry in the access log, Exempt those of cohorts without a proxy.
	Logged int `json:"logged"`
	Exempt int `json:"exempt"`
	// Orphans counts requests that the log has and the caller has not.
	Orphans int `json:"orphans"`
	// Doubled counts entries that one proxy wrote a second time for the same request, and samples whose ID was taken.
	Doubled int `json:"doubled"`
	// Differing counts answered requests for which caller and proxy saw different statuses.
	Differing int `json:"differing"`
	// Answered counts answers by version as the caller saw them; Received what the app itself counted, nil where it
	// was never asked. Undecided counts requests that a pod may have received although no version's answer came back.
	Answered  map[string]int    `json:"answered"`
	Received  map[string]uint64 `json:"received"`
	Undecided int               `json:"undecided"`
	// Pace is how well the generator kept its plan, by cohort in the plan's order.
	Pace []Pace `json:"pace"`
	// Problems says in one sentence each what does not balance.
	Problems []string `json:"problems,omitempty"`
}

// Balance tells whether the numbers can be trusted.
func (b Books) Balance() bool { return len(b.Problems) == 0 }

// A Pace is how well a cohort's generator kept its plan.
type Pace struct {
	Cohort string `json:"cohort"`
	// Planned and Achieved are in requests a second. Achieved is from the first request sent to the last, 0 for fewer
	// than two.
	Planned  float64 `json:"planned"`
	Achieved float64 `json:"achieved"`
	Requests int     `json:"requests"`
	// Missing counts gaps in the sequence numbers: requests that were numbered and of which no sample came.
	Missing int `json:"missing"`
	// LagP99 and LagMax are how much later than due requests were sent.
	LagP99 time.Duration `json:"lagP99Ns"`
	LagMax time.Duration `json:"lagMaxNs"`
}

// Balance closes a run's books. obs are the observations of the same trace.
func Balance(t *Trace, obs []Observation, spec BooksSpec) Books {
	b := Books{Requests: len(t.Samples), Answered: map[string]int{}, Received: maps.Clone(t.Counters)}
	if t.Truncated {
		b.problem("the trace file ends in the middle of a line")
	}
	b.Outside = len(t.Samples)
	for _, o := range obs {
		b.Outside -= o.Settled.Total.Requests + o.Transition.Total.Requests
	}
	b.join(t, spec)
	b.count(spec)
	b.paces(t, spec.Plan)
	return b
}

func (b *Books) problem(format string, args ...any) {
	b.Problems = append(b.Problems, fmt.Sprintf(format, args...))
}

// join holds samples against log entries.
func (b *Books) join(t *Trace, spec BooksSpec) {
	log := newLogIndex(t.Log)
	ids := make(map[string]bool, len(t.Samples))
	twiceSent, lost := 0, 0
	for i := range t.Samples {
		s := &t.Samples[i]
		if ids[s.ID] {
			twiceSent++
		}
		ids[s.ID] = true
		e, logged := log[s.ID]
		exempt := slices.Contains(spec.Unlogged, s.Cohort)
		switch {
		case logged:
			b.Logged++
			if s.Code != 0 && e.Code != s.Code {
				b.Differing++
			}
		case exempt:
			b.Exempt++
		default:
			lost++
		}
		if s.Version != "" {
			b.Answered[s.Version]++
		} else if !logged || e.Upstream != "" {
			b.Undecided++
		}
	}

	type line struct{ proxy, id string }
	lines := make(map[line]bool, len(t.Log))
	twiceLogged := 0
	for _, e := range t.Log {
		if lines[line{e.Proxy, e.ID}] {
			twiceLogged++
		}
		lines[line{e.Proxy, e.ID}] = true
	}
	for id := range log {
		if !ids[id] {
			b.Orphans++
		}
	}
	b.Doubled = twiceSent + twiceLogged

	if lost > 0 {
		b.problem("%s of the caller's %s requests have no entry in the client proxy's access log", Number(lost), Number(b.Requests))
	}
	if b.Orphans > 0 {
		b.problem("the client proxy's access log has %s requests that the load agent did not report", Number(b.Orphans))
	}
	if twiceSent > 0 {
		b.problem("%s samples have the request id of another sample", Number(twiceSent))
	}
	if twiceLogged > 0 {
		b.problem("%s access log entries came twice", Number(twiceLogged))
	}
	if b.Differing > 0 {
		b.problem("caller and client proxy saw different statuses for %s requests", Number(b.Differing))
	}
}

// count holds answers against the app's counters.
func (b *Books) count(spec BooksSpec) {
	if b.Received == nil {
		if len(b.Answered) > 0 {
			b.problem("the sample app's counters were not read")
		}
		return
	}
	versions := slices.Collect(maps.Keys(b.Answered))
	for version := range b.Received {
		if _, ok := b.Answered[version]; !ok {
			versions = append(versions, version)
		}
	}
	slices.Sort(versions)
	surplus := 0
	var more []string
	for _, version := range versions {
		received, read := b.Received[version]
		answered := b.Answered[version]
		switch n := int(received); {
		case !read:
			b.problem("the caller got %s answers from %s, but its counter was not read", Number(answered), version)
		case n < answered:
			b.problem("the caller got %s answers from %s, which counted only %s requests", Number(answered), version, Number(n))
		case n > answered:
			surplus += n - answered
			more = append(more, fmt.Sprintf("%s counted %s requests and the caller got %s answers from it",
				version, Number(n), Number(answered)))
		}
	}
	if surplus > b.Undecided && !spec.Retried {
		b.problem("%s; only %s requests without an answer from a pod can have reached one",
			strings.Join(more, ", "), Number(b.Undecided))
	}
}

// paces holds the generator against its plan.
func (b *Books) paces(t *Trace, plan loadgen.Plan) {
	if len(t.Samples) == 0 {
		for _, c := range plan.Cohorts {
			b.Pace = append(b.Pace, Pace{Cohort: c.Name, Planned: float64(c.Rate)})
		}
		return
	}
	type sent struct {
		first, last time.Time
		top         uint64
		lags        []time.Duration
		seen        map[uint64]bool
	}
	all := map[string]*sent{}
	for i := range t.Samples {
		s := &t.Samples[i]
		c, ok := all[s.Cohort]
		if !ok {
			c = &sent{first: s.Sent, last: s.Sent, seen: map[uint64]bool{}}
			all[s.Cohort] = c
		}
		if s.Sent.Before(c.first) {
			c.first = s.Sent
		}
		if s.Sent.After(c.last) {
			c.last = s.Sent
		}
		c.top = max(c.top, s.Seq)
		c.lags = append(c.lags, s.Sent.Sub(s.Due))
		c.seen[s.Seq] = true
	}
	var stop time.Time
	for _, e := range t.Events {
		if e.Kind == LoadStop {
			stop = e.At
		}
	}
	for _, cohort := range plan.Cohorts {
		p := Pace{Cohort: cohort.Name, Planned: float64(cohort.Rate)}
		c, ok := all[cohort.Name]
		delete(all, cohort.Name)
		if !ok {
			b.problem("cohort %s sent nothing", cohort.Name)
			b.Pace = append(b.Pace, p)
			continue
		}
		p.Requests = len(c.lags)
		p.Missing = int(c.top) + 1 - len(c.seen)
		if took := c.last.Sub(c.first); took > 0 {
			p.Achieved = float64(p.Requests-1) / took.Seconds()
		}
		slices.Sort(c.lags)
		p.LagP99, p.LagMax = percentile(c.lags, 99), percentile(c.lags, 100)
		b.Pace = append(b.Pace, p)

		if p.Missing > 0 {
			b.problem("%s requests of cohort %s were numbered but never reported", Number(p.Missing), p.Cohort)
		}
		if p.Requests > 1 && math.Abs(p.Achieved-p.Planned) > RateTolerance*p.Planned {
			b.problem("cohort %s was to send %s requests a second and sent %.1f", p.Cohort, Number(cohort.Rate), p.Achieved)
		}
		period := time.Duration(float64(time.Second) / cmp.Or(p.Planned, 1))
		if quiet := stop.Sub(c.last); !stop.IsZero() && quiet > silence+2*period {
			b.problem("cohort %s sent nothing in the last %s before the load was stopped", p.Cohort, short(quiet))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.problem("cohort %s is not in the plan and sent %s requests", name, Number(len(all[name].lags)))
	}
}
