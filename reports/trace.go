package reports

import (
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// A Kind says what happened at an Event.
type Kind string

// The kinds of events, in the order in which a run has them. Each phase has PhaseStart, Writing, Written, Held (one per
// proxy), Settled and PhaseEnd; a phase that changes nothing has no Writing and Written.
const (
	// LoadStart is when the load agent began to send.
	LoadStart Kind = "load-start"
	// PhaseStart opens a phase.
	PhaseStart Kind = "phase-start"
	// Writing is the moment just before the phase's first write to the API server (or to a sample app's fault endpoint).
	Writing Kind = "writing"
	// Written is the moment just after the answer to the phase's last write: the change is accepted.
	Written Kind = "written"
	// Held is when one proxy took the change over, by the proxy's own clock.
	Held Kind = "held"
	// Settled is when every proxy concerned was seen to hold the change: from here on the phase's traffic is judged.
	Settled Kind = "settled"
	// PhaseEnd closes a phase: it has its requests, or its deadline passed.
	PhaseEnd Kind = "phase-end"
	// LoadStop is when the load agent was told to stop.
	LoadStop Kind = "load-stop"
	// Broken is when the lab itself broke or was interrupted; Text says how.
	Broken Kind = "broken"
)

// An Event marks one moment of a run, on the clock that the samples have too.
type Event struct {
	At    time.Time `json:"at"`
	Kind  Kind      `json:"kind"`
	Phase string    `json:"phase,omitempty"`
	// Proxy names the proxy of a Held event.
	Proxy string `json:"proxy,omitempty"`
	// Text is for people, such as "kubectl apply -f 2-canary.yaml".
	Text string `json:"text,omitempty"`
	// Counters are the sample app's counts of requests received so far, by version, where they were read at this
	// moment. A Settled and a PhaseEnd event that both have them tell what each version received in between.
	Counters map[string]uint64 `json:"counters,omitempty"`
}

// A LogEntry is one line of the client proxy's access log: what Envoy itself says of a request.
type LogEntry struct {
	// ID is the request's x-request-id: the Sample with the same ID is the same request.
	ID string `json:"id"`
	// Proxy is the pod whose proxy wrote the entry.
	Proxy string    `json:"proxy"`
	Start time.Time `json:"start"`
	// Took is from the request's first byte to the answer's last.
	Took time.Duration `json:"tookNs"`
	Code int           `json:"code"`
	// Flags are Envoy's response flags, such as UH or URX and UF; empty where Envoy had nothing to add.
	Flags []string `json:"flags,omitempty"`
	// Details is Envoy's response_code_details, such as via_upstream or no_healthy_upstream.
	Details string `json:"details,omitempty"`
	// Cluster is the Envoy cluster that the route picked, such as outbound|80|v2|my-service.demo.svc.cluster.local.
	Cluster string `json:"cluster,omitempty"`
	// Upstream is the address that answered, empty where Envoy answered by itself.
	Upstream string `json:"upstream,omitempty"`
}

// A Trace is everything that a run recorded. Observations, verdicts and reports are made from it and from nothing else.
type Trace struct {
	Events  []Event
	Samples []loadgen.Sample
	Log     []LogEntry
	// Counters are the sample app's own counts of requests received during the run, by version. Nil where they were
	// never read.
	Counters map[string]uint64
	// Truncated tells that the file ended in the middle of a line, as it does when the program that wrote it was
	// killed. Everything before that line is here.
	Truncated bool
}

// A Line is one line of a trace file: exactly one of its fields is set.
type Line struct {
	Event  *Event          `json:"event,omitempty"`
	Sample *loadgen.Sample `json:"sample,omitempty"`
	Log    *LogEntry       `json:"log,omitempty"`
	// Counters are for Trace.Counters. Where a file has several such lines, a later one replaces the versions that it
	// names and leaves the others: a version can be counted just before its pods are removed.
	Counters map[string]uint64 `json:"counters,omitempty"`
}

// fields counts the fields that are set.
func (l Line) fields() int {
	n := 0
	for _, set := range []bool{l.Event != nil, l.Sample != nil, l.Log != nil, l.Counters != nil} {
		if set {
			n++
		}
	}
	return n
}
