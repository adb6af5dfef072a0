package scenarios_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/e2e-framework/pkg/env"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/github"
	"github.com/canarylab/canarylab/reports/text"
	"github.com/canarylab/canarylab/scenarios"
)

// cleanup is the time before `go test -timeout` strikes that a run keeps for its report and for cleaning up.
const cleanup = 90 * time.Second

var (
	suite env.Environment
	// theLab is opened by the first scenario that runs, so that tests which need no cluster do not bring one up.
	theLab = labtest.Opener{Options: lab.FromEnv}
)

func TestMain(m *testing.M) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if suite, err = env.NewWithContext(ctx, envconf.New()); err != nil {
		fmt.Fprintln(os.Stderr, "make the test environment:", err)
		os.Exit(1)
	}
	suite.BeforeEachTest(func(ctx context.Context, cfg *envconf.Config, t *testing.T) (context.Context, error) {
		l := theLab.Open(ctx, t)
		cfg.WithKubeconfigFile(l.Cluster().Kubeconfig())
		return ctx, nil
	})
	code := labtest.Main(func() int {
		code := suite.Run(m)
		stop()
		// Once more at the end, where nobody has to look for it among hundreds of lines, and where a log that
		// was cut still has it.
		for _, f := range failures {
			fmt.Println("not passed:", f)
		}
		return code
	}, &theLab) // not suite.Finish: it would lose the error of closing the lab
	os.Exit(code)
}

// TestScenarios plays the catalogue on a real mesh, all on one cluster. One scenario: go test ./scenarios -run
// TestScenarios/label-mismatch; those with a label: LABEL=core; the core and an eighth of the others: TURN=1/8;
// by HTTPRoutes: CANARYLAB_API=gateway; in an order by chance: -shuffle=on.
func TestScenarios(t *testing.T) {
	list, err := scenarios.Labeled(os.Getenv("LABEL"))
	if err != nil {
		t.Fatal(err)
	}
	turn := labtest.TheTurn(t)
	list, left := takeTurn(turn, list)
	list, without, err := scenarios.Play(list, os.Getenv(scenarios.APIVariable))
	if err != nil {
		t.Fatal(err)
	}
	if len(without) > 0 {
		t.Logf("by HTTPRoutes can't be played %s", names(without))
	}
	t.Logf("turn %s plays %s", turn, names(list))
	if len(left) > 0 {
		t.Logf("turn %s leaves out %s", turn, names(left))
	}
	shuffle(t, list)
	var all []features.Feature
	for _, s := range list {
		all = append(all, feature(s))
	}
	suite.Test(t, all...)
	if theLab.Opened() {
		printSummaries(t)
	}
}

// takeTurn returns the scenarios of the core and those of the others whose turn it is, in the order of list,
// and those that are left out.
func takeTurn(turn labtest.Turn, list []harness.Scenario) (played, left []harness.Scenario) {
	others := 0
	for _, s := range list {
		core := slices.Contains(s.Labels, harness.Core)
		if core || turn.Has(others) {
			played = append(played, s)
		} else {
			left = append(left, s)
		}
		if !core {
			others++
		}
	}
	return played, left
}

// names lists the scenarios' names for a reader.
func names(list []harness.Scenario) string {
	var all []string
	for _, s := range list {
		all = append(all, s.Name)
	}
	return strings.Join(all, ", ")
}

// The core is played in each turn, each other scenario in one of all, and no turn has more than one scenario
// more than another.
func TestTurnsPlayTheWholeCatalogue(t *testing.T) {
	all := scenarios.All()
	played := map[string]int{}
	var counts []int
	for _, text := range []string{"1/8", "2/8", "3/8", "4/8", "5/8", "6/8", "7/8", "8/8"} {
		turn, err := labtest.ParseTurn(text)
		if err != nil {
			t.Fatal(err)
		}
		list, left := takeTurn(turn, all)
		if len(list)+len(left) != len(all) {
			t.Errorf("turn %s: got %d played and %d left out of %d", turn, len(list), len(left), len(all))
		}
		for _, s := range list {
			played[s.Name]++
		}
		counts = append(counts, len(list))
	}
	for _, s := range all {
		want := 1
		if slices.Contains(s.Labels, harness.Core) {
			want = labtest.Turns
		}
		if played[s.Name] != want {
			t.Errorf("%s: got it in %d turns, want %d", s.Name, played[s.Name], want)
		}
	}
	if slices.Max(counts)-slices.Min(counts) > 1 {
		t.Errorf("got turns of %v scenarios, want them alike", counts)
	}
	if list, left := takeTurn(labtest.Turn{}, all); len(list) != len(all) || len(left) > 0 {
		t.Errorf("all turns: got %d played and %d left out, want all %d played", len(list), len(left), len(all))
	}
}

