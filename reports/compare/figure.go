package compare

import (
	"math"
	"slices"

	"github.com/canarylab/canarylab/reports/analysis"
)

// A Judgement is what the data say about a difference.
type Judgement string

// The judgements.
const (
	// Different: chance explains it too rarely.
	Different Judgement = "different"
	// NotShown: there is no difference that these data can show. That is not to say that there is none: the
	// interval has those that there may be.
	NotShown Judgement = "no difference shown"
	// NotJudged: the data can't say, and Why says why.
	NotJudged Judgement = "not judged"
)

// A Kind says what a Figure is.
type Kind string

// The kinds, in the order in which they are shown.
const (
	// ShareKind is a share that the scenario claims, FailureKind one of requests that failed by status and flag
	// and that no claim is about. Both are in percent, and their difference is in percentage points.
	ShareKind   Kind = "share"
	FailureKind Kind = "failure"
	// LandingKind is the share of a class's requests that ended in some way, in a test of somebody's own rules. It and
	// its difference are as for ShareKind.
	LandingKind Kind = "landing"
	// RollbackKind is a rollback's time, until the last affected request was sent. It and its difference are in
	// milliseconds.
	RollbackKind Kind = "rollback"
	// DecisionKind is how long it took to decide about a canary, from its first bad answer, in milliseconds.
	// Its difference is as for LatencyKind.
	DecisionKind Kind = "decision"
	// LatencyKind is a percentile of a version's latency, in milliseconds. Its difference is a factor where
	// sides have several runs, and in milliseconds otherwise.
	LatencyKind Kind = "latency"
)

// A Unit is that of a difference.
type Unit string

// The units.
const (
	Points       Unit = "percentage points"
	Milliseconds Unit = "milliseconds"
	Factor       Unit = "factor"
)

// A Figure is one thing that two sides have in common.
type Figure struct {
	Kind Kind `json:"kind"`
	// Phase is empty for what is of the whole run. Name says what it is: "v2", "503 UH", "p99 of v2".
	Phase string `json:"phase,omitempty"`
	Name  string `json:"name"`
	Base  Value  `json:"base"`
	Other Value  `json:"other"`
	// Difference is how much larger Other is, in Unit; Low and High are its interval. Nil is not known: an
	// interval is open there.
	Unit       Unit     `json:"unit"`
	Difference *float64 `json:"difference,omitempty"`
	Low        *float64 `json:"low,omitempty"`
	High       *float64 `json:"high,omitempty"`
	// Confidence is that of the interval.
	Confidence float64 `json:"confidence,omitempty"`
	// P is how often chance alone makes as large a difference, before it is corrected for the number of
	// comparisons. It is nil for what is told by brackets that do or do not overlap, and for what can't differ:
	// none or all of both sides.
	P         *float64  `json:"p,omitempty"`
	Judgement Judgement `json:"judgement"`
	Why       string    `json:"why,omitempty"`

	estimate interval
	// byLoad tells of a share that the load can change it.
	byLoad bool
}

// A Value is what one side saw.
type Value struct {
	// Number is a share in percent or a time in milliseconds. Nil is not known. Of several runs it is that of
	// all requests together (shares) or the median.
	Number *float64 `json:"number,omitempty"`
	// Low and High bound it: the smallest and the largest of several, or a bracket's ends.
	Low  *float64 `json:"low,omitempty"`
	High *float64 `json:"high,omitempty"`
	// Count out of N are a share's requests. N alone is how many there are of what was counted: requests of a
	// percentile, or rollbacks.
	Count int `json:"count,omitempty"`
	N     int `json:"n"`
	// Runs is how many runs have it.
	Runs int `json:"runs"`
	// Detail says more, for people.
	Detail string `json:"detail,omitempty"`
}

// isShare tells that the figure's values are shares.
func (f *Figure) isShare() bool {
	return f.Kind == ShareKind || f.Kind == FailureKind || f.Kind == LandingKind
}

// judged tells that the figure is one of those among which the risk of a false difference is shared.
func (f *Figure) judged() bool { return f.estimate != nil && f.Judgement == "" }

// notJudged says why the data can't say.
func (f *Figure) notJudged(why string) { f.Judgement, f.Why = NotJudged, why }

