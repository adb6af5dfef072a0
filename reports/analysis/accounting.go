package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/canarylab/canarylab/internal/bitset"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
	"github.com/canarylab/canarylab/sampleapp"
)

// silence is how long before LoadStop a cohort's last request may lie, beside the time in which two are due.
const silence = time.Second

// Accounting compares what four parties counted of the same requests: the caller, the proxy that routed them, the proxy of the
// pod that got them, and the app in it. Where they differ, some of the data is missing or wrong, or somebody else was at
// work, and the run is Invalid.
type Accounting struct {
	// Requests counts the caller's samples. Outside are those sent outside of every phase.
	Requests int `json:"requests"`
	Outside  int `json:"outside"`
	// Rows are the parties' counts by phase, of the requests that were sent in it. The last one is for those outside of all.
	Rows []Row `json:"rows"`
	// Answered counts answers by version as the caller saw them; Received what the app itself counted, nil where it
	// was never asked.
	Answered map[string]int    `json:"answered"`
	Received map[string]uint64 `json:"received"`
	// Aborted counts requests that a proxy sent on to an app and got no answer to: they are in the app's counts, and nobody
	// knows which number they have there.
	Aborted int `json:"aborted"`
	// Unexplained lists what does not fit together, request by request. It has ListedUnexplained of them at most;
	// UnexplainedTotal counts all.
	Unexplained      []Unexplained `json:"unexplained,omitempty"`
	UnexplainedTotal int           `json:"unexplainedTotal"`
	// Pace is how well the generator kept its plan, by cohort in the plan's order.
	Pace []Pace `json:"pace"`
	// Generator is how the load agents fared.
	Generator Generator `json:"generator"`
	// Troubles are what happened to the lab that no step of the scenario called for.
	Troubles []trace.Event `json:"troubles,omitempty"`
	// Problems are why the numbers can't be trusted.
	Problems []Problem `json:"-"`
}

// ListedUnexplained bounds Accounting.Unexplained.
const ListedUnexplained = 100

// Balanced tells whether the numbers can be trusted.
func (b Accounting) Balanced() bool { return len(b.Problems) == 0 }

// Void tells whether all that is wrong with the numbers is the machine's doing: then the machine was measured, not the mesh.
func (b Accounting) Void() bool {
	return len(b.Problems) > 0 && !slices.ContainsFunc(b.Problems, func(p Problem) bool { return !p.Void })
}

// A Row is one phase of the Accounting.
type Row struct {
	// Phase is empty for what was outside of all.
	Phase string `json:"phase,omitempty"`
	// Sent counts the caller's samples.
	Sent int `json:"sent"`
	// Routed counts those that a client's proxy or a gateway logged; Exempt are those of callers without a proxy, Unsent those
	// that never got a connection.
	Routed int `json:"routed"`
	Exempt int `json:"exempt,omitempty"`
	Unsent int `json:"unsent,omitempty"`
	// Served counts the log entries of the pods' proxies: one for each attempt that reached one. Bare counts answers from pods
	// without a proxy.
	Served int `json:"served"`
	Bare   int `json:"bare,omitempty"`
	// App counts the requests by the apps' own serial numbers, as far as any answer carried them.
	App int `json:"app"`
	// Answered counts the caller's samples that an app answered.
	Answered int `json:"answered"`
	// Unexplained counts what does not fit together.
	Unexplained int `json:"unexplained"`
}

// Sum adds up the rows. Its Phase is "all".
func (b Accounting) Sum() Row {
	sum := Row{Phase: "all"}
	for _, r := range b.Rows {
		sum.Sent += r.Sent
		sum.Routed += r.Routed
		sum.Exempt += r.Exempt
		sum.Unsent += r.Unsent
		sum.Served += r.Served
		sum.Bare += r.Bare
		sum.App += r.App
		sum.Answered += r.Answered
		sum.Unexplained += r.Unexplained
	}
	return sum
}

// An Unexplained is one thing that the accounting can't explain.
type Unexplained struct {
	// ID is the request's x-request-id, or a range of an app's serial numbers that no answer carried.
	ID    string `json:"id"`
	Phase string `json:"phase,omitempty"`
	Why   string `json:"why"`
}

// A Pace is how well a cohort's generator kept its plan.
type Pace struct {
	Cohort string `json:"cohort"`
	// Planned and Achieved are in requests a second, from the first request to the last: by when they were due, and by when
	// they were sent. 0 for fewer than two.
	Planned  float64 `json:"planned"`
	Achieved float64 `json:"achieved"`
	Requests int     `json:"requests"`
	// Missing counts gaps in the sequence numbers: requests that were numbered and of which no sample came.
	Missing int `json:"missing"`
	// LagP99 and LagMax are how much later than due requests were sent. LagP99 is within 0.1 %.
	LagP99 time.Duration `json:"lagP99Ns"`
	LagMax time.Duration `json:"lagMaxNs"`
}

