// Package detect says which signals see what a story breaks, and how soon: for one report, from what the run recorded.
// Nothing is asked anew. A signal is a query with a window and a limit, and what its series counted follows from the
// requests of the phase that breaks and of the one before: so a signal is judged as if both had gone on for as long as
// its window takes.
package detect

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// A Sight is what a signal shows of a run.
type Sight struct {
	// Known tells that the run has what the signal is made of.
	Known bool
	// Found tells that the signal goes beyond its limit. After is how long after the change that is: zero is at once,
	// and negative before it, by files that nobody has applied yet.
	Found bool
	After time.Duration
	// Code is that of a finding of istioctl analyze.
	Code string
}

// blind is the sight of a signal that stays within its limit.
var blind = Sight{Known: true}

// A Signal is one who could see it.
type Signal struct {
	// Name is a heading, About what it asks for and when it speaks.
	Name, About string
	see         func(*seen) Sight
}

// Of judges all Signals by a report, in their order. ok is false where the report has no phase that breaks something
// and was judged. canary is the version that the signals of a canary watch.
func Of(r *reports.Report, canary string) (all []Sight, ok bool) {
	i := slices.IndexFunc(r.Phases, func(p reports.Phase) bool { return p.Breaks })
	if i < 1 || r.Phases[i].Observation.Settled.Total.Requests == 0 {
		return nil, false
	}
	s := &seen{
		phase: r.Phases[i], canary: canary,
		now: r.Phases[i].Observation.Settled, before: r.Phases[i-1].Observation.Settled,
	}
	for _, signal := range Signals {
		all = append(all, signal.see(s))
	}
	return all, true
}

// seen is what a run showed of the change that breaks.
type seen struct {
	phase       reports.Phase
	canary      string
	now, before analysis.Window
}

// perSecond is a number of requests of a window as a rate.
func perSecond(n int, w analysis.Window) float64 {
	if w.Took() <= 0 {
		return 0
	}
	return float64(n) / w.Took().Seconds()
}

// A series counts some requests, and how many of them are bad.
type series struct{ all, bad int }

// share is the part of a series that is bad, as a fraction of 1.
func (s series) share() float64 {
	if s.all == 0 {
		return 0
	}
	return float64(s.bad) / float64(s.all)
}

// over is when the share of what is bad in a window that looks back exceeds a limit, a fraction of 1. What there was
// before the change waters it down until the window has left it behind.
func (s *seen) over(count func(analysis.Counts) series, limit float64, window time.Duration) Sight {
	now, before := count(s.now.Total), count(s.before.Total)
	if now.share() <= limit {
		return blind
	}
	old := perSecond(before.all, s.before) * window.Seconds()
	oldBad := perSecond(before.bad, s.before) * window.Seconds()
	all, bad := perSecond(now.all, s.now), perSecond(now.bad, s.now)
	// Find t: (bad t + oldBad (1 - t/window)) / (all t + old (1 - t/window)) = limit.
	w := window.Seconds()
	slope := (bad - oldBad/w) - limit*(all-old/w)
	t := 0.0
	if slope > 0 {
		t = (limit*old - oldBad) / slope
	}
	return Sight{Known: true, Found: true, After: time.Duration(max(t, 0) * float64(time.Second))}
}

// callers counts all requests and those with a status from 500 on.
func callers(c analysis.Counts) series {
	s := series{all: c.Requests}
	for code, n := range c.Codes {
		if code >= 500 {
			s.bad += n
		}
	}
	return s
}

// source counts as callers' proxies do for the Service: a request for which there is no cluster (NC, NR) is counted
// under the name that the caller wrote, and not under the Service's own.
func source(c analysis.Counts) series {
	s := callers(c)
	for key, n := range c.Flags {
		code, flag, _ := strings.Cut(key, " ")
		if flag != "NC" && flag != "NR" {
			continue
		}
		s.all -= n
		if strings.HasPrefix(code, "5") {
			s.bad -= n
		}
	}
	return s
}

