package expect

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// late is the accounting of a run whose agent was late, by a standstill at most.
var late = analysis.Accounting{
	Problems: []analysis.Problem{{Void: true, Basis: analysis.OnTime, Text: "cohort beta sent late by 60 ms at p99"}},
	Pace:     []analysis.Pace{{Cohort: "beta", LagP99: standstill, LagMax: standstill}},
}

// slow and stepped are those of runs that sent less than planned, and whose clock was set.
var slow = analysis.Accounting{Problems: []analysis.Problem{{Void: true, Basis: analysis.AtRate, Text: "99.0"}}}
var stepped = analysis.Accounting{Problems: []analysis.Problem{{Void: true, Basis: analysis.OneClock, Text: "2 ms"}}}

// A world is a mesh in which requests to v2, which are drawn by a weight, overflow when many come at once, and in which
// each request fails for a moment while the change is on its way.
type world struct {
	weight float64
	// overflow is how many requests v2 takes in any 5 ms, 0 for all.
	overflow int
	// gap is for how long requests fail.
	gap time.Duration
}

// The load of the simulated phases: so many requests at so many a second, of which the first second is the transition.
const (
	simulated  = 4000
	rate       = 200
	period     = 100 * time.Millisecond
	standstill = 60 * time.Millisecond
)

// An agent says when it sends what is due at some moment. Stops of an agent that is held back begin at a moment by
// chance, and it sends all at once that was due meanwhile.
type agent func(due, begin time.Duration) (sent time.Duration)

func punctual(due, _ time.Duration) time.Duration { return due }

func heldBack(due, begin time.Duration) time.Duration {
	if in := (due + begin) % period; in < standstill {
		return due - in + standstill
	}
	return due
}

// heldBackLater is on time while the change is on its way.
func heldBackLater(due, begin time.Duration) time.Duration {
	if due < time.Second {
		return due
	}
	return heldBack(due, begin)
}

// lateOnce stands still for so short while the change is on its way that one request alone is late.
func lateOnce(due, begin time.Duration) time.Duration {
	if in := due - 300*time.Millisecond - begin; in >= 0 && in < 2*time.Second/rate {
		return due - in + 2*time.Second/rate
	}
	return due
}

// play is what a phase of the world shows to an agent.
func (w world) play(rng *rand.Rand, send agent) analysis.Observation {
	begin := time.Duration(rng.Int64N(int64(period)))
	gap := 300*time.Millisecond + time.Duration(rng.Int64N(int64(period)))
	var took []time.Duration // when v2 took its last requests
	at := began
	o := analysis.Observation{Start: at, SettledAt: at.Add(time.Second), End: at.Add(simulated * time.Second / rate)}
	// By transition and settled: answers of each version, overflows, failures in the gap.
	var v1, v2, over, gone [2]int
	for i := range simulated {
		due := time.Duration(i) * time.Second / rate
		sent := send(due, begin)
		part := 0
		if sent >= time.Second {
			part = 1
		}
		if sent-due > analysis.MaxLagP99 && due < time.Second {
			if o.Late == nil {
				o.Late = map[string]int{}
			}
			o.Late["beta"]++
		}
		switch {
		case sent >= gap && sent < gap+w.gap:
			gone[part]++
		case rng.Float64() >= w.weight:
			v1[part]++
		default:
			took = slices.DeleteFunc(took, func(t time.Duration) bool { return t <= sent-5*time.Millisecond })
			if w.overflow > 0 && len(took) >= w.overflow {
				over[part]++
				continue
			}
			took = append(took, sent)
			v2[part]++
		}
	}
	window := func(part int) analysis.Window {
		c := counts(map[string]int{"v1": v1[part], "v2": v2[part]},
			analysis.Failure{Code: 503, Flag: "UO", Subset: "v2", Count: over[part]},
			analysis.Failure{Code: 503, Flag: "NC", Count: gone[part]})
		return analysis.Window{Total: c, Cohorts: map[string]analysis.Counts{"beta": c}}
	}
	o.Transition, o.Settled = window(0), window(1)
	o.Settled.Start, o.Settled.End = o.SettledAt, o.End
	return o
}