// A Generator is how the load agents themselves fared: whether it was the mesh that was measured.
type Generator struct {
	// Known tells that the agents said anything.
	Known bool `json:"known"`
	// CPU is what the busiest agent used of its processors, as a fraction of 1. RunDelay is how long the threads of the one that
	// waited most waited for a processor, as a fraction of the time.
	CPU      float64 `json:"cpu"`
	RunDelay float64 `json:"runDelay"`
	// Stall is the longest time in which an agent stood still, StallAt its end; Stalls counts those above MaxStall.
	Stall   time.Duration `json:"stallNs"`
	StallAt time.Time     `json:"stallAt,omitzero"`
	Stalls  int           `json:"stalls"`
	// Agents is how many there were, and ClockError how far off the times of those may be that ran on other machines than the lab.
	Agents     int           `json:"agents"`
	ClockError time.Duration `json:"clockErrorNs,omitempty"`
	// ClockStep is the largest move of a wall clock against its monotonic clock.
	ClockStep time.Duration `json:"clockStepNs"`
}

// A ledger is an Accounting in the making.
type ledger struct {
	Accounting
	plan    loadgen.Plan
	facts   *trace.Trace
	plain   map[string]bool
	cohorts map[string]*pacing
	rows    map[string]*Row
	lives   map[string]*life
	// pods are the app's by name, addresses the same by address.
	pods, addresses map[string]*trace.Pod
	// aborted counts by pod.
	aborted map[string]int
	// strangers are the ids of other people's requests, so that each is listed once.
	strangers map[string]bool
}

