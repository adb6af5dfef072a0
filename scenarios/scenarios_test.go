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
	code := suite.Run(m)
	stop()
	// Once more at the very end, where nobody has to look for it among hundreds of lines, and where a log that was cut still has it.
	for _, f := range failures {
		fmt.Println("not passed:", f)
	}
	// Not suite.Finish: it would lose the error.
	if err := theLab.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "close the lab:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// TestScenarios plays the catalogue on a real mesh, all on one cluster. One scenario: go test ./scenarios -run TestScenarios/label-mismatch;
// those with a label: LABEL=core; in an order by chance: -shuffle=on.
func TestScenarios(t *testing.T) {
	list, err := scenarios.Labeled(os.Getenv("LABEL"))
	if err != nil {
		t.Fatal(err)
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

// shuffle brings the scenarios into an order by chance where go test's -shuffle asks for it: by itself that shuffles tests, and these are the
// parts of one.
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
			fail(t, s, "the books do not balance: %q", rep.Accounting.Problems)
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
	// What one leaves is there for the next.
	f.Assess("nothing is left", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
		l := theLab.Open(ctx, t)
		if after := labtest.Residue(t, l.Kube(), l.Mesh()); !slices.Equal(before, after) {
			fail(t, s, "got\n%s\nafter the run, want\n%s\nas before", strings.Join(after, "\n"), strings.Join(before, "\n"))
		}
		return ctx
	})
	return f.Feature()
}