// pods counts what a version's own proxies count: the requests that came to its pods, by the status that these gave.
// Each attempt is one, where they were told apart.
func pods(version string) func(analysis.Counts) series {
	return func(c analysis.Counts) (s series) {
		if a, told := c.Attempts[version]; told {
			s.all = a.Attempts
			for code, n := range a.Codes {
				if code >= 500 {
					s.bad += n
				}
			}
			return s
		}
		s.all = c.Versions[version]
		for _, f := range c.Failures {
			if f.Version == version && f.Code >= 500 {
				s.bad += f.Count
			}
		}
		return s
	}
}

// uncounted are the flags of answers that a caller's proxy gives before it has come to a cluster: there is none (NC),
// there is no route (NR), or a filter answers (FI, RL). No cluster counts them.
var uncounted = []string{"NC", "NR", "FI", "RL"}

// subset counts what the callers' proxies count for the cluster of a version's subset: what they sent to its pods, and
// what they answered for it themselves.
func subset(version string) func(analysis.Counts) series {
	return func(c analysis.Counts) (s series) {
		s.all = c.Versions[version]
		for _, f := range c.Failures {
			switch {
			case f.Version != version && f.Subset != version || slices.Contains(uncounted, f.Flag):
				continue
			case f.Version == "":
				s.all += f.Count
			}
			if f.Code >= 500 {
				s.bad += f.Count
			}
		}
		return s
	}
}

// answers counts a version's answers, and those of them that failed by any status, grpc-status among them.
func answers(version string) func(analysis.Counts) series {
	return func(c analysis.Counts) (s series) {
		s.all = c.Versions[version]
		for _, f := range c.Failures {
			if f.Version == version && f.Failed() {
				s.bad += f.Count
			}
		}
		return s
	}
}

// slower counts the requests that took longer than a limit, as few as there can have been by the percentiles that are
// known. version limits it to the answers of one, "*" is all requests.
func slower(version string, limit time.Duration) func(analysis.Counts) series {
	return func(c analysis.Counts) (s series) {
		for name, l := range c.Latency {
			if version != "*" && name != version {
				continue
			}
			s.all += l.N
			for _, at := range []struct {
				value time.Duration
				share float64
			}{{l.P50, 0.5}, {l.P90, 0.1}, {l.P99, 0.01}, {l.P999, 0.001}} {
				if at.value > limit {
					s.bad += int(math.Ceil(at.share * float64(l.N)))
					break
				}
			}
		}
		return s
	}
}

// analysis looks for what istioctl analyze found. Its verdict says "IST0173 on the cluster, nothing in the files", or
// the same of both in one word.
func (s *seen) analysis(place string, after time.Duration) Sight {
	i := slices.IndexFunc(s.phase.Verdicts, func(v reports.Verdict) bool {
		return v.Kind == reports.KindAnalysis && v.Outcome != reports.Inconclusive
	})
	if i < 0 {
		return Sight{}
	}
	code := s.phase.Verdicts[i].Saw
	for part := range strings.SplitSeq(code, ", ") {
		if found, at, told := strings.Cut(part, " "); told && strings.Contains(at, place) {
			code = found
		}
	}
	if code == "nothing" {
		return blind
	}
	return Sight{Known: true, Found: true, After: after, Code: code}
}

// copies tells that the version's pods got requests that no caller sent: what these came to is not in the report.
func (s *seen) copies() bool {
	return s.now.Total.Versions[s.canary] == 0 && s.phase.Observation.Received[s.canary] > 0
}

// asked rounds up to when a signal is asked that is asked at intervals.
func (s Sight) asked(every time.Duration) Sight {
	if s.Found {
		s.After = (s.After/every + 1) * every
	}
	return s
}

// soonest is the one of two sights that comes first.
func soonest(a, b Sight) Sight {
	if !a.Found || b.Found && b.After < a.After {
		return b
	}
	return a
}

// theTest is the sequential test that stories watch their canaries with.
var theTest = harness.SequentialTest{Good: 1, Bad: 30}

// sequential is when theTest has had as many answers as it takes.
func (s *seen) sequential() Sight {
	now := answers(s.canary)(s.now.Total)
	n, found := theTest.AnswersWith(now.share())
	if !found || now.all == 0 {
		return blind
	}
	return Sight{Known: true, Found: true, After: time.Duration(float64(n) / perSecond(now.all, s.now) * 1e9)}
}
