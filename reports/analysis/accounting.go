package analysis

import (
	"slices"

	"github.com/canarylab/canarylab/reports/trace"
)

// Accounting compares what four parties counted of the same requests: the caller, the proxy that routed them,
// the proxy of the pod that got them, and the app in it. Where they differ, some of the data is missing or
// wrong, or somebody else was at work, and the run is Invalid.
type Accounting struct {
	// Requests counts the caller's samples. Outside are those sent outside of every phase.
	Requests int `json:"requests"`
	Outside  int `json:"outside"`
	// OutsideFailed counts those of Outside that failed. Older reports lack it.
	OutsideFailed int `json:"outsideFailed,omitempty"`
	// Rows are the parties' counts by phase, of the requests that were sent in it. The last one is for those
	// outside of all.
	Rows []Row `json:"rows"`
	// Answered counts answers by version as the caller saw them; Received what the app itself counted, nil where it
	// was never asked.
	Answered map[string]int    `json:"answered"`
	Received map[string]uint64 `json:"received"`
	// Aborted counts requests that a proxy sent on to an app and got no answer to: they are in the app's
	// counts, and nobody knows which number they have there.
	Aborted int `json:"aborted"`
	// Unexplained lists what does not fit together, request by request. It has ListedUnexplained of them at most;
	// UnexplainedTotal counts all.
	Unexplained      []Unexplained `json:"unexplained,omitempty"`
	UnexplainedTotal int           `json:"unexplainedTotal"`
	// Pace is how well the generator kept its plan, by cohort in the plan's order.
	Pace []Pace `json:"pace"`
	// Generator is how the load agents fared.
	Generator Generator `json:"generator"`
	// Processor is who used the processors of the lab's machine while requests were late. Nil where none were, and
	// where nobody looked.
	Processor *trace.Processor `json:"processor,omitempty"`
	// Troubles are what happened to the lab that no step of the scenario called for.
	Troubles []trace.Event `json:"troubles,omitempty"`
	// Problems are why the numbers, or what rests on a Basis, can't be trusted.
	Problems []Problem `json:"-"`
}

// ListedUnexplained bounds Accounting.Unexplained.
const ListedUnexplained = 100

// Balanced tells whether every request is accounted for, so that counts can be trusted. What rests on more is void
// where that is Shaken.
func (b Accounting) Balanced() bool {
	return !slices.ContainsFunc(b.Problems, func(p Problem) bool { return p.Basis == "" })
}

// Void tells whether there are problems, and all are the machine's doing: then it was the machine that was measured,
// where anything was measured that such a problem shakes.
func (b Accounting) Void() bool {
	return len(b.Problems) > 0 && !slices.ContainsFunc(b.Problems, func(p Problem) bool { return !p.Void })
}

// A Row is one phase of the Accounting.
type Row struct {
	// Phase is empty for what was outside of all.
	Phase string `json:"phase,omitempty"`
	// Sent counts the caller's samples.
	Sent int `json:"sent"`
	// Routed counts those that a client's proxy or a gateway logged; Exempt are those of callers without a
	// proxy, Unsent those that never got a connection.
	Routed int `json:"routed"`
	Exempt int `json:"exempt,omitempty"`
	Unsent int `json:"unsent,omitempty"`
	// Served counts the log entries of the pods' proxies: one for each attempt that reached one. Bare counts
	// answers from pods without a proxy.
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
		sum.Answered += r.Answered
		// These two hold counters of the apps, which may say anything.
		sum.App = add(sum.App, uint64(max(r.App, 0)))
		sum.Unexplained = add(sum.Unexplained, uint64(max(r.Unexplained, 0)))
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
