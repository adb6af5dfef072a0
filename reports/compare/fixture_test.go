package compare

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/trace"
)

// A truth is what a made-up run is drawn from: the numbers of its report come by chance, as those of a real one do.
type truth struct {
	scenario string
	seed     uint64
	// canary is the share that v2 should get, broken the share that fails while the subset has no pods.
	canary, broken float64
	// requests are those of each phase.
	requests int
	// rollback is when the route switches back, in milliseconds after the write, and spread its standard deviation.
	rollback, spread float64
	// varies lets runs differ by what they have in common with no other run, as real ones do: see runSpread.
	varies bool
	// slow is a factor on v2's latency.
	slow float64
	// istio and provider are the setup's.
	istio, provider string
	// moved lets the canary's share be one that did not keep still.
	moved bool
	// decides is how long after the first bad answer somebody decides about the canary, in milliseconds, on
	// average. 0 is nobody.
	decides float64
	// back is how often each of two rollback methods is used, in place of the story.
	back int
}

func alike(seed uint64) truth {
	return truth{
		scenario: "label-mismatch", seed: seed, canary: 0.1, broken: 0.1, requests: 1800, rollback: 120, slow: 1,
		istio: "1.31.0", provider: "embedded",
	}
}

var day = time.Date(2026, 11, 25, 6, 0, 0, 0, time.UTC)

// runSpread is the standard deviation, from run to run, of the logarithm of what depends on how fast the machine is:
// latencies, shares of 503 UO, times to decide. Of three runs of circuit-breaker-overflow, 4.4, 4.5 and 5.8 % of the
// requests got 503 UO (0.15); decisions of three of canary-5xx-rollback took 408, 411 and 571 ms (0.19).
const runSpread = 0.2

// run draws a run.
func (w truth) run() *reports.Run {
	random := rand.New(rand.NewPCG(w.seed, 99))
	id := fmt.Sprintf("r%05d", w.seed)
	plan := loadgen.Plan{Run: id, URL: "http://my-service/", Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: 500}}}
	r := &reports.Report{
		Schema: reports.Schema, Scenario: w.scenario,
		Title: "A subset whose labels match no pod turns the canary's share into 503s", Run: id,
		Started: day.Add(time.Duration(w.seed) * time.Minute), Took: 26 * time.Second,
		Setup: reports.Setup{
			Provider: w.provider, Cluster: "canarylab", Kubernetes: "1.37.2", Istio: w.istio, Envoy: "1.40.0",
			Canarylab: "0.1.0", CPUs: 2, Memory: 24 << 30, Kernel: "6.18.2", Load: plan,
		},
	}
	ofRun := func() float64 {
		if !w.varies {
			return 1
		}
		return math.Exp(runSpread * random.NormFloat64())
	}
	fast := ofRun()
	latencies := map[string][]float64{}
	phase := func(name string, canary, broken float64) *reports.Phase {
		drawn := int(distuv.Binomial{N: float64(w.requests), P: max(canary, broken), Src: random}.Rand())
		n := w.requests
		c := analysis.Counts{
			Requests: n, Versions: map[string]int{"v1": n - drawn}, Codes: map[int]int{200: n}, Flags: map[string]int{},
		}
		v2 := "v2"
		if broken > 0 {
			v2 = ""
			c.Codes = map[int]int{200: n - drawn, 503: drawn}
			c.Flags["503 UH"] = drawn
			c.Failed = analysis.NewShare(drawn, n)
		}
		if drawn > 0 {
			c.Versions[v2] = drawn
		}
		for _, v := range slices.Sorted(maps.Keys(c.Versions)) {
			scale := fast
			if v == "v2" {
				scale *= w.slow
			}
			for range c.Versions[v] {
				latencies[v] = append(latencies[v], scale*(1.5+random.ExpFloat64()))
			}
		}
		if w.moved && broken > 0 {
			c.Dispersion = map[string]analysis.Dispersion{"503 UH": {ChiSquare: 90, Degrees: 9, P: 1e-9}}
		}
		p := reports.Phase{Name: name, Observation: analysis.Observation{
			Phase: name, Start: day, Settled: analysis.Window{Start: day, End: day.Add(4 * time.Second), Total: c},
		}}
		claim := func(subject string, percent float64, count int) {
			s := analysis.NewShare(count, n)
			p.Verdicts = append(p.Verdicts, reports.Verdict{Want: fmt.Sprintf("%g %% of all requests: %s", percent,
				subject), Saw: s.String(), Outcome: reports.Pass,
				Claim: &reports.Claim{Subject: subject, Percent: percent, Seen: s}})
		}
		claim("v1", 100-100*max(canary, broken), c.Versions["v1"])
		if canary > 0 {
			claim("v2", 100*canary, c.Versions["v2"])
		}
		if broken > 0 {
			claim("503 UH", 100*broken, c.Flags["503 UH"])
			claim("v2", 0, c.Versions["v2"])
		}
		r.Phases = append(r.Phases, p)
		return &r.Phases[len(r.Phases)-1]
	}
	rollback := func(at, before float64, method string) *analysis.Rollback {
		if w.spread > 0 { // other runs are drawn as they were
			at = max(at+w.spread*random.NormFloat64(), 1)
		}
		gap := 2 / before // 500 requests a second, one every 2 ms
		last := max(at-gap*random.ExpFloat64(), 0)
		return &analysis.Rollback{
			Method: method, Canary: "v2", Before: analysis.NewShare(int(before*float64(w.requests)), w.requests),
			Rate: 500, Resolution: fromMS(gap),
			Route: fromMS(last), Drain: fromMS(last + 2), Low: fromMS(last), High: fromMS(last + 7*gap),
			Unaffected: 1000, Failed: int(last / gap), Kinds: map[string]int{"503": int(last / gap)},
		}
	}
	if w.back > 0 {
		for i := range w.back {
			phase(fmt.Sprintf("canary %d", 2*i+1), 0.5, 0)
			phase(fmt.Sprintf("by the route %d", i+1), 0, 0).Observation.Rollback = rollback(
				w.rollback+10*random.NormFloat64(), 0.5, "kubectl apply the VirtualService")
			phase(fmt.Sprintf("by undo %d", i+1), 0, 0).Observation.Rollback = rollback(3600+400*random.NormFloat64(),
				0.5, "kubectl rollout undo deployment my-service-v2")
			for j := range r.Phases[3*i:] {
				r.Phases[3*i+j].Repeat = i > 0
			}
		}
	} else {
		phase("baseline", 0, 0)
		if w.varies {
			// A pool overflows as often as the machine is slow; some other failures are claimed by nobody.
			overflow := phase("overflow", 0, 0)
			c := &overflow.Observation.Settled.Total
			for _, f := range []struct {
				flag  string
				share float64
			}{{"503 UO", 0.05}, {"503 UC", 0.01}} {
				share := f.share * ofRun()
				c.Flags[f.flag] = int(distuv.Binomial{N: float64(w.requests), P: share, Src: random}.Rand())
			}
			seen := analysis.NewShare(c.Flags["503 UO"], w.requests)
			overflow.Verdicts = append(overflow.Verdicts, reports.Verdict{Want: "at least 2 %", Outcome: reports.Pass,
				Claim: &reports.Claim{Subject: "503 UO", Percent: 2, Bound: reports.AtLeast, Seen: seen}})
		}
		canary := phase("canary at 10 %", 0, w.broken)
		if w.decides > 0 {
			first := 100 * time.Millisecond
			took := fromMS(w.decides * ofRun() * math.Exp(0.1*random.NormFloat64()))
			canary.Observation.Detection = &analysis.Detection{
				FirstBad: first, After: first + took, BadOnes: 5, Answers: 20,
			}
		}
		phase("rollback", 0, 0).Observation.Rollback = rollback(w.rollback, w.broken,
			"kubectl apply the VirtualService of 1-baseline.yaml")
		phase("canary at 10 % again", w.canary, 0)
	}
	for _, v := range []string{"v1", "v2", ""} {
		if len(latencies[v]) > 0 {
			r.Curves = append(r.Curves, curve(v, latencies[v]))
		}
	}
	r.Accounting = analysis.Accounting{Requests: len(r.Phases) * w.requests, Pace: []analysis.Pace{{
		Cohort: "everyone", Planned: 500, Achieved: 500, LagP99: 700 * time.Microsecond,
	}},
		Generator: analysis.Generator{Known: true, CPU: 0.15}}
	r.Conclude()
	return &reports.Run{
		Dir: filepath.Join("/out", r.Started.Format("20060102-150405")+"-"+w.scenario+"-"+id), Report: r,
	}
}

