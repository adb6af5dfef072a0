package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/canarylab/canarylab/reports/format"
)

const (
	// bracketMiss is the probability that a rollback's bracket ends before the true switch.
	bracketMiss = 0.005
	// strayMiss is the probability that a rollback counts as Recovered while affected requests go on as before.
	strayMiss = 1e-4
	// tellWrite is what part of a bracket the write has to be to be told.
	tellWrite = 0.25
)

// A Rollback times how a canary is taken back. A request is affected if the canary answered it or if it failed. All
// times are counted from Change.Written, the moment that the API server had accepted the old manifest again.
//
// What a caller can know is limited by how often it asks: affected requests came at a rate of rate times share
// before the write, so that between the true switch and the last affected request before it lies a gap that is
// distributed exponentially, with a mean of 1/(rate * share) (Resolution). The bracket from Low to High has the
// true switch in it in 99 % of all cases and more. It is made without a model of the gap.
//
// There is not one switch but many: each proxy that routes takes the change over at a time of its own, and where
// pods leave, each proxy loses each of them at a time of its own. So requests are put into strata: by
// the load agent that sent them, as each has a proxy of its own, and by the pod of the canary that answered. What
// comes through the ingress gateway is one agent's, and its share is divided by the number of the gateway's pods: a
// sample does not say which of them routed it. Cohorts of one proxy switch together; that their shares differ makes
// a long run of misses rarer than one share for all does (the geometric mean is never above the arithmetic one). The
// switch that is looked for is the last of all strata.
//
//   - The last affected request of all was decided after it was sent: the last switch was not before that (Low).
//   - Had a stratum's switch come after its own end, m requests of its agent in a row would have escaped
//     its share p that were sent after its last affected one and done by then: m is chosen so that (1-p)^m is 0.5 %
//     at most, with the lower end of the interval of the stratum's own p. Where affected requests went on when every
//     proxy was synced, p is the lower of their share before and then. High is the latest of the strata's ends.
//
// High misses the last switch only if the end of that one stratum does whose switch was last. Which one that is does
// not depend on what its requests met, so that 0.5 % need not be divided by the number of strata. A stratum's share
// can grow while others leave, and hardly fall: with p from before, its end is late rather than early. The tail
// (1-p)^m is that of independent draws, as Envoy makes them between weighted clusters and, with LEAST_REQUEST and
// RANDOM, nearly so between hosts. ROUND_ROBIN and requests at an even pace leave shorter gaps. Where a whole
// connection or a caller keeps its host, as with kube-proxy or a consistent hash, the share is none of requests, and
// the bracket does not hold.
//
// An agent or pod of which too little was seen before to know its share leaves the bracket open: see Unknown. A
// failure that was not the canary's may be due to any pod, and moves the ends of all strata of its agent.
type Rollback struct {
	// Method says in words what was done, such as "kubectl rollout undo deployment my-service-v2".
	Method string `json:"method,omitempty"`
	// Canary and Cohort are those of the PhaseSpec.
	Canary string `json:"canary,omitempty"`
	Cohort string `json:"cohort,omitempty"`
	// Before is the share of affected requests while the phase before the rollback was settled, and the one before that
	// where the former kept what the canary had (PhaseSpec.Keeps). Rate is how many
	// requests, affected or not, were sent in a second then.
	Before Share   `json:"before"`
	Rate   float64 `json:"rate"`
	// Resolution is the mean time between two affected requests before the write: 1/(Rate * Before). 0 means that no
	// request was affected before, so that there was nothing to time.
	Resolution time.Duration `json:"resolutionNs"`
	// Route is until the last affected request was sent, Drain until the last affected request was done. Both
	// are 0 where that was before Written.
	Route time.Duration `json:"routeNs"`
	Drain time.Duration `json:"drainNs"`
	// Low and High are the bracket of the true switch. High is counted from Change.Earliest, as the change may have
	// been accepted as early as then. It is 0 where too few requests came to close the bracket. Write is how much of
	// the bracket is there because nobody knows when the change was accepted between Change.Earliest and Written: 0
	// where that is less than a quarter of it.
	Low   time.Duration `json:"lowNs"`
	High  time.Duration `json:"highNs"`
	Write time.Duration `json:"writeNs,omitempty"`
	// Switch is the best guess at the switch itself, within the bracket, where that closed: in the middle of the gap
	// between the last affected request and the next one of its proxy, and later by as much as requests escape a
	// share below 100 % on average. It takes all requests of a proxy to switch together. Where pods leave one by one,
	// it is of the last of them, and somewhat early.
	Switch time.Duration `json:"switchNs,omitempty"`
	// Strata is how many switches the bracket holds: one for each load agent and pod of the canary that were affected
	// before. 0 where there is one, or in a report that is older than strata. Unknown counts those of which too few
	// requests were seen before to know whether they were affected: where there are any, the bracket stays open.
	Strata  int `json:"strata,omitempty"`
	Unknown int `json:"unknown,omitempty"`
	// ClockError is how far off the callers' times may be, where they were on another machine than the lab: the
	// bracket is wider by it at both ends. 0 where all read one clock.
	ClockError time.Duration `json:"clockErrorNs,omitempty"`
	// NoneAfter tells that no affected request was sent after the write was accepted: Route is 0 by rule.
	NoneAfter bool `json:"noneAfter"`
	// Unaffected is how many requests in a row came after the last affected one. Chance is how likely so many
	// miss a share like the one before: it is what stands between "it was the last" and luck.
	Unaffected int     `json:"unaffected"`
	Chance     float64 `json:"chance"`
	// Failed and Canaries are what the rollback cost: requests that failed, and answers of the canary that did not
	// fail, among those sent from Written to the end of the phase. Kinds has them by kind: "503", "no answer", or the
	// canary's name. UnderWay counts the affected requests that were sent before Written and done after it.
	Failed   int            `json:"failed"`
	Canaries int            `json:"canaries"`
	Kinds    map[string]int `json:"kinds,omitempty"`
	UnderWay int            `json:"underWay"`
	// Strays counts the affected requests among them that were sent when every proxy was synced to the old
	// route already.
	Strays int   `json:"strays"`
	Parts  Parts `json:"parts"`
}

