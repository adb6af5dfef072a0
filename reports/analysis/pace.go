package analysis

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/canarylab/canarylab/internal/bitset"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

// silence is how long before LoadStop a cohort's last request may lie, beside the time in which two are due.
const silence = time.Second

// A Pace is how well a cohort's generator kept its plan.
type Pace struct {
	Cohort string `json:"cohort"`
	// Planned and Achieved are in requests a second, from the first request to the last: by when they were due,
	// and by when they were sent. 0 for fewer than two.
	Planned  float64 `json:"planned"`
	Achieved float64 `json:"achieved"`
	Requests int     `json:"requests"`
	// Missing counts gaps in the sequence numbers: requests that were numbered and of which no sample came.
	Missing int `json:"missing"`
	// LagP99 and LagMax are how much later than due requests were sent. LagP99 is within 0.1 %.
	LagP99 time.Duration `json:"lagP99Ns"`
	LagMax time.Duration `json:"lagMaxNs"`
}

// pacing is a Pace in the making.
type pacing struct {
	due, sent span
	// top is one more than the highest number that each agent sent, 0 for one that sent nothing.
	top  []uint64
	seen bitset.Set
	lag  *Lag
}

// numbered is how many requests the agents numbered: agent i sends every len(top)-th, from number i on.
func (p *pacing) numbered() int {
	n := uint64(0)
	for i, top := range p.top {
		if top > 0 {
			n += (top-1-uint64(i))/uint64(len(p.top)) + 1
		}
	}
	return int(n)
}

// sample takes the caller's word on a request, for the pace.
func (b *ledger) sample(s *loadgen.Sample) {
	c, ok := b.cohorts[s.Cohort]
	if !ok {
		if len(b.cohorts) >= maxCohorts {
			b.memory.take(maxMemory)
		}
		c = &pacing{lag: NewLag(), top: make([]uint64, max(b.plan.Agents, 1))}
		b.cohorts[s.Cohort] = c
	}
	c.due.add(s.Due)
	c.sent.add(s.Sent)
	agent := s.Seq % uint64(len(c.top))
	c.top[agent] = max(c.top[agent], s.Seq+1)
	c.lag.Add(s)
	c.seen.Set(s.Seq)
}

// paces holds the generator against its plan.
func (b *ledger) paces() {
	var start, stop time.Time
	for _, e := range b.facts.Events {
		switch e.Kind {
		case trace.LoadStart:
			start = e.At
		case trace.LoadStop:
			stop = e.At
		}
	}
	var late []Pace
	for _, cohort := range b.plan.Cohorts {
		p := Pace{Cohort: cohort.Name, Planned: b.plan.RateOf(cohort.Name)}
		c, ok := b.cohorts[cohort.Name]
		if !ok {
			if b.Requests > 0 {
				b.problem("cohort %s sent nothing", cohort.Name)
			}
			b.Pace = append(b.Pace, p)
			continue
		}
		delete(b.cohorts, cohort.Name)
		p.Requests = c.sent.count
		p.Missing = c.numbered() - c.seen.Len()
		if p.Missing < 0 || p.Requests > c.seen.Len() {
			b.problem("%s samples of cohort %s came twice", format.Number(p.Requests-c.seen.Len()), p.Cohort)
		}
		due, sent := c.due.took(), c.sent.took()
		if due > 0 && sent > 0 {
			p.Planned = float64(p.Requests-1) / due.Seconds()
			p.Achieved = float64(p.Requests-1) / sent.Seconds()
		}
		p.LagP99, p.LagMax = c.lag.P99(), c.lag.Max()
		b.Pace = append(b.Pace, p)

		if p.Missing > 0 {
			b.problem("%s requests of cohort %s were numbered but never reported", format.Number(p.Missing), p.Cohort)
		}
		// A few late requests at either end move the rate of a short run.
		if off := math.Abs((sent - due).Seconds()); off > MaxRateError*due.Seconds() && off > MaxLagP99.Seconds() {
			why := "this machine can't carry that load"
			if sent < due {
				why = "its first requests were late, as on a machine that is too busy for that load"
			}
			b.void(AtRate, "cohort %s was to send %.1f requests a second and sent %.1f: %s", p.Cohort, p.Planned,
				p.Achieved, why)
		}
		if p.LagP99 > MaxLagP99 {
			late = append(late, p)
		}
		if stop.IsZero() || start.IsZero() {
			continue
		}
		if quiet := b.plan.Expected(cohort.Name, c.due.last.Sub(start), stop.Add(-silence).Sub(start)); quiet > 2 {
			b.problem("cohort %s sent nothing in the last %s before the load was stopped", p.Cohort,
				format.Short(stop.Sub(c.sent.last)))
		}
	}
	b.voidLate(late)
	for _, name := range slices.Sorted(maps.Keys(b.cohorts)) {
		b.problem("cohort %s is not in the plan and sent %s requests", name, format.Number(b.cohorts[name].sent.count))
	}
}

// voidLate says of cohorts that were sent late how late the worst of them was.
func (b *ledger) voidLate(late []Pace) {
	if len(late) == 0 {
		return
	}
	worst := slices.MaxFunc(late, func(a, b Pace) int { return cmp.Compare(a.LagP99, b.LagP99) })
	others := ""
	if n := len(late) - 1; n > 0 {
		others = ", as did " + format.Plural(n, "other", "others")
	}
	b.void(OnTime, "cohort %s sent late by %s at p99, more than %s%s: this machine can't carry that load", worst.Cohort,
		format.Short(worst.LagP99), format.Short(MaxLagP99), others)
}
