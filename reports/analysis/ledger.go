package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

// A ledger is an Accounting in the making.
type ledger struct {
	Accounting
	plan  loadgen.Plan
	facts *trace.Trace
	plain map[string]bool
	// copies is how many copies the mesh may make of a request, by cohort.
	copies  map[string]int
	cohorts map[string]*pacing
	rows    map[string]*Row
	lives   map[string]*life
	// pods are the app's by name, addresses the same by address.
	pods, addresses map[string]*trace.Pod
	// aborted counts by pod.
	aborted map[string]int
	// usages are the agents', by pod.
	usages map[string]usage
	// yielded tells that an agent gave the real-time class up.
	yielded bool
	// strangers are the ids of other people's requests, so that each is listed once.
	strangers map[string]bool
	memory    *budget
}

func newLedger(plan loadgen.Plan, facts *trace.Trace, memory *budget) *ledger {
	b := &ledger{
		plan: plan, facts: facts, plain: map[string]bool{}, copies: map[string]int{},
		cohorts: map[string]*pacing{}, rows: map[string]*Row{},
		lives: map[string]*life{}, pods: map[string]*trace.Pod{}, addresses: map[string]*trace.Pod{},
		aborted: map[string]int{}, usages: map[string]usage{}, strangers: map[string]bool{}, memory: memory,
	}
	b.Answered = map[string]int{}
	for _, c := range plan.Cohorts {
		b.plain[c.Name] = c.Via() == loadgen.Plain
		b.copies[c.Name] = c.Copies
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
			put(&b.Received, p.Version, b.Received[p.Version]+in.Received-min(in.Base, in.Received))
		}
	}
	return b
}

func (b *ledger) problem(format string, args ...any) {
	b.Problems = append(b.Problems, Problem{Text: fmt.Sprintf(format, args...)})
}

// void is a problem that is the machine's, and shakes a basis.
func (b *ledger) void(basis Basis, format string, args ...any) {
	b.Problems = append(b.Problems, Problem{Void: true, Basis: basis, Text: fmt.Sprintf(format, args...)})
}

func (b *ledger) row(phase string) *Row {
	if b.rows[phase] == nil {
		b.rows[phase] = &Row{Phase: phase}
	}
	return b.rows[phase]
}

// unexplained notes one thing of a phase.
func (b *ledger) unexplained(id, phase, format string, args ...any) {
	b.unexplainedN(1, id, phase, format, args...)
}

func (b *ledger) unexplainedN(n int, id, phase, format string, args ...any) {
	row := b.row(phase)
	b.UnexplainedTotal, row.Unexplained = add(b.UnexplainedTotal, uint64(n)), add(row.Unexplained, uint64(n))
	if len(b.Unexplained) < ListedUnexplained {
		b.Unexplained = append(b.Unexplained, Unexplained{
			ID: cmp.Or(id, "without an id"), Phase: phase, Why: fmt.Sprintf(format, args...),
		})
	}
}

// foreign takes a log entry of a request that is not the load's.
func (b *ledger) foreign(e *trace.LogEntry, phase string) {
	if e.Serial != "" {
		b.serial(e.Serial, e.ID, phase)
	} else if e.Side == trace.ServerSide && e.Reached > 0 {
		b.abort(e.Proxy)
	}
	// Each proxy on the way logs it. Without an id they can't be told apart, and the server's own entry is the
	// one that counts.
	if e.ID == "" && e.Side != trace.ServerSide || e.ID != "" && b.strangers[e.ID] {
		return
	}
	if len(b.strangers) < 1<<16 {
		b.strangers[e.ID] = e.ID != ""
	}
	b.unexplained(e.ID, phase, "%s logged a request that is not the load's", e.Proxy)
}

// abort counts a request that a pod got and did not answer.
func (b *ledger) abort(pod string) {
	if b.aborted[pod]++; b.aborted[pod] == 1 {
		b.memory.take(len(pod) + mapEntry)
	}
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
			// What is odd about such a request is reported below.
			b.mark(serial)
			continue
		}
		b.serial(serial, q.ID, phase)
		row.App++
	}
	for _, e := range q.Servers {
		reached := e.Serial == "" && e.Reached > 0
		if e.Connection() {
			// Only the answer has a connection's number. How far one without came is not in the log.
			reached = s == nil || s.Serial == ""
		}
		if reached {
			b.abort(e.Proxy)
		}
	}
	if s == nil {
		who := slices.Concat(q.Routers, q.Servers)[0].Proxy
		b.unexplained(q.ID, phase, "%s logged it, and the load agent did not report it, or not a second time", who)
		return
	}
	b.Requests++
	row.Sent++
	if phase == "" && s.Failed() {
		b.OutsideFailed++
	}
	if s.Version != "" {
		if b.Answered[s.Version]++; b.Answered[s.Version] == 1 {
			b.memory.take(len(s.Version) + mapEntry)
		}
		row.Answered++
	}
	b.proxied(q, phase)
}

// proxied holds the proxies' entries of a request against what its caller says.
func (b *ledger) proxied(q *trace.Request, phase string) {
	s, r, row := q.Sample, q.Router(), b.row(phase)
	switch {
	case r != nil:
		row.Routed++
		if pod := b.podAt(r.Upstream); pod != nil && !pod.Sidecar && s.Version == "" && r.Reached > 0 {
			b.abort(pod.Name)
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
	if r != nil && s.Code != 0 && r.Code != s.Code && !r.Connection() {
		b.unexplained(q.ID, phase, "the caller got status %d, and its proxy logged %d", s.Code, r.Code)
	}
	if r != nil && s.Code != 0 && s.GRPC != "" && r.GRPC != "" && r.GRPC != s.GRPC {
		b.unexplained(q.ID, phase, "the caller got grpc-status %s, and its proxy logged %s", s.GRPC, r.GRPC)
	}
	if n := len(q.Servers); r != nil && n > max(r.Attempts, 1)+b.copies[s.Cohort] {
		b.unexplained(q.ID, phase, "%d log entries of pods' proxies for %d attempts: %s", n, max(r.Attempts, 1),
			proxies(q.Servers))
	}
	if s.Version == "" {
		return
	}
	pod := b.pods[s.Pod]
	if pod != nil && !pod.Sidecar {
		row.Bare++
		return
	}
	if !slices.ContainsFunc(q.Servers, func(e trace.LogEntry) bool {
		return e.Serial == s.Serial || e.Connection() && e.Proxy == s.Pod
	}) {
		b.unexplained(q.ID, phase, "%s answered it, and that pod's proxy has no log entry of it",
			cmp.Or(s.Pod, s.Version))
	}
}

func proxies(all []trace.LogEntry) string {
	var names []string
	for _, e := range all {
		names = append(names, e.Proxy)
	}
	return strings.Join(names, ", ")
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
		b.problem("%s not explained: the first is %s (%s)", format.Plural(n, "thing is", "things are"),
			b.Unexplained[0].ID, b.Unexplained[0].Why)
	}
	for _, e := range b.facts.Events {
		if e.Kind == trace.ProcessorUse && e.Processor != nil {
			b.Processor = e.Processor
		}
		if e.Kind == trace.Trouble || e.Kind == trace.Rejected {
			b.Troubles = append(b.Troubles, e)
		}
	}
	return b.Accounting
}
