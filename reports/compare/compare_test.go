package compare

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/canarylab/canarylab/reports/terminal"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/internal/golden"
)

// cases are comparisons of made-up runs, by name. No test changes them.
func cases(t *testing.T) map[string]*Comparison {
	t.Helper()
	all, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var made = sync.OnceValues(func() (map[string]*Comparison, error) {
	var errs []error
	of := func(sides ...Side) *Comparison {
		c, err := New(sides...)
		errs = append(errs, err)
		return c
	}
	one := func(w truth) Side { return Side{w.run()} }
	worse := alike(2)
	worse.broken, worse.canary, worse.rollback, worse.slow, worse.istio = 0.2, 0.1, 900, 1.5, "1.30.2"
	moved := alike(3)
	moved.moved = true
	old := alike(4)
	oldRun := old.run()
	oldRun.Report.Curves = nil
	oldRun.Report.Phases[3].Name, oldRun.Report.Phases[3].Observation.Phase = "again", "again"
	oldRun.Problems = []string{
		"The run's folder has no trace: there is no timeline and no percentile curve. The numbers are those " +
			"of report.json.",
	}
	oldRun.Report.Broken = "interrupted by Ctrl-C"
	oldRun.Report.Accounting.Problems = []analysis.Problem{{Text: "3 things are not explained"}}
	oldRun.Report.Phases[1].Verdicts[0].Outcome = reports.Fail
	oldRun.Report.Conclude()
	foreign := alike(5)
	foreign.scenario, foreign.provider = "weighted-rollout", "kind"
	gated, slower := alike(30), alike(31)
	gated.decides, slower.decides = 400, 2200
	ways := alike(6)
	ways.back = 10
	ways2 := ways
	ways2.seed, ways2.rollback = 7, 160
	few := ways
	few.seed, few.back = 8, 3
	all := map[string]*Comparison{
		"alike":   of(one(alike(10)), one(alike(11))),
		"worse":   of(one(alike(10)), one(worse)),
		"moved":   of(one(alike(10)), one(moved)),
		"old":     of(one(alike(10)), Side{oldRun}),
		"foreign": of(one(alike(10)), one(foreign)),
		"gated":   of(one(gated), one(slower)),
		"gates":   of(several(gated, 3), several(slower, 4)),
		"groups":  of(several(alike(1), 3), several(worse, 3)),
		"three":   of(one(alike(10)), one(alike(11)), several(worse, 2)),
		"ways":    of(one(ways), one(ways2)),
		"few":     of(one(ways), one(few)),
		"hostile": of(Side{hostile(20)}, Side{hostile(21)}),
	}
	return all, errors.Join(errs...)
})

// hostile has what must not break out of any rendering wherever a text is from outside.
func hostile(seed uint64) *reports.Run {
	r := alike(seed).run()
	const bad = "<script>alert(1)</script>|\n\x1b[31m`${{x}}`\"'-->" +
		"<img src=x onerror=alert(2)> [a](javascript:b) ::error::c"
	rep := r.Report
	r.Dir += "-" + strings.ReplaceAll(bad, "/", "")
	rep.Title, rep.Setup.Istio, rep.Broken = bad, bad+rep.Run, bad
	rep.Setup.About = []string{bad + rep.Run}
	r.Problems = []string{bad}
	for i := range rep.Phases {
		p := &rep.Phases[i]
		p.Name += bad
		for v, n := range p.Observation.Settled.Total.Versions {
			p.Observation.Settled.Total.Versions[v+bad] = n
		}
		p.Observation.Settled.Total.Flags[bad] = 3
		for j := range p.Verdicts {
			p.Verdicts[j].Claim.Cohort, p.Verdicts[j].Claim.Subject, p.Verdicts[j].Want = "",
				p.Verdicts[j].Claim.Subject+bad, bad
			p.Verdicts[j].Outcome = map[bool]reports.Outcome{true: reports.Pass, false: reports.Fail}[seed%2 == 0]
		}
		if p.Observation.Rollback != nil {
			p.Observation.Rollback.Method, p.Observation.Rollback.Canary = bad, bad
		}
	}
	for i := range rep.Curves {
		rep.Curves[i].Version += bad
	}
	return r
}

func TestTextGolden(t *testing.T) {
	for name, c := range cases(t) {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Text(&b, c, terminal.Options{}); err != nil {
				t.Fatal(err)
			}
			golden.Check(t, name+".txt", b.Bytes())
		})
	}
}