// Parts are what the time of a rollback is made of, one after the other: they add up to Drain, where all are
// known. A part that is not known is 0 and goes to its neighbor. All may be a little below 0: each is read from
// another process' clock.
type Parts struct {
	// Write is the API server's: from Writing to Written. It lies before the time that is counted.
	Write time.Duration `json:"writeNs"`
	// Debounce is istiod's wait for more changes, Push its work until it sent the last of the proxies that route its
	// configuration.
	Debounce time.Duration `json:"debounceNs"`
	Push     time.Duration `json:"pushNs"`
	// Proxy is those proxies': until the last was synced.
	Proxy time.Duration `json:"proxyNs"`
	// InFlight is until the last affected request was done: below 0 where that was before the proxies were
	// synced, by as much as affected requests were rare.
	InFlight time.Duration `json:"inFlightNs"`
}

// newParts takes the change apart. drain is counted from c.Written.
func newParts(c Change, drain time.Duration) Parts {
	p := Parts{Write: c.Took()}
	at := time.Duration(0)
	if c.Noticed != 0 {
		p.Debounce, at = c.Noticed, c.Noticed
	}
	if c.RoutersPushed != 0 {
		p.Push, at = c.RoutersPushed-at, c.RoutersPushed
	}
	if c.RoutersSynced != 0 {
		p.Proxy, at = c.RoutersSynced-at, c.RoutersSynced
	}
	if drain > 0 {
		p.InFlight = drain - at
	}
	return p
}

// String is the parts in one line.
func (p Parts) String() string {
	part := func(name string, d time.Duration) string { return format.When(d > 0, name+" "+format.Short(d)) }
	return format.Join("; then ", "made of: the write "+format.Short(p.Write), format.Join(", ",
		part("istiod waited for more changes", p.Debounce), part("istiod pushed", p.Push),
		part("proxies took it over", p.Proxy), part("requests in flight", p.InFlight)))
}

// Known tells whether there was anything to time.
func (r Rollback) Known() bool { return r.Resolution > 0 }

// Recovered tells whether so many requests came after the last affected one that it was the last: had the share
// before gone on, so many would have missed it at most once in 10,000 times.
func (r Rollback) Recovered() bool { return r.Known() && r.High > 0 && r.Chance <= strayMiss }

// Cost is what callers paid for the rollback.
func (r Rollback) Cost() string {
	cost := format.Plural(r.Failed, "failed request", "failed requests")
	if r.Canary != "" {
		cost += fmt.Sprintf(", %s from %s", format.Plural(r.Canaries, "good answer", "good answers"), r.Canary)
	}
	return cost
}

// Bracket is the bracket for a table, empty where it never closed.
func (r Rollback) Bracket() string {
	return format.When(r.High > 0, format.Range(format.Short(r.Low), format.Short(r.High)))
}

// Open says why the bracket did not close, and is empty where it did.
func (r Rollback) Open() string {
	switch {
	case r.High > 0:
		return ""
	case r.Unknown > 0:
		return "too few requests of each proxy came before it"
	}
	return "too few requests followed"
}

// bracket is the bracket for people, with what it is made of where the write is a good part of it.
func (r Rollback) bracket() string {
	if r.High == 0 {
		return r.Open() + " to bracket it"
	}
	made := format.When(r.Write > 0,
		fmt.Sprintf(", %s of it as the write was accepted at an unknown moment", format.Short(r.Write)))
	// A report that is older than the guess has none.
	guess := format.When(r.Switch > 0, "the switch at about "+format.Short(r.Switch)+", ")
	return fmt.Sprintf("%s99 %% bracket %s to %s%s", guess, format.Short(r.Low), format.Short(r.High), made)
}

// String is the route time in one sentence, with its bracket.
func (r Rollback) String() string {
	if !r.Known() {
		return "nothing to time: no request was affected before it"
	}
	if r.NoneAfter {
		return fmt.Sprintf("0 ms: no affected request was sent after the write was accepted (%s)", r.bracket())
	}
	return fmt.Sprintf("%s until the last affected request was sent (%s)", format.Short(r.Route), r.bracket())
}

// FailureKinds are the ways in which requests failed, the most frequent first.
func (r Rollback) FailureKinds() []string {
	all := slices.DeleteFunc(slices.Collect(maps.Keys(r.Kinds)), func(k string) bool { return k == r.Canary })
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(r.Kinds[b]-r.Kinds[a], cmp.Compare(a, b)) })
	return all
}