// No claim is easier for an agent that is late: what it can't have changed passes as often as with one that is on time,
// and the rest never does.
func TestNoClaimIsEasierForALateAgent(t *testing.T) {
	const trials = 50
	rng := rand.New(rand.NewPCG(20, 4))
	narrow, brief := world{weight: 0.4, overflow: 1}, world{weight: 0.2, gap: 15 * time.Millisecond}
	visible := world{weight: 0.2, gap: sight}
	// What an agent that is held back sees of the narrow world.
	overflows, lost, all := 0, 0, 0
	for range 50 {
		c := narrow.play(rng, heldBack).Settled.Total
		overflows, lost, all = overflows+c.Codes[503], lost+c.Versions["v2"], all+c.Requests
	}
	seenOver, seenV2 := 100*float64(overflows)/float64(all), 100*float64(lost)/float64(all)
	for _, test := range []struct {
		name  string
		claim Expectation
		world world
		agent agent
		// stands tells that verdicts stand, easier that without Judge the late agent would pass more often.
		stands, easier bool
	}{
		{"a share that is true", Share("v2", 20), world{weight: 0.2}, heldBack, true, false},
		{"a share that is nearly true", Share("v2", 20), world{weight: 0.226}, heldBack, true, false},
		{"a share that is false", Share("v2", 20), world{weight: 0.24}, heldBack, true, false},
		{
			"a bound that is nearly true", Share("v2", 20).AtLeast().DrawnSingly(), world{weight: 0.224}, heldBack,
			true, false,
		},
		{"a bound that may depend on the load", Share("v2", 20).AtLeast(), world{weight: 0.24}, heldBack, false, false},
		{"no errors", NoErrors(), world{weight: 0.2}, heldBack, true, false},
		{"no errors, where those at once overflow", NoErrors(), narrow, heldBack, false, false},
		{"an overflow that only those at once make", Flag(503, "UO", seenOver), narrow, heldBack, false, true},
		{"the same by its status", Status(503, seenOver), narrow, heldBack, false, true},
		{"no other errors than it", OnlyErrors(503, "UO"), narrow, heldBack, false, true},
		{"the share without what overflowed", Share("v2", seenV2), narrow, heldBack, false, true},
		{"the share of the other version", Share("v1", 80), world{weight: 0.2, overflow: 1}, heldBack, true, false},
		{"a gap that a standstill can hide", NeverFails(), brief, heldBack, false, true},
		{"the same for some", FailAtMost(1), brief, heldBack, false, true},
		{"a gap when the agent was on time", NeverFails(), brief, heldBackLater, true, false},
		{"a gap as long as is to be met, when one request was late", NeverFails(), visible, lateOnce, true, false},
		{"few that reach a version", ReachAtMost("v2", 1000), world{weight: 0.2}, heldBackLater, true, false},
		{"a version that is left alone", ReachAtMost("v2", 0), world{weight: 0}, heldBackLater, true, false},
		{"a rate", Answers("v2", 40), world{weight: 0.2}, heldBack, false, false},
	} {
		var onTime, without, with, void int
		for range trials {
			o := []analysis.Observation{test.world.play(rng, punctual)}
			if Judge(test.claim, o, analysis.Accounting{}).Outcome == pass {
				onTime++
			}
			o[0] = test.world.play(rng, test.agent)
			was := seen(test.claim, o).Outcome
			if was == pass {
				without++
			}
			switch is := Judge(test.claim, o, late).Outcome; {
			case is == pass:
				with++
			case is == reports.Invalid && was != inconclusive:
				void++
			}
		}
		t.Logf("%s: %d of %d pass on time; late, %d by what was seen, %d by the verdict, and %d are void", test.name,
			onTime, trials, without, with, void)
		// Five standard deviations of a difference of two counts.
		chance := 5 * math.Sqrt(trials/2)
		if float64(with-onTime) > chance {
			t.Errorf("%s: %d of %d pass for a late agent, and %d for one on time", test.name, with, trials, onTime)
		}
		if test.stands && (void > 0 || math.Abs(float64(with-onTime)) > chance) {
			t.Errorf("%s: got %d passes and %d voids, want as many passes as on time, %d", test.name, with,
				void, onTime)
		}
		if !test.stands && with > 0 {
			t.Errorf("%s: got %d passes for an agent that can have made them", test.name, with)
		}
		if more := float64(without - onTime); test.easier && more < chance/2 || !test.easier && more > chance {
			t.Errorf("%s: got %d passes by what was seen, and %d on time: want more is %t", test.name, without, onTime,
				test.easier)
		}
	}
}