func TestTextFitsItsWidth(t *testing.T) {
	for name, c := range cases(t) {
		for _, width := range []int{72, 100} {
			var b bytes.Buffer
			if err := Text(&b, c, terminal.Options{Width: width, Color: true}); err != nil {
				t.Fatal(err)
			}
			plain := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(b.String(), "")
			for i, line := range strings.Split(plain, "\n") {
				if n := utf8.RuneCountInString(line); n > width && name != "hostile" {
					t.Errorf("%s: line %d: got %d columns, want %d at most: %s", name, i+1, n, width, line)
				}
			}
		}
	}
}

// rollbackSpread is the standard deviation of ten rollbacks of one setup, in milliseconds (rollback-methods, by the
// route).
const rollbackSpread = 12.7

// TestEqualRunsSeldomDiffer plays pairs of equal runs, whose figures are spread as those of real runs are, and pairs of
// three or five against as many: the chance that any of a comparison's figures is shown as different is Risk at most.
func TestEqualRunsSeldomDiffer(t *testing.T) {
	for _, test := range []struct{ runs, trials int }{{1, 400}, {3, 200}, {5, 100}} {
		wrong, judged, by := 0, 0, map[string]int{}
		for i := range test.trials {
			a, b := alike(uint64(1000+2*i)), alike(uint64(1001+2*i))
			for _, w := range []*truth{&a, &b} {
				w.requests, w.spread, w.varies = 1200, rollbackSpread, true
				if i%2 == 0 {
					w.decides = 400
				}
			}
			c, err := New(several(a, test.runs), several(b, test.runs))
			if err != nil {
				t.Fatal(err)
			}
			all := c.Pairs[0].Different()
			judged += c.Judged
			for _, f := range all {
				by[f.place()]++
			}
			if len(all) > 0 {
				wrong++
			}
		}
		t.Logf("%d against %d: %d of %d comparisons of equal runs show a difference, of %.1f figures judged: %v",
			test.runs, test.runs, wrong, test.trials, float64(judged)/float64(test.trials), by)
		if (distuv.Binomial{N: float64(test.trials), P: Risk}).Survival(float64(wrong)-1) < 1e-3 {
			t.Errorf("%d against %d: %d of %d comparisons of equal runs show a difference, want %g %% at most",
				test.runs, test.runs, wrong, test.trials, 100*Risk)
		}
	}
}

func TestWorseRunsDiffer(t *testing.T) {
	c := cases(t)["worse"]
	var got []string
	for _, f := range c.Pairs[0].Different() {
		got = append(got, f.place())
	}
	// One rollback against one is not judged, however far they are apart.
	want := []string{"canary at 10 %, 503 UH"}
	if !slices.Equal(got, want) {
		t.Errorf("got differences %q, want %q", got, want)
	}
}

// TestMovedSharesAreNotJudged has a share that did not keep still: of one run each nothing can be said of it,
// of several it can.
func TestMovedSharesAreNotJudged(t *testing.T) {
	w := alike(3)
	w.moved, w.broken = true, 0.3
	for n, want := range map[int]Judgement{1: NotJudged, 4: Different} {
		c, err := New(several(alike(10), n), several(w, n))
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(c.Pairs[0].Figures, func(f *Figure) bool { return f.Name == "503 UH" })
		if f := c.Pairs[0].Figures[i]; f.Judgement != want {
			t.Errorf("%d of each: got %q (%s), want %q", n, f.Judgement, f.Why, want)
		}
	}
}

// TestDecisionsEndPhases has phases that ended by a decision: their failures are no sample of a thousand
// requests, and the time that it took can be compared where there are several.
func TestDecisionsEndPhases(t *testing.T) {
	judged := func(c *Comparison, name string) Judgement {
		i := slices.IndexFunc(c.Pairs[0].Figures, func(f *Figure) bool {
			return f.Phase == "canary at 10 %" && f.Name == name
		})
		return c.Pairs[0].Figures[i].Judgement
	}
	all := cases(t)
	for name, want := range map[string][2]Judgement{"gated": {NotJudged, NotJudged}, "gates": {NotShown, Different}} {
		if got := [2]Judgement{judged(all[name], "503 UH"), judged(all[name], "time to decide")}; got != want {
			t.Errorf("%s: got %q for failures and the time to decide, want %q", name, got, want)
		}
	}
}

// TestDrawnIsSaid holds every figure's judgement against its interval.
func TestDrawnIsSaid(t *testing.T) {
	for name, c := range cases(t) {
		for _, p := range c.Pairs {
			for _, f := range p.Figures {
				if f.Judgement == NotJudged || f.Confidence == 0 {
					continue
				}
				none := 0.0
				if f.Unit == Factor {
					none = 1
				}
				out := f.Low != nil && *f.Low > none || f.High != nil && *f.High < none
				if out != (f.Judgement == Different) {
					t.Errorf("%s: %s is %q, and its interval leaves out %g: %t", name, f.place(), f.Judgement, none,
						out)
				}
			}
		}
	}
}

