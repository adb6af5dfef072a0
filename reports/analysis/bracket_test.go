package analysis

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/canarylab/canarylab/loadgen"
)

// brackets asks for all simulated rollbacks: minutes instead of seconds.
var brackets = flag.Bool("brackets", false, "simulate 2,000 rollbacks for each row of the bracket's coverage")

// A rollout is a kind of rollback that is simulated.
type rollout struct {
	// proxies take the change over one after the other, the last spread after the first. pods leave likewise, where
	// there are several: each proxy then loses them together.
	proxies, pods int
	spread        time.Duration
	// write is how long the write takes. It is accepted at any moment of it.
	write time.Duration
	// share is the canary's, rate that of all agents together.
	share float64
	rate  int
	// random sends at random moments instead of evenly.
	random bool
	// replicas makes the share of the canary fall as its pods leave, as a Service without a route has it. Otherwise
	// the pods that are left get it.
	replicas bool
}

// play simulates one rollback. It returns the moment of the last switch since the write was accepted, and the clock's
// reading by strata, and by one share for all as it was before there were strata.
func (r rollout) play(random *rand.Rand) (truth time.Duration, now, before *Rollback) {
	const open = 10 * time.Second
	start := time.Unix(1_800_000_000, 0)
	writing := start.Add(open + 100*time.Millisecond)
	accepted := writing.Add(time.Duration(random.Float64() * float64(r.write)))
	// Each switch is at a moment of its own; the first and the last are spread apart.
	first := time.Duration(random.Float64() * float64(100*time.Millisecond))
	switches := make([]time.Duration, r.proxies*r.pods)
	for i := range switches {
		at := 0.0
		if n := r.proxies * r.pods; n > 1 {
			at = float64(i) / float64(n-1)
		}
		switches[i] = first + time.Duration(at*float64(r.spread))
	}
	random.Shuffle(len(switches), func(i, j int) { switches[i], switches[j] = switches[j], switches[i] })
	truth = first
	if len(switches) > 1 {
		truth += r.spread
	}
	settled := accepted.Add(truth + 10*time.Millisecond)
	// Long enough for the rarest stratum, at half of its share.
	rest := time.Duration(math.Log(bracketMiss) / math.Log1p(-r.share/2/float64(r.pods)) *
		float64(r.proxies) / float64(r.rate) * 1.2 * float64(time.Second))
	phase := Observation{End: settled.Add(rest), Change: &Change{Writing: writing, Written: writing.Add(r.write)}}
	phase.Settled = Window{Start: settled, End: phase.End}
	window := Window{Start: start, End: start.Add(open)}
	spec := PhaseSpec{Canary: "v2"}
	clock := newRollbackClock(spec, newWays(loadgen.Plan{Agents: r.proxies}, nil), window, phase, 0)
	pooled := newRollbackClock(spec, newWays(loadgen.Plan{}, nil), window, phase, 0)
	at := start
	for seq := uint64(0); at.Before(phase.End); seq++ {
		gap := 1.0
		if r.random {
			gap = random.ExpFloat64()
		}
		at = at.Add(time.Duration(gap * float64(time.Second) / float64(r.rate)))
		decided := at.Add(200 * time.Microsecond)
		s := loadgen.Sample{Cohort: "c", Seq: seq, Sent: at, Code: 200, Version: "v1", Pod: "v1",
			Done: decided.Add(time.Duration(float64(time.Millisecond) * (0.2 + random.ExpFloat64())))}
		mine := switches[int(seq)%r.proxies*r.pods:][:r.pods]
		if pod := r.pod(random, mine, decided.Sub(accepted)); pod >= 0 {
			s.Version, s.Pod = "v2", fmt.Sprint("v2-", pod)
		}
		clock.add(&s)
		s.Pod = ""
		pooled.add(&s)
	}
	return truth, clock.result(), pooled.result()
}

// pod returns which pod of the canary gets a request, -1 for none. leave is when each leaves.
func (r rollout) pod(random *rand.Rand, leave []time.Duration, now time.Duration) int {
	var left [16]int
	n := 0
	for i, at := range leave {
		if now < at {
			left[n] = i
			n++
		}
	}
	share := r.share
	if r.replicas {
		share *= float64(n) / float64(r.pods)
	}
	if n == 0 || random.Float64() >= share {
		return -1
	}
	return left[random.IntN(n)]
}

// A tallied counts how many brackets have the truth in them.
type tallied struct {
	mu                 sync.Mutex
	trials             int
	closed, held       int
	wereClosed, didFit int
	width, wasWidth    time.Duration
}

func (t *tallied) add(truth time.Duration, now, before *Rollback) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trials++
	count := func(r *Rollback, closed, held *int, width *time.Duration) {
		if r.High == 0 {
			return
		}
		*closed++
		*width += r.High - r.Low
		if r.Low <= truth && truth <= r.High {
			*held++
		}
	}
	count(now, &t.closed, &t.held, &t.width)
	count(before, &t.wereClosed, &t.didFit, &t.wasWidth)
}

func (t *tallied) row() string {
	mean := func(d time.Duration, n int) time.Duration {
		return (d / time.Duration(max(n, 1))).Round(time.Millisecond)
	}
	now, was := NewShare(t.held, t.closed), NewShare(t.didFit, t.wereClosed)
	return fmt.Sprintf("%6d  %6d  %6.2f %% (%.2f – %.2f)  %8s | %6.2f %% (%.2f – %.2f)  %8s", t.trials,
		t.trials-t.closed, now.Percent, now.Low, now.High, mean(t.width, t.closed), was.Percent, was.Low, was.High,
		mean(t.wasWidth, t.wereClosed))
}