// Each claim names what it rests on, and that alone voids it.
func TestVerdictsRestOnBases(t *testing.T) {
	two, three := 2*time.Second, 3*time.Second
	at := func(route, drain time.Duration) analysis.Observation {
		o := split(0, 0)
		o.Rollback = &analysis.Rollback{
			Resolution: time.Millisecond, Route: route, Drain: drain, Low: route, High: route + 10*time.Millisecond,
		}
		return o
	}
	overflow := analysis.Failure{Code: 503, Flag: "UO", Count: 5}
	for _, test := range []struct {
		name           string
		e              Expectation
		o              analysis.Observation
		seen           reports.Outcome
		onTime, atRate bool
	}{
		{"share", Share("v2", 10), split(9000, 1000), pass, false, true},
		{"no share", Share("v2", 0), split(9000, 0), pass, false, false},
		{"false share", Share("v2", 10), split(8000, 2000), fail, false, true},
		{"share that a failure may have moved", Share("v2", 0), v1(9000, overflow), pass, true, false},
		{"flag of the configuration", Flag(503, "UH", 10), v1(9000, uh(1000)), pass, false, false},
		{"flag of the app", Flag(503, "-", 10), v1(9000, app(1000)), pass, true, true},
		{"flag with retries", Flag(503, "UF,URX", 10), v1(9000, refused(1000)), pass, true, true},
		{"status of the configuration", Status(503, 10), v1(9000, uh(1000)), pass, false, true},
		{"false flag of the app", Flag(503, "-", 10), v1(9000, uh(1000)), fail, false, true},
		{"errors of the configuration", NoErrors(), v1(9000, uh(1)), fail, false, false},
		{"errors of both", NoErrors(), v1(9000, uh(1), overflow), fail, false, false},
		{"errors of the load", NoErrors(), v1(9000, overflow), fail, true, false},
		{"only errors", OnlyErrors(503, "UH"), v1(9000, uh(100)), pass, false, true},
		{"others by the load", OnlyErrors(503, "UH"), v1(9000, uh(100), overflow), fail, true, false},
		{"others by the configuration", OnlyErrors(503, "UH"), v1(9000, uh(9), noRoute(1)), fail, false, false},
		{"untouched", Untouched("v2"), read(v1(9000, uh(100))), pass, false, false},
		{"untouched, perhaps", Untouched("v2"), read(v1(9000, overflow)), pass, true, false},
		{"touched", Untouched("v2"), split(9000, 1), fail, false, false},
		{"reached", ReachAtMost("v2", 10), split(9000, 11), fail, false, false},
		{"reached by more", ReachAtMost("v2", 10), v1(9000, overflow, overflow, overflow), pass, true, true},
		{"failed", FailAtMost(4), v1(9000, overflow), fail, true, false},
		{"failed by the configuration", FailAtMost(4), v1(9000, uh(5)), fail, false, false},
		{"too few", NoErrors(), v1(9), inconclusive, true, true},
		{
			"decision", Promoted(), analysis.Observation{Start: began, Detection: &analysis.Detection{}}, pass, true,
			true,
		},
		{"false rollback", RecoveredWithin(two), at(three, three), fail, false, true},
		{"drain", LingersFor(two), at(0, time.Second), fail, false, true},
		{"drain within the lag", LingersFor(two), at(0, two-standstill), fail, true, true},
	} {
		o := []analysis.Observation{test.o}
		if v := Judge(test.e, o, analysis.Accounting{}); v.Outcome != test.seen || v.Void != nil {
			t.Errorf("%s: got %s (%s), void by %q; want %s", test.name, v.Outcome, v.Why, v.Void, test.seen)
		}
		for _, shaken := range []struct {
			by   analysis.Accounting
			void bool
		}{{late, test.onTime}, {slow, test.atRate}, {stepped, true}} {
			v := Judge(test.e, o, shaken.by)
			basis, text := shaken.by.Problems[0].Basis, shaken.by.Problems[0].Text
			want := reports.Verdict{Outcome: test.seen}
			if shaken.void {
				want = reports.Verdict{Outcome: reports.Invalid, Void: []analysis.Basis{basis}}
			}
			if v.Outcome != want.Outcome || !slices.Equal(v.Void, want.Void) {
				t.Errorf("%s, %s: got %s, void by %q; want %s, %q", test.name, basis, v.Outcome, v.Void, want.Outcome,
					want.Void)
			}
			if why := "void: it rests on " + basis.String() + ", and " + text + "; " + basis.Remedy(); shaken.void &&
				v.Why != why {
				t.Errorf("%s: got %q, want %q", test.name, v.Why, why)
			}
		}
	}
	never := Judge(NoErrors(), []analysis.Observation{{}}, late)
	if never.Outcome != inconclusive {
		t.Errorf("got %s for a phase that never began", never.Outcome)
	}
}

// read is o with counters of v2 that did not move.
func read(o analysis.Observation) analysis.Observation {
	o.Received = map[string]uint64{"v2": 0}
	return o
}
