// Package trace has the record of a run: its lines, how they are written and read, and how those of one request
// are put together.
package trace

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// A Kind says what happened at an Event.
type Kind string

// The kinds of events, in the order in which a run has them. Each phase has PhaseStart, Writing, Written,
// Synced (one per proxy), Settled and PhaseEnd; a phase that changes nothing has no Writing and Written.
const (
	// LoadStart is when the load agent began to send.
	LoadStart Kind = "load-start"
	// PhaseStart opens a phase.
	PhaseStart Kind = "phase-start"
	// Writing is the moment just before the phase's first write to the API server (or to a sample app's fault
	// endpoint).
	Writing Kind = "writing"
	// Written is the moment just after the answer to the phase's last write: the change is accepted.
	Written Kind = "written"
	// Synced is when one proxy took the change over, by the proxy's own clock.
	Synced Kind = "held"
	// Settled is when every proxy concerned was seen to be synced: from here on the phase's traffic is judged.
	Settled Kind = "settled"
	// PhaseEnd closes a phase: it has its requests, or its deadline passed.
	PhaseEnd Kind = "phase-end"
	// LoadStop is when the load agent was told to stop.
	LoadStop Kind = "load-stop"
	// Broken is when the lab itself broke or was interrupted; Text says how.
	Broken Kind = "broken"

	// Noticed is when istiod took the phase's change up: the end of its debounce, by its own clock. Pushed is when it
	// sent what follows from it to Proxy. Text names the configuration, such as VirtualService/demo/my-service.
	Noticed Kind = "noticed"
	Pushed  Kind = "pushed"
	// Rejected is when Proxy would not take a configuration (a NACK); Text has its reason.
	Rejected Kind = "refused"
	// Decided is when the phase's watcher decided about the canary: Decision says what.
	Decided Kind = "decided"
	// Judged is when the verdict on a mission changed, Wrote when somebody other than the lab had changed an object of
	// its namespace, and Learned when somebody asked the trainer for something, such as a hint; Text says what.
	Judged  Kind = "judged"
	Wrote   Kind = "wrote"
	Learned Kind = "learned"
	// ClockStep is when the wall clock of a part of the lab was seen to have moved by By against its monotonic clock.
	ClockStep Kind = "clock-step"
	// ProcessorUse says who used the machine's processors in the time in which requests were late, from the beginning
	// of the load until At. Of several the last one counts.
	ProcessorUse Kind = "processor"
	// Trouble is anything else that happened to the lab and not by the scenario: a container that restarted, a pod that
	// was evicted, a log stream that broke off or came back; Text says what.
	Trouble Kind = "trouble"
)

// The kinds of events that are no moments of the run and have no At: what a report needs beside those, so that it
// can be made of the trace alone. Readers of before these leave them out.
const (
	// Draft has what the report says that was not seen, and what is claimed, in Data (judge.Draft). Of several the
	// last one counts.
	Draft Kind = "draft"
	// Note and Finding have one of the report's notes and findings in Text.
	Note    Kind = "note"
	Finding Kind = "finding"
	// Proof has the verdict on a proof of Phase in Data (reports.Verdict), in the order in which they were looked at.
	Proof Kind = "proof"
	// End says that the run came to its end, By after its beginning, and in Text why that was not its own. Without one
	// it was cut off.
	End Kind = "run-end"
)

// An Event marks one moment of a run, on the clock that the samples have too.
type Event struct {
	At    time.Time `json:"at,omitzero"`
	Kind  Kind      `json:"kind"`
	Phase string    `json:"phase,omitempty"`
	// Proxy names the proxy of a Synced event. Late tells that the proxy may have taken the change over before
	// At: it was seen to have it, and does not say since when.
	Proxy string `json:"proxy,omitempty"`
	Late  bool   `json:"late,omitempty"`
	// By is the size of a ClockStep, and how long a run took at its End.
	By time.Duration `json:"byNs,omitempty"`
	// Text is for people, such as "kubectl apply -f 2-canary.yaml".
	Text string `json:"text,omitempty"`
	// Counters are the sample app's counts of requests received so far, by version, where they were read at this
	// moment. A Settled and a PhaseEnd event that both have them tell what each version received in between.
	Counters map[string]uint64 `json:"counters,omitempty"`
	// Reading is when the reading of Counters began. It ended by At.
	Reading time.Time `json:"reading,omitzero"`
	// AcceptedAfter is, of a Written event, the moment before which the API server cannot have accepted the change.
	// Zero where nothing more is known than Writing.
	AcceptedAfter time.Time `json:"acceptedAfter,omitzero"`
	// Decision is that of a Decided event.
	Decision *Decision `json:"decision,omitempty"`
	// Processor is that of a ProcessorUse.
	Processor *Processor `json:"processor,omitempty"`
	// Data is of a Draft or of a Proof.
	Data json.RawMessage `json:"data,omitempty"`
}

// A Side says where in a request's way a proxy logged it.
type Side string

// The sides. A zero Side is ClientSide.
const (
	// ClientSide is the sidecar of the caller's pod: it routes.
	ClientSide Side = "client"
	// GatewaySide is an ingress gateway: it routes too.
	GatewaySide Side = "gateway"
	// ServerSide is the sidecar of the app's pod.
	ServerSide Side = "server"
)