// The bracket has the last switch in it in 99 % of cases, over any number of proxies and pods. With one share for
// all, as it was, it has not.
func TestBracketHoldsTheLastSwitch(t *testing.T) {
	const ms = time.Millisecond
	var rows []struct {
		name string
		of   []rollout
	}
	add := func(name string, change func(*rollout)) {
		row := struct {
			name string
			of   []rollout
		}{name: name}
		for _, share := range []float64{0.01, 0.05, 0.1, 0.25, 0.5} {
			for _, rate := range []int{200, 1000} {
				for _, random := range []bool{false, true} {
					r := rollout{proxies: 1, pods: 1, write: ms, share: share, rate: rate, random: random}
					change(&r)
					row.of = append(row.of, r)
				}
			}
		}
		rows = append(rows, row)
	}
	add("1 proxy", func(*rollout) {})
	for _, proxies := range []int{2, 4, 16} {
		for _, spread := range []time.Duration{50 * ms, 200 * ms, 500 * ms, 2000 * ms} {
			add(fmt.Sprintf("%d proxies over %s", proxies, spread), func(r *rollout) {
				r.proxies, r.spread = proxies, spread
			})
		}
	}
	for _, pods := range []int{2, 4} {
		for _, spread := range []time.Duration{50 * ms, 500 * ms, 2000 * ms} {
			add(fmt.Sprintf("%d pods over %s", pods, spread), func(r *rollout) { r.pods, r.spread = pods, spread })
		}
	}
	add("4 pods over 500ms, share falls", func(r *rollout) { r.pods, r.spread, r.replicas = 4, 500*ms, true })
	add("2 proxies, 2 pods over 500ms", func(r *rollout) { r.proxies, r.pods, r.spread = 2, 2, 500*ms })
	for _, write := range []time.Duration{20 * ms, 200 * ms} {
		add(fmt.Sprintf("write of %s", write), func(r *rollout) { r.write = write })
	}
	add("4 proxies over 500ms, write of 200ms", func(r *rollout) {
		r.proxies, r.spread, r.write = 4, 500*ms, 200*ms
	})
	var all tallied
	var out strings.Builder
	for i, row := range rows {
		var sum tallied
		n := 100 // for each of the row's 20 cells
		if !*brackets {
			// A few trials of what the old way missed most, so that every test run sees the difference.
			if n = 20; row.name != "4 proxies over 500ms" && row.name != "4 pods over 500ms, share falls" {
				continue
			}
			row.of = row.of[14:] // the shares of 25 and 50 %, which take the fewest requests
		}
		type job struct{ cell, trial int }
		jobs := make(chan job)
		var workers sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			workers.Go(func() {
				for j := range jobs {
					random := rand.New(rand.NewPCG(uint64(i), uint64(j.cell*1_000_000+j.trial)))
					truth, now, before := row.of[j.cell].play(random)
					sum.add(truth, now, before)
					all.add(truth, now, before)
				}
			})
		}
		for cell := range row.of {
			for trial := range n {
				jobs <- job{cell, trial}
			}
		}
		close(jobs)
		workers.Wait()
		fmt.Fprintf(&out, "%-38s %s\n", row.name, sum.row())
		if *brackets && float64(sum.held) < 0.99*float64(sum.closed) {
			t.Errorf("%s: %d of %d brackets have the last switch in them, want 99 %%", row.name, sum.held, sum.closed)
		}
	}
	t.Logf("rollback, trials, open, by strata: coverage and mean width | by one share\n%s%-38s %s", &out, "all",
		all.row())
	if float64(all.held) < 0.99*float64(all.closed) || all.closed == 0 {
		t.Errorf("%d of %d brackets have the last switch in them, want 99 %%", all.held, all.closed)
	}
	// The old way has to be seen to fail here, or these rollbacks show nothing.
	if float64(all.didFit) > 0.97*float64(all.wereClosed) {
		t.Errorf("one share for all holds %d of %d: too easy a test", all.didFit, all.wereClosed)
	}
}

// The guess at the switch is right on average, as the last affected request is not, and is as near as the pace allows
// where every request was affected.
func TestSwitchIsGuessedWithoutBias(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for _, share := range []float64{0.1, 0.5, 1} {
		for _, evenly := range []bool{true, false} {
			r := rollout{proxies: 1, pods: 1, share: share, rate: 1000, random: !evenly}
			var guesses, lasts []float64
			for range 400 {
				truth, got, _ := r.play(random)
				if got.High == 0 {
					t.Fatalf("share %g: got no bracket", share)
				}
				guesses = append(guesses, (got.Switch-truth).Seconds()*1000)
				lasts = append(lasts, (got.Route-truth).Seconds()*1000)
			}
			off, spread := stat.MeanStdDev(guesses, nil)
			// Each request is decided on 0.2 ms after it was sent, which is in both.
			if limit := 0.2 + 5*spread/math.Sqrt(float64(len(guesses))); math.Abs(off) > limit {
				t.Errorf("share %g, evenly %t: the guess is off by %.2f ms on average, want %.2f at most", share,
					evenly, off, limit)
			}
			if early := stat.Mean(lasts, nil); early > -0.5/share+0.2 {
				t.Errorf("share %g, evenly %t: the last affected request is %.2f ms before the switch", share,
					evenly, -early)
			}
			if share == 1 && evenly && spread > 0.5 {
				t.Errorf("the guess spreads by %.2f ms, want less than half of the pace", spread)
			}
		}
	}
}