func curve(version string, all []float64) analysis.Curve {
	slices.Sort(all)
	n := float64(len(all))
	c := analysis.Curve{Version: version, N: len(all)}
	for k := 0; math.Pow(10, -float64(k)/20)*n >= 1; k++ {
		p := 100 * (1 - math.Pow(10, -float64(k)/20))
		c.Percents = append(c.Percents, p)
		c.LatencyMS = append(c.LatencyMS, all[max(int(math.Ceil(p*n/100-1e-9)), 1)-1])
	}
	c.Percents, c.LatencyMS = append(c.Percents, 100), append(c.LatencyMS, all[len(all)-1])
	return c
}

func fromMS(x float64) time.Duration { return time.Duration(x * float64(time.Millisecond)) }

// several draws n runs with seeds of their own.
func several(w truth, n int) (side Side) {
	for i := range n {
		w := w
		w.seed = w.seed*100 + uint64(i)
		side = append(side, w.run())
	}
	return side
}

// saved writes runs with manifests into folders and opens them again.
func saved(t *testing.T, w truth, manifest string) *reports.Run {
	t.Helper()
	r := w.run()
	dir := filepath.Join(t.TempDir(), filepath.Base(r.Dir))
	if err := os.MkdirAll(filepath.Join(dir, "manifests"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "manifests", "1-baseline.yaml"), []byte(manifest), 0o644); err != nil {
		t.Fatal(err)
	}
	r.Report.Files = []reports.File{{Path: "manifests/1-baseline.yaml"}}
	r.Report.Timeline = &analysis.Timeline{BinMS: 100}
	if err := r.Report.Save(dir); err != nil {
		t.Fatal(err)
	}
	sample := `{"sample":{"cohort":"everyone","seq":0,"id":` + strconv.Quote(
		r.Report.Setup.Load.Run+"-everyone-0") + `,"code":200}}` + "\n"
	if err := os.WriteFile(filepath.Join(dir, trace.PlainFile), []byte(sample), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := reports.OpenRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