// A LogEntry is one line of a proxy's access log: what Envoy itself says of a request.
type LogEntry struct {
	// ID is the request's x-request-id: the Sample with the same ID is the same request. Proxies log a TCP connection
	// without one, and Connections gives it that of the Sample.
	ID string `json:"id"`
	// Proxy is the pod whose proxy wrote the entry.
	Proxy string `json:"proxy"`
	Side  Side   `json:"side,omitempty"`
	// Start is when the proxy had the request's first bytes, by its wall clock.
	Start time.Time `json:"start"`
	// Took is from the request's first byte to the answer's last.
	Took time.Duration `json:"tookNs"`
	// Reached is from Start until the request's first byte went out to Upstream, 0 where none ever did. The proxy had
	// chosen the route and the host by then.
	Reached time.Duration `json:"reachedNs,omitempty"`
	Code    int           `json:"code"`
	// GRPC is the grpc-status that the proxy saw in a call's answer, or put there, by its name. Empty where it saw
	// none.
	GRPC string `json:"grpc,omitempty"`
	// Flags are Envoy's response flags, such as UH or URX and UF; empty where Envoy had nothing to add.
	Flags []string `json:"flags,omitempty"`
	// Details is Envoy's response_code_details, such as via_upstream or no_healthy_upstream; Failure its reason why the
	// connection to Upstream could not be used, such as a TLS error.
	Details string `json:"details,omitempty"`
	Failure string `json:"failure,omitempty"`
	// Cluster is the Envoy cluster that the route picked, such as outbound|80|v2|my-service.demo.svc.cluster.local, or
	// inbound|8080|| on the server's side.
	Cluster string `json:"cluster,omitempty"`
	// Upstream is the address that the request was sent to last, empty where Envoy answered by itself.
	Upstream string `json:"upstream,omitempty"`
	// Downstream is the address from which a TCP connection came to the proxy, and UpstreamLocal the proxy's own one of
	// its connection to Upstream, which is Downstream to the pod's proxy. Both are empty for a request by HTTP.
	Downstream    string `json:"downstream,omitempty"`
	UpstreamLocal string `json:"upstreamLocal,omitempty"`
	// Attempts is how often the proxy tried to send the request, the first time included; 0 where it did not.
	Attempts int `json:"attempts,omitempty"`
	// Version and Serial are those of the answer that came from Upstream (sampleapp's headers). Empty where there was
	// none, or where it was not made by the app.
	Version string `json:"version,omitempty"`
	Serial  string `json:"serial,omitempty"`
}

// Connection tells that it is the entry of a TCP connection, which has no status and none of the app's headers.
func (e *LogEntry) Connection() bool { return e.Downstream != "" }

// PassedOn tells that what the caller got came from Upstream, as far as the proxy knows.
func (e *LogEntry) PassedOn() bool {
	return e.Details == ViaUpstream || e.Connection() && e.Upstream != "" && len(e.Flags) == 0
}

// A Role says what a pod does in a run.
type Role string

// The roles.
const (
	CallerRole  Role = "caller"
	AppRole     Role = "app"
	GatewayRole Role = "gateway"
)

// A Pod is one that the run knew of.
type Pod struct {
	Name string `json:"name"`
	Role Role   `json:"role"`
	IP   string `json:"ip,omitempty"`
	// Version is that of the answers of an app's pod: what the app itself says, or the pod's label version where it was
	// never asked.
	Version string `json:"version,omitempty"`
	// Sidecar tells whether the pod has a proxy, and so whether what it does is logged.
	Sidecar bool `json:"sidecar"`
	// Node is the machine that it runs on; empty where it has none yet.
	Node string `json:"node,omitempty"`
	// Instances are the lives of the app's container that were counted, with what each had received before the load
	// began (Base) and in all (Received).
	Instances []Instance `json:"instances,omitempty"`
}

// An Instance is one life of an app's container, see sampleapp.Counters.
type Instance struct {
	Name string `json:"name"`
	// Base and Received are the counter before the load and as last read.
	Base     uint64 `json:"base"`
	Received uint64 `json:"received"`
	// Final tells that the last reading was taken when nothing could come any more: after the load, or as the pod's
	// last words. Otherwise the pod was lost, and may have received more.
	Final bool `json:"final"`
}

// A Trace is everything that a run recorded. Observations, verdicts and reports are made from it and from nothing else.
type Trace struct {
	Events  []Event
	Samples []loadgen.Sample
	Log     []LogEntry
	// Health is the load agents' own, in the order in which it came.
	Health []loadgen.Health
	// Agents are the load agents' first words.
	Agents []loadgen.Begin
	// Pods are those that the run knew of, by their last word.
	Pods []Pod
	// Truncated tells that the file ended in the middle of a line, as it does when the program that wrote it was
	// killed. Everything before that line is here.
	Truncated bool
}

// A Line is one line of a trace file: exactly one of its fields is set.
type Line struct {
	Event  *Event          `json:"event,omitempty"`
	Sample *loadgen.Sample `json:"sample,omitempty"`
	Log    *LogEntry       `json:"log,omitempty"`
	// Health is of the load agent.
	Health *loadgen.Health `json:"health,omitempty"`
	// Agent is a load agent's first word.
	Agent *loadgen.Begin `json:"agent,omitempty"`
	// Pod is one of the run's pods. A later line about the same pod replaces an earlier one.
	Pod *Pod `json:"pod,omitempty"`
}

// kinds are the names of a Line's fields.
var kinds = []string{"event", "sample", "log", "health", "agent", "pod"}

// fields counts the fields that are set.
func (l Line) fields() int {
	unset := []bool{l.Event == nil, l.Sample == nil, l.Log == nil, l.Health == nil, l.Agent == nil, l.Pod == nil}
	return len(slices.DeleteFunc(unset, func(unset bool) bool { return unset }))
}