// pacing is a Pace in the making.
type pacing struct {
	count                            int
	firstDue, lastDue, first, latest time.Time
	// top is one more than the highest number that each agent sent, 0 for one that sent nothing.
	top  []uint64
	seen bitset.Set
	lag  time.Duration
	lags *hdrhistogram.Histogram
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

// A life is one of an app's container, with the serial numbers that were seen of it.
type life struct {
	trace.Instance
	pod  *trace.Pod
	seen bitset.Set
	// spans are the least and the greatest number seen in a phase.
	spans map[string][2]uint64
}

func newLedger(plan loadgen.Plan, facts *trace.Trace) *ledger {
	b := &ledger{
		Accounting: Accounting{Answered: map[string]int{}},
		plan:       plan, facts: facts, plain: map[string]bool{}, cohorts: map[string]*pacing{}, rows: map[string]*Row{},
		lives: map[string]*life{}, pods: map[string]*trace.Pod{}, addresses: map[string]*trace.Pod{}, aborted: map[string]int{}, strangers: map[string]bool{},
	}
	for _, c := range plan.Cohorts {
		b.plain[c.Name] = c.Via() == loadgen.Plain
	}
	for i := range facts.Pods {
		p := &facts.Pods[i]
		if p.Role != trace.AppRole {
			continue
		}
		b.pods[p.Name] = p
		if p.IP != "" {
			b.addresses[p.IP] = p
		}
		for _, in := range p.Instances {
			b.lives[in.Name] = &life{Instance: in, pod: p, spans: map[string][2]uint64{}}
			if b.Received == nil {
				b.Received = map[string]uint64{}
			}
			b.Received[p.Version] += in.Received - min(in.Base, in.Received)
		}
	}
	return b
}

func (b *ledger) problem(format string, args ...any) {
	b.Problems = append(b.Problems, Problem{Text: fmt.Sprintf(format, args...)})
}

// void is a problem that is the machine's.
func (b *ledger) void(format string, args ...any) {
	b.Problems = append(b.Problems, Problem{Void: true, Text: fmt.Sprintf(format, args...)})
}

func (b *ledger) row(phase string) *Row {
	r, ok := b.rows[phase]
	if !ok {
		r = &Row{Phase: phase}
		b.rows[phase] = r
	}
	return r
}

// unexplained notes one thing of a phase.
func (b *ledger) unexplained(id, phase, format string, args ...any) {
	b.unexplainedN(1, id, phase, format, args...)
}

func (b *ledger) unexplainedN(n int, id, phase, format string, args ...any) {
	b.UnexplainedTotal += n
	b.row(phase).Unexplained += n
	if len(b.Unexplained) < ListedUnexplained {
		b.Unexplained = append(b.Unexplained, Unexplained{ID: cmp.Or(id, "without an id"), Phase: phase, Why: fmt.Sprintf(format, args...)})
	}
}

// sample takes the caller's word on a request, for the pace.
func (b *ledger) sample(s *loadgen.Sample) {
	c, ok := b.cohorts[s.Cohort]
	if !ok {
		c = &pacing{first: s.Sent, firstDue: s.Due, lags: hdrhistogram.New(1, longestLatency, 3), top: make([]uint64, max(b.plan.Agents, 1))}
		b.cohorts[s.Cohort] = c
	}
	c.count++
	if s.Due.Before(c.firstDue) {
		c.firstDue = s.Due
	}
	if s.Due.After(c.lastDue) {
		c.lastDue = s.Due
	}
	if s.Sent.Before(c.first) {
		c.first = s.Sent
	}
	if s.Sent.After(c.latest) {
		c.latest = s.Sent
	}
	c.top[s.Seq%uint64(len(c.top))] = max(c.top[s.Seq%uint64(len(c.top))], s.Seq+1)
	lag := s.Sent.Sub(s.Due)
	c.lag = max(c.lag, lag)
	_ = c.lags.RecordValue(min(max(lag.Microseconds(), 0), longestLatency))
	c.seen.Set(s.Seq)
}

// foreign takes a log entry of a request that is not the load's.
func (b *ledger) foreign(e *trace.LogEntry, phase string) {
	if e.Serial != "" {
		b.serial(e.Serial, e.ID, phase)
	} else if e.Side == trace.ServerSide && e.Reached > 0 {
		b.aborted[e.Proxy]++
	}
	// Each proxy on the way logs it. Without an id they can't be told apart, and the server's own entry is the one that counts.
	if e.ID == "" && e.Side != trace.ServerSide || e.ID != "" && b.strangers[e.ID] {
		return
	}
	if len(b.strangers) < 1<<16 {
		b.strangers[e.ID] = e.ID != ""
	}
	b.unexplained(e.ID, phase, "%s logged a request that is not the load's", e.Proxy)
}

// request takes all that is known of one of the load's requests.
func (b *ledger) request(q *trace.Request, phase string) {
	row := b.row(phase)
	row.Served += len(q.Servers)
	serials := map[string]bool{}
	for _, e := range slices.Concat(q.Routers, q.Servers) {
		if e.Serial != "" {
			serials[e.Serial] = true
		}
	}
	s := q.Sample
	if s != nil && s.Serial != "" {
		serials[s.Serial] = true
	}
	for _, serial := range slices.Sorted(maps.Keys(serials)) {
		if s == nil {
			// It is said below what is odd about it.
			b.mark(serial)
			continue
		}
		b.serial(serial, q.ID, phase)
		row.App++
	}
	for _, e := range q.Servers {
		if e.Serial == "" && e.Reached > 0 {
			b.aborted[e.Proxy]++
		}
	}
	if s == nil {
		who := q.Routers
		if len(who) == 0 {
			who = q.Servers
		}
		b.unexplained(q.ID, phase, "%s logged it, and the load agent did not report it, or not a second time", who[0].Proxy)
		return
	}
	b.Requests++
	row.Sent++
	if s.Version != "" {
		b.Answered[s.Version]++
		row.Answered++
	}
	r := q.Router()
	switch {
	case r != nil:
		row.Routed++
		if pod := b.podAt(r.Upstream); pod != nil && !pod.Sidecar && s.Version == "" && r.Reached > 0 {
			b.aborted[pod.Name]++
		}
	case s.Unsent:
		row.Unsent++
	case b.plain[s.Cohort]:
		row.Exempt++
	default:
		b.unexplained(q.ID, phase, "the caller's proxy has no log entry of it")
	}
	if len(q.Routers) > 1 {
		b.unexplained(q.ID, phase, "%d log entries of proxies that route: %s", len(q.Routers), proxies(q.Routers))
	}
	if r != nil && s.Code != 0 && r.Code != s.Code {
		b.unexplained(q.ID, phase, "the caller got status %d, and its proxy logged %d", s.Code, r.Code)
	}
	if r != nil && len(q.Servers) > max(r.Attempts, 1) {
		b.unexplained(q.ID, phase, "%d log entries of pods' proxies for %d attempts: %s", len(q.Servers), max(r.Attempts, 1), proxies(q.Servers))
	}
	if s.Version == "" {
		return
	}
	pod := b.pods[s.Pod]
	if pod != nil && !pod.Sidecar {
		row.Bare++
		return
	}
	if !slices.ContainsFunc(q.Servers, func(e trace.LogEntry) bool { return e.Serial == s.Serial }) {
		b.unexplained(q.ID, phase, "%s answered it, and that pod's proxy has no log entry of it", cmp.Or(s.Pod, s.Version))
	}
}

// podAt is the app's pod at an address with a port, nil where there is none.
func (b *ledger) podAt(upstream string) *trace.Pod {
	host, _, err := net.SplitHostPort(upstream)
	if err != nil {
		return nil
	}
	return b.addresses[host]
}

func proxies(all []trace.LogEntry) string {
	var names []string
	for _, e := range all {
		names = append(names, e.Proxy)
	}
	return strings.Join(names, ", ")
}

// serial takes a number that an app gave a request.
func (b *ledger) serial(serial, id, phase string) {
	instance, n, ok := sampleapp.ParseSerial(serial)
	l := b.lives[instance]
	switch {
	case !ok:
		b.unexplained(id, phase, "its answer has the serial number %q, which no app made", serial)
	case l == nil:
		b.unexplained(id, phase, "its answer has the serial number %s, of a life of a pod that was never counted", serial)
	case n <= l.Base || n > l.Received && l.Final:
		b.unexplained(id, phase, "its answer has the serial number %s, and %s counted %d to %d", serial, l.pod.Name, l.Base+1, l.Received)
	case l.seen.Set(n):
		b.unexplained(id, phase, "its answer has the serial number %s, as another one has", serial)
	default:
		span, ok := l.spans[phase]
		if !ok {
			span = [2]uint64{n, n}
		}
		l.spans[phase] = [2]uint64{min(span[0], n), max(span[1], n)}
	}
}

// mark takes a number as seen, whatever else is to be said of it.
func (b *ledger) mark(serial string) {
	if instance, n, ok := sampleapp.ParseSerial(serial); ok && b.lives[instance] != nil {
		b.lives[instance].seen.Set(n)
	}
}

// close finishes the accounting. obs are the observations of the same trace.
func (b *ledger) close(obs []Observation, truncated bool) Accounting {
	if truncated {
		b.problem("the trace file ends in the middle of a line")
	}
	b.apps(obs)
	b.paces()
	b.generator()
	for _, o := range obs {
		if r, ok := b.rows[o.Phase]; ok {
			b.Rows = append(b.Rows, *r)
		} else if !o.Start.IsZero() {
			b.Rows = append(b.Rows, Row{Phase: o.Phase})
		}
	}
	if r, ok := b.rows[""]; ok {
		b.Rows = append(b.Rows, *r)
		b.Outside = r.Sent
	}
	if n := b.UnexplainedTotal; n > 0 {
		b.problem("%s not explained: the first is %s (%s)", format.Plural(n, "thing is", "things are"), b.Unexplained[0].ID, b.Unexplained[0].Why)
	}
	for _, e := range b.facts.Events {
		if e.Kind == trace.Trouble || e.Kind == trace.Rejected {
			b.Troubles = append(b.Troubles, e)
		}
	}
	return b.Accounting
}

// apps holds the apps' own counts against the numbers that answers carried.
func (b *ledger) apps(obs []Observation) {
	if b.Received == nil {
		if len(b.Answered) > 0 {
			b.problem("the sample app's counters were not read")
		}
		return
	}
	type gap struct {
		life     *life
		from, to uint64
	}
	for _, name := range slices.Sorted(maps.Keys(b.pods)) {
		pod := b.pods[name]
		var gaps []gap
		missing := 0
		for _, in := range pod.Instances {
			l := b.lives[in.Name]
			if !in.Final {
				b.problem("pod %s was lost: it had counted %s requests when it was last asked, and what it got after that is not known",
					pod.Name, format.Number(int(in.Received-min(in.Base, in.Received))))
			}
			for n := in.Base + 1; n <= in.Received; n++ {
				if l.seen.Has(n) {
					continue
				}
				missing++
				if last := len(gaps) - 1; last >= 0 && gaps[last].life == l && gaps[last].to == n-1 {
					gaps[last].to = n
				} else {
					gaps = append(gaps, gap{l, n, n})
				}
			}
		}
		aborted := b.aborted[name]
		b.Aborted += min(aborted, missing)
		over := missing - aborted
		if over <= 0 {
			continue
		}
		// Nobody knows which of the missing ones the aborted are. The longest gaps are the least likely to be theirs.
		slices.SortStableFunc(gaps, func(x, y gap) int { return cmp.Compare(y.to-y.from, x.to-x.from) })
		for _, g := range gaps {
			n := min(int(g.to-g.from)+1, over)
			if over -= n; n == 0 {
				break
			}
			b.unexplainedN(n, fmt.Sprintf("%s to %d", sampleapp.Serial(g.life.Name, g.from), g.to), g.life.phase(g.from, obs),
				"pod %s received %s that no proxy and no caller knows of", pod.Name, format.Plural(n, "request", "requests"))
		}
	}
	for _, version := range slices.Sorted(maps.Keys(b.Answered)) {
		if _, read := b.Received[version]; !read {
			b.problem("the caller got %s answers from %s, but its counter was not read", format.Number(b.Answered[version]), version)
		}
	}
}

// phase is the one in which the number was given, by those around it.
func (l *life) phase(n uint64, obs []Observation) string {
	for _, o := range obs {
		if span, ok := l.spans[o.Phase]; ok && n <= span[1]+1 {
			return o.Phase
		}
	}
	return ""
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
		p.Requests = c.count
		p.Missing = c.numbered() - c.seen.Len()
		if p.Missing < 0 || c.count > c.seen.Len() {
			b.problem("%s samples of cohort %s came twice", format.Number(c.count-c.seen.Len()), p.Cohort)
		}
		due, sent := c.lastDue.Sub(c.firstDue), c.latest.Sub(c.first)
		if due > 0 && sent > 0 {
			p.Planned = float64(p.Requests-1) / due.Seconds()
			p.Achieved = float64(p.Requests-1) / sent.Seconds()
		}
		// A quantile is the upper edge of its class, which may lie above the true maximum.
		p.LagP99, p.LagMax = min(time.Duration(c.lags.ValueAtQuantile(99))*time.Microsecond, c.lag), c.lag
		b.Pace = append(b.Pace, p)

		if p.Missing > 0 {
			b.problem("%s requests of cohort %s were numbered but never reported", format.Number(p.Missing), p.Cohort)
		}
		// Requests that are late at either end move the rate of a short run.
		if off := math.Abs((sent - due).Seconds()); off > MaxRateError*due.Seconds() && off > MaxLagP99.Seconds() {
			b.void("cohort %s was to send %.1f requests a second and sent %.1f: this machine can't carry that load", p.Cohort, p.Planned, p.Achieved)
		}
		if p.LagP99 > MaxLagP99 {
			b.void("cohort %s sent late by %s at p99, more than %s: this machine can't carry that load", p.Cohort, format.Short(p.LagP99), format.Short(MaxLagP99))
		}
		if stop.IsZero() || start.IsZero() {
			continue
		}
		if quiet := b.plan.Expected(cohort.Name, c.lastDue.Sub(start), stop.Add(-silence).Sub(start)); quiet > 2 {
			b.problem("cohort %s sent nothing in the last %s before the load was stopped", p.Cohort, format.Short(stop.Sub(c.latest)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.cohorts)) {
		b.problem("cohort %s is not in the plan and sent %s requests", name, format.Number(b.cohorts[name].count))
	}
}

// generator sums up what the agents said of themselves, and what was seen of clocks.
func (b *ledger) generator() {
	g := &b.Generator
	g.Agents, g.ClockError = len(b.facts.Agents), clockError(b.facts.Agents)
	type usage struct{ took, cpu, wait float64 }
	agents := map[string]*usage{}
	for _, h := range b.facts.Health {
		g.Known = true
		u := agents[h.Pod]
		if u == nil {
			u = &usage{}
			agents[h.Pod] = u
		}
		u.took += h.Took.Seconds() * float64(max(h.Cores, 1))
		u.cpu += h.CPU.Seconds()
		u.wait += h.RunDelay.Seconds() * float64(max(h.Cores, 1))
		if h.Stall > MaxStall {
			g.Stalls++
		}
		if h.Stall > g.Stall {
			g.Stall, g.StallAt = h.Stall, h.StallAt
		}
		if h.ClockStep.Abs() > g.ClockStep.Abs() {
			g.ClockStep = h.ClockStep
		}
	}
	for _, u := range agents {
		if u.took > 0 {
			g.CPU, g.RunDelay = max(g.CPU, u.cpu/u.took), max(g.RunDelay, u.wait/u.took)
		}
	}
	for _, e := range b.facts.Events {
		if e.Kind == trace.ClockStep && e.By.Abs() > g.ClockStep.Abs() {
			g.ClockStep = e.By
		}
	}
	if g.CPU > MaxCPU {
		b.void("the load agent used %.0f %% of its processors, more than %.0f %%: this machine can't carry that load", 100*g.CPU, 100*MaxCPU)
	}
	if g.ClockStep.Abs() > MaxClockStep {
		b.void("a wall clock moved by %s during the run: times of different processes can't be compared", format.Short(g.ClockStep))
	}
}