// bracketed holds two brackets against each other, of one measurement each. If they overlap, there is no difference to
// be seen. If they are apart, nothing can be said: a bracket knows how precisely its own run was measured, and not how
// far runs of the same setup lie apart by themselves. Ten rollbacks of one setup had a standard deviation of 12.7 ms;
// the brackets of two of them, at 500 requests a second and from 50 %, are apart in 30 of 100 cases.
func (f *Figure) bracketed(base, other bracket) {
	f.Confidence = bracketConfidence
	f.Low, f.High = known(other.low-base.high), known(other.high-base.low)
	f.Judgement = NotShown
	if other.low > base.high || other.high < base.low {
		f.notJudged("the 99 % brackets are apart, of one run each")
	}
}

// compareRuns takes the factor between the runs' values. It is not ok where they do not tell how much runs vary.
func (f *Figure) compareRuns(base, other []float64) (ok bool) {
	r, ok := newRatio(base, other)
	if ok {
		f.Unit, f.estimate, f.Difference = Factor, r, known(r.factor())
	}
	return ok
}

type bracket struct{ low, high float64 }

// spread is the median of values of a run each; of several the smallest and the largest bound it.
func spread(values []float64) Value {
	v := Value{Number: known(median(values)), N: len(values), Runs: len(values)}
	if len(values) > 1 {
		v.Low, v.High = known(slices.Min(values)), known(slices.Max(values))
	}
	return v
}

// median of at least one value: of an even number the mean of the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// known is a number to show, nil where it has no end.
func known(x float64) *float64 {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return nil
	}
	return &x
}

// settle judges all figures that share the risk, and gives them their intervals.
func settle(figures []*Figure) (confidence float64, judged, found int) {
	var all []*Figure
	var p []float64
	for _, f := range figures {
		if f.judged() {
			x := pValue(f.estimate)
			f.P = &x
			all, p = append(all, f), append(p, x)
		}
	}
	found, confidence = holm(p, Risk)
	// The intervals decide, at the level that Holm found: what is drawn is what is said.
	for _, f := range all {
		f.Judgement = NotShown
		if *f.P <= 1-confidence && found > 0 {
			f.Judgement = Different
		}
	}
	for _, f := range figures {
		if f.estimate != nil && f.Judgement != NotJudged {
			f.bound(confidence)
		}
		if f.Judgement == NotShown && f.Low == nil && f.High == nil {
			f.notJudged("there are too few to bound a difference with so much confidence")
		}
	}
	return confidence, len(all), found
}

// open is infinite where x is an end of the scale.
func open(x, end float64) float64 {
	if x == end {
		return math.Inf(int(end))
	}
	return x
}

// openFactor is from where on a factor's interval counts as open.
const openFactor = 1000

// bound gives the figure its interval, in its unit.
func (f *Figure) bound(confidence float64) {
	low, high := f.estimate.interval(confidence)
	scale := func(x float64) float64 { return x }
	switch f.Unit {
	case Points:
		// What reaches the end of the scale bounds nothing.
		low, high = open(low, -1), open(high, 1)
		scale = func(x float64) float64 { return 100 * x }
	case Factor:
		scale = math.Exp
	}
	f.Confidence, f.Low, f.High = confidence, known(scale(low)), known(scale(high))
	// A factor of more than a thousand is none that anybody means: there were too few runs.
	if f.Unit == Factor && low < -math.Log(openFactor) {
		f.Low = nil
	}
	if f.Unit == Factor && high > math.Log(openFactor) {
		f.High = nil
	}
}

// shareValue is a share of a side's runs together.
func shareValue(s sample) Value {
	t := s.pooled()
	v := Value{Count: t.count, N: t.of, Runs: len(s)}
	if t.of == 0 {
		return v
	}
	v.Number = known(100 * t.share())
	if len(s) == 1 {
		share := analysis.NewShare(t.count, t.of)
		v.Low, v.High = &share.Low, &share.High
		return v
	}
	low, high := 100.0, 0.0
	for _, run := range s {
		low, high = min(low, 100*run.share()), max(high, 100*run.share())
	}
	v.Low, v.High = &low, &high
	return v
}