// shuffle brings the scenarios into an order by chance where go test's -shuffle asks for it: by itself that
// shuffles tests, and these are the parts of one.
func shuffle(t *testing.T, list []harness.Scenario) {
	t.Helper()
	asked := flag.Lookup("test.shuffle").Value.String()
	if asked == "off" {
		return
	}
	seed, err := strconv.ParseUint(asked, 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("scenarios shuffled: -shuffle=%d", seed)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

// played are the runs so far.
var played []reports.Summary

// printSummaries prints what the catalogue showed, in one table.
func printSummaries(t *testing.T) {
	t.Helper()
	if err := text.WriteSummaries(os.Stdout, played, text.Options{}); err != nil {
		t.Error(err)
	}
}

// failures is what did not pass, a line for each.
var failures []string

// fail fails a test of a scenario, and has it told at the end once more.
func fail(t *testing.T, s harness.Scenario, format string, args ...any) {
	t.Helper()
	shown := fmt.Sprintf(format, args...)
	failures = append(failures, s.Name+": "+shown)
	t.Error(shown)
}

// offByHalf holds what was seen against the claim that stands for the story, with its number off by half: a run that
// passes the one has to fail the other, or the story would have passed with another number too.
func offByHalf(t *testing.T, s harness.Scenario, rep *reports.Report) {
	t.Helper()
	name, point, _ := reports.Point(rep)
	i := slices.IndexFunc(s.Phases, func(p harness.Phase) bool { return p.Name == name })
	e := slices.IndexFunc(s.Phases[i].Expect, func(e expect.Expectation) bool { return e.String() == point.Want })
	if point.Outcome != reports.Pass || e < 0 {
		t.Skip("the story did not pass")
	}
	half, ok := expect.OffByHalf(s.Phases[i].Expect[e])
	if !ok {
		t.Skipf("%s: a bound of a time", point.Want)
	}
	v := half.Check(rep.Phases[i].Observation)
	t.Logf("phase %s: want %s, saw %s: %s (%s)", name, v.Want, v.Saw, v.Outcome, v.Why)
	if v.Outcome != reports.Fail {
		fail(t, s, "phase %s: %s, although it was to be %s: got %s, want fail", name, v.Saw, half, v.Outcome)
	}
}

// feature plays s once and holds each proof and expectation as an assessment of its own.
func feature(s harness.Scenario) features.Feature {
	var rep *reports.Report
	var before []string
	f := features.New(s.Name).Setup(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
		run := ctx
		if end, ok := t.Deadline(); ok {
			var cancel context.CancelFunc
			run, cancel = context.WithDeadline(ctx, end.Add(-cleanup))
			defer cancel()
		}
		l := theLab.Open(ctx, t)
		if s.OwnIstioOnly() && len(l.Labels()) > 0 {
			t.Skip("it takes istiod away, and this one is not the lab's")
		}
		before = labtest.Residue(t, l.Kube(), l.Mesh())
		var err error
		if rep, err = theLab.Steady(run, t, s, harness.Options{}); err != nil {
			fail(t, s, "run: %v", err)
			t.FailNow()
		}
		played = append(played, reports.Summarize(rep))
		// Here, and not wherever a scenario is played: other tests want theirs to fail.
		if err := github.Publish(os.Stdout, os.Getenv, &reports.Run{Report: rep}); err != nil {
			t.Log(err)
		}
		if !rep.Accounting.Balanced() {
			fail(t, s, "the accounting does not add up: %s", rep.Accounting.ProblemText())
		}
		for _, e := range rep.Accounting.Troubles {
			fail(t, s, "trouble at %s: %s %s", e.At.Format(time.TimeOnly), e.Proxy, e.Text)
		}
		return ctx
	})
	for i, p := range s.Phases {
		var wants []string
		for _, proof := range p.Prove {
			wants = append(wants, proof.String())
		}
		for _, e := range p.Expect {
			wants = append(wants, e.String())
		}
		for j, want := range wants {
			f.Assess(p.Name+": "+want, func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
				v := rep.Phases[i].Verdicts[j]
				if v.Want != want {
					t.Fatalf("verdict %d of phase %s: got one on %q, want %q", j, p.Name, v.Want, want)
				}
				if v.Outcome != reports.Pass {
					fail(t, s, "phase %s: %s: want %s, saw %s: %s", p.Name, v.Outcome, v.Want, v.Saw, v.Why)
				}
				return ctx
			})
		}
	}
	f.Assess("its main number off by half fails", func(
		ctx context.Context, t *testing.T, _ *envconf.Config,
	) context.Context {
		offByHalf(t, s, rep)
		return ctx
	})
	// What one leaves is there for the next.
	f.Assess("nothing is left", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
		l := theLab.Open(ctx, t)
		if after := labtest.Residue(t, l.Kube(), l.Mesh()); !slices.Equal(before, after) {
			fail(t, s, "got\n%s\nafter the run, want\n%s\nas before", strings.Join(after, "\n"),
				strings.Join(before, "\n"))
		}
		return ctx
	})
	return f.Feature()
}
