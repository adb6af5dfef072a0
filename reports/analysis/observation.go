package analysis

import (
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// A PhaseSpec is what Analyze needs to know of a phase beside its events.
type PhaseSpec struct {
	// Name is what the phase's events carry. No two phases of a run share it.
	Name string
	// Rollback marks a phase that takes a canary back: its Observation gets a Rollback, measured against what was
	// seen in the phase before it.
	Rollback bool
	// Method says how, in words, for a run that compares several rollback methods.
	Method string
	// Canary is the version whose answers a rollback is to end. Where it is empty, only failed requests are.
	Canary string
	// Keeps tells that the phase leaves to the canary what it had: then a rollback after it is measured against the
	// phase before it too, and the canary's share is known the better.
	Keeps bool
	// Cohort limits the rollback clock to one cohort, for a canary that only this cohort was sent to. Empty means all.
	Cohort string
	// Landings has the phase's requests told apart by where they ended, for each cohort.
	Landings bool
	// Attempts has what the pods of each version were asked counted in the phase's settled part.
	Attempts bool
}

// An Observation is what was seen in one phase. Requests belong to the window in which they were sent.
type Observation struct {
	Phase string `json:"phase"`
	// Start and End bound the phase. Both are zero for a phase that never began; a phase that was cut short ends with
	// the trace.
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
	// SettledAt is when every proxy concerned was seen to be synced, what the phase awaits had come, and the app's
	// counters were read. Zero if that never came: then all of the phase is transition, and Settled is empty.
	SettledAt time.Time `json:"settledAt,omitzero"`
	// Change is the phase's write, nil where the phase wrote nothing.
	Change *Change `json:"change,omitempty"`
	// Closeup counts the requests around the write in bins of 10 ms, also those of the phase before. Nil where
	// nothing was written.
	Closeup *Timeline `json:"closeup,omitempty"`
	// Moments are when requests of each kind were sent first and last, from Change.Writing to the end of the phase.
	Moments []Moment `json:"moments,omitempty"`
	// Settled is from SettledAt to End: what a phase is judged by.
	Settled Window `json:"settled"`
	// Transition is from Start to SettledAt: shown, and judged by rollback clocks and by claims from the write on.
	Transition Window `json:"transition"`
	// Late counts, by cohort, the requests that were due or sent in the Transition and sent later than due by more than
	// MaxLagP99. See OnTime.
	Late map[string]int `json:"late,omitempty"`
	// Received counts the requests that each version's pods received between the Settled and the PhaseEnd event, by
	// the sample app's own counters. Nil where the counters were not read at both, without the versions that were not.
	Received map[string]uint64 `json:"received,omitempty"`
	// UnderWay counts, by the version that answered, the requests that were sent before SettledAt and not done
	// when the reading of the counters began: as many of Received may be theirs.
	UnderWay map[string]int `json:"underWay,omitempty"`
	// Open are the TCP connections that were open at SettledAt, by cohort and version. Nil where there were none.
	Open map[string]map[string]Open `json:"open,omitempty"`
	// Rollback is set for a phase that rolls back and whose write was accepted.
	Rollback *Rollback `json:"rollback,omitempty"`
	// Detection is set for a phase in which somebody decided about the canary.
	Detection *Detection `json:"detection,omitempty"`
}

// Open counts TCP connections that were open at one moment.
type Open struct {
	Connections int `json:"connections"`
	// Cut counts those of them that the other side ended in the end.
	Cut int `json:"cut,omitempty"`
}

// opens counts a connection in Open, if it was open then.
func (o *Observation) opens(s *loadgen.Sample, memory *budget) {
	if s.Local == "" || s.Version == "" || o.SettledAt.IsZero() || s.Sent.After(o.SettledAt) ||
		!s.Done.After(o.SettledAt) {
		return
	}
	if o.Open[s.Cohort] == nil {
		put(&o.Open, s.Cohort, map[string]Open{})
		memory.take(len(s.Cohort) + mapEntry)
	}
	of := o.Open[s.Cohort]
	one, ok := of[s.Version]
	if !ok {
		memory.take(len(s.Version) + mapEntry)
	}
	one.Connections++
	if s.Cut {
		one.Cut++
	}
	of[s.Version] = one
}

// A Change is the write that opens a phase, and how it spread. Times are counted from Written. They are
// negative for what was faster than the API server's answer.
type Change struct {
	// Writing and Written bracket it: the API server accepted the change somewhere between the two. Written is zero
	// where the answer never came.
	Writing time.Time `json:"writing"`
	Written time.Time `json:"written,omitzero"`
	// AcceptedAfter is the moment before which the API server cannot have accepted it, where more is known of that than
	// Writing: see Earliest.
	AcceptedAfter time.Time `json:"acceptedAfter,omitzero"`
	// Noticed is when istiod began to work out what follows from the change, after it had waited for others to
	// come (its debounce). FirstPushed and LastPushed are when it sent the first and the last proxy its
	// configuration. All are by istiod's log, and 0 where that does not say.
	Noticed     time.Duration `json:"noticedNs,omitempty"`
	FirstPushed time.Duration `json:"firstPushedNs,omitempty"`
	LastPushed  time.Duration `json:"lastPushedNs,omitempty"`
	// Proxies counts those that were seen to be synced. FirstSynced and LastSynced are when the first and the
	// last of them took the change over, 0 where Proxies is 0. Late tells that the last one may have been
	// synced before: it was seen to be, and does not say since when.
	Proxies     int           `json:"proxies"`
	FirstSynced time.Duration `json:"firstHeldNs"`
	LastSynced  time.Duration `json:"lastHeldNs"`
	Late        bool          `json:"late,omitempty"`
	// RoutersPushed and RoutersSynced are LastPushed and LastSynced of the proxies that route: those of the
	// callers and the gateway. They decide where requests go.
	RoutersPushed time.Duration `json:"routersPushedNs,omitempty"`
	RoutersSynced time.Duration `json:"routersHeldNs,omitempty"`
	// Rejections has what proxies said that would not take the change.
	Rejections []string `json:"refused,omitempty"`
}

// A Moment is when requests of one kind were sent first and last during a change.
type Moment struct {
	// Kind is a version, or a status and flag for requests that failed: a key of Counts.
	Kind string `json:"kind"`
	// First and Last are counted from Change.Written.
	First time.Duration `json:"firstNs"`
	Last  time.Duration `json:"lastNs"`
	Count int           `json:"count"`
}

// Took is how long the write was under way: by so much the moment of the change is uncertain.
func (c Change) Took() time.Duration {
	if c.Written.IsZero() {
		return 0
	}
	return c.Written.Sub(c.Writing)
}

// Earliest is the moment before which the API server cannot have accepted the change.
func (c Change) Earliest() time.Time {
	if c.AcceptedAfter.After(c.Writing) && c.AcceptedAfter.Before(c.Written) {
		return c.AcceptedAfter
	}
	return c.Writing
}

// A Window is a part of a phase and what was sent in it, from Start on and before End.
type Window struct {
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
	// Total counts all requests. Cohorts counts them by the group of callers that they came from.
	Total   Counts            `json:"total"`
	Cohorts map[string]Counts `json:"cohorts"`
}

// Took is how long the window was open.
func (w Window) Took() time.Duration { return w.End.Sub(w.Start) }

// after is the window against which a rollback is measured that comes next: with the one before it where the phase
// keeps what the canary had, and both were settled.
func (w Window) after(before Window, keeps bool) Window {
	if keeps && !w.Start.IsZero() && !before.Start.IsZero() {
		w.Start = before.Start
	}
	return w
}

// Of returns the counts of one cohort, or of all requests where cohort is empty. A cohort that sent nothing has zero
// counts.
func (w Window) Of(cohort string) Counts {
	if cohort == "" {
		return w.Total
	}
	return w.Cohorts[cohort]
}

// contains tells whether a request sent at t belongs to the window.
func (w Window) contains(t time.Time) bool { return !t.Before(w.Start) && t.Before(w.End) }

// Counts is what one cohort met in one window of a phase.
type Counts struct {
	Requests int `json:"requests"`
	// Versions counts answers by version, "" for those that no version answered.
	Versions map[string]int `json:"versions"`
	// Shares are Versions out of Requests.
	Shares map[string]Share `json:"shares"`
	// Codes counts answers by HTTP status, 0 for those that never came.
	Codes map[int]int `json:"codes"`
	// GRPC counts calls by their grpc-status, OK among them. Nil where there were none.
	GRPC map[string]int `json:"grpc,omitempty"`
	// Failed counts requests that failed, by loadgen.Failed: without an answer, or with a status of 400 or above.
	Failed Share `json:"failed"`
	// Flags counts requests by status and Envoy response flag as the client proxy logged them, such as "503 UH"
	// or "503 UF,URX": all without an answer or with a status of 400 or above, and others that Envoy flagged.
	// "503 -" is an error that came from behind that proxy; "503 ?" has no entry in the proxy's log.
	Flags map[string]int `json:"flags,omitempty"`
	// Failures are the requests in Flags, by all that is known of them, the most frequent first.
	Failures []Failure `json:"failures,omitempty"`
	// Landings are where the cohort's requests ended, the most frequent first. Nil unless the phase asks for them.
	Landings []Landing `json:"landings,omitempty"`
	// Noted counts what the load agent noted of answers, by note (loadgen.Note's Key) and value. Nil unless the cohort
	// has notes and the phase asks for landings.
	Noted map[string]map[string]int `json:"noted,omitempty"`
	// Attempts are what the pods of each version were asked. Nil unless the phase asks for them.
	Attempts map[string]Attempts `json:"attempts,omitempty"`
	// Users is who of the cohort's virtual users was answered by which version. Nil where the cohort has none, and for
	// all cohorts together.
	Users *Users `json:"users,omitempty"`
	// Latency is by version, "" for requests that no version answered.
	Latency map[string]Latency `json:"latency,omitempty"`
	// Dispersion tells of each share whether it kept still, by version, status ("503"), or status and flag.
	// Shares of 0 and of all have none, and neither have those of too few requests.
	Dispersion map[string]Dispersion `json:"dispersion,omitempty"`
}

// Moved tells that the share of a version, a status, or a status and flag did not keep still.
func (c Counts) Moved(subject string) bool {
	d, ok := c.Dispersion[subject]
	return ok && d.Moved()
}

// A Failure is one way in which requests failed.
type Failure struct {
	// Code is the HTTP status, 0 where no answer came. Flag is the set of Envoy's response flags (see FlagSet)
	// that the proxy which routed the request logged.
	Code int    `json:"code"`
	Flag string `json:"flag"`
	// GRPC is the grpc-status of a call that failed by it, with the HTTP status 200 if it was answered.
	GRPC string `json:"grpc,omitempty"`
	// Hop is where the failure arose, Origin the flag there, which is another than Flag where the failure came
	// from behind the pod's own proxy. Cause says in words what happened.
	Hop    Hop    `json:"hop"`
	Origin string `json:"origin"`
	Cause  string `json:"cause,omitempty"`
	// Details is Envoy's response_code_details at the hop.
	Details string `json:"details,omitempty"`
	// Subset is where the route wanted the requests to go. Empty where the route named none.
	Subset string `json:"subset,omitempty"`
	// Version is who answered, if anybody did.
	Version string `json:"version,omitempty"`
	Count   int    `json:"count"`
}

// Key is the failure's key in Counts.Flags.
func (f Failure) Key() string { return loadgen.Outcome(f.Code, f.GRPC) + " " + f.Flag }

// Failed tells that it is an error. Envoy flags others too.
func (f Failure) Failed() bool { return f.GRPC != "" || loadgen.Failed(f.Code) }