func TestSidesThatMakeNoSense(t *testing.T) {
	a, b := alike(1).run(), alike(2).run()
	copied := *a
	copied.Dir = "/elsewhere/copy"
	other := alike(3)
	other.scenario = "weighted-rollout"
	for _, test := range []struct {
		sides []Side
		want  string
	}{
		{nil, "can't compare these runs: there is only one, or none"},
		{[]Side{{a}}, "can't compare these runs: there is only one, or none"},
		{[]Side{{a}, {}}, "can't compare these runs: side B has none"},
		{
			[]Side{{a, &copied}, {b}},
			"can't compare these runs: 20261125-060100-label-mismatch-r00001 and copy are the same run, and a copy " +
				"is no repetition: give it once",
		},
		{[]Side{{a, other.run()}, {b}}, "can't compare these runs: 20261125-060100-label-mismatch-r00001 plays " +
			"label-mismatch and 20261125-060300-weighted-rollout-r00003 plays weighted-rollout; " +
			"the runs of one side have to be of one scenario"},
	} {
		if _, err := New(test.sides...); !errors.Is(err, ErrSides) || err.Error() != test.want {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

func TestARunAgainstItselfIsSaid(t *testing.T) {
	a := alike(1).run()
	c, err := New(Side{a}, Side{a})
	if err != nil {
		t.Fatal(err)
	}
	if want := "A and B have the same run, " + name(a) + ": it can't differ from itself."; !slices.Contains(
		c.Warnings, want,
	) {
		t.Errorf("got warnings %q, want %q", c.Warnings, want)
	}
}

func TestManifestsAreCompared(t *testing.T) {
	a, b, c := saved(t, alike(1), "kind: A\n"), saved(t, alike(2), "kind: A\n"), saved(t, alike(3), "kind: B\n")
	d, e := saved(t, alike(4), "kind: B\n"), saved(t, alike(5), "kind: A\n")
	alike, err := New(Side{a}, Side{b})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(alike.Equal, func(s Setting) bool {
		return s.Name == "manifests" && s.Values[0] == "1 file"
	}) {
		t.Errorf("got %v, want the same manifests", alike.Equal)
	}
	// In which order they were given does not matter.
	mixed, err := New(Side{a, c, b}, Side{d, e})
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(mixed.Differing, func(s Setting) bool { return s.Name == "manifests" }) {
		t.Errorf("got %v, want the same two manifests on both sides", mixed.Differing)
	}
	other, err := New(Side{a}, Side{c})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(other.Differing, func(s Setting) bool {
		return s.Name == "manifests" && s.Values[1] == "another manifests/1-baseline.yaml"
	}) {
		t.Errorf("got %v, want the manifest that differs", other.Differing)
	}
}

// TestNumbersThatMakeNoSense damages numbers of a report at random: what comes of them may be nonsense, but it comes.
func TestNumbersThatMakeNoSense(t *testing.T) {
	whole, err := json.Marshal(alike(10).run().Report)
	if err != nil {
		t.Fatal(err)
	}
	good := alike(11).run()
	number := regexp.MustCompile(`[:,\[]-?[0-9][0-9.e+-]*`)
	at := number.FindAllIndex(whole, -1)
	random := rand.New(rand.NewPCG(7, 6))
	read := 0
	for range 600 {
		damaged := slices.Clone(whole)
		for range 1 + random.IntN(20) {
			i := at[random.IntN(len(at))]
			value := []string{
				"0", "-1", "1", "7", "999999999999", "-999999999999", "0.5", "1e300", "-1e300", "[]", "null",
			}[random.IntN(11)]
			for j := i[0] + 1; j < i[1]; j++ {
				damaged[j] = ' '
			}
			// What does not fit is cut: there is always room for one digit.
			copy(damaged[i[0]+1:i[1]], value)
		}
		r := &reports.Report{}
		if err := json.Unmarshal(damaged, r); err != nil {
			continue
		}
		read++
		for _, sides := range [][]Side{{{good}, {&reports.Run{Dir: "damaged", Report: r}}}, {
			{good, alike(12).run()}, {&reports.Run{Dir: "damaged", Report: r}},
		}} {
			c, err := New(sides...)
			if errors.Is(err, ErrSides) {
				continue
			}
			var b bytes.Buffer
			if err := errors.Join(err, Text(&b, c, terminal.Options{}), Markdown(&b, c), HTML(&b, c)); err != nil {
				t.Fatal(err)
			}
			if _, err := json.Marshal(c); err != nil {
				t.Fatal(err)
			}
		}
	}
	if read < 100 {
		t.Errorf("only %d damaged reports could be read", read)
	}
}
