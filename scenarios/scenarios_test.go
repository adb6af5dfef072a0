package scenarios_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/e2e-framework/pkg/env"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/scenarios"
)

const (
	// out is where the runs' folders go, seen from this package's folder.
	out = "../reports/out"
	// cleanup is the time before `go test -timeout` strikes that a run keeps for its report and for cleaning up.
	cleanup = 90 * time.Second
	// closeWithin bounds the removal of the cluster.
	closeWithin = time.Minute
)

var (
	suite env.Environment
	// theLab is opened by the first scenario that runs, so that tests which need no cluster do not bring one up.
	theLab opener
)

func TestMain(m *testing.M) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if suite, err = env.NewWithContext(ctx, envconf.New()); err != nil {
		fmt.Fprintln(os.Stderr, "make the test environment:", err)
		os.Exit(1)
	}
	suite.BeforeEachTest(func(ctx context.Context, cfg *envconf.Config, t *testing.T) (context.Context, error) {
		l := theLab.open(ctx, t)
		cfg.WithKubeconfigFile(l.Cluster().Kubeconfig())
		return ctx, nil
	})
	code := suite.Run(m)
	stop()
	// Not suite.Finish: it would lose the error.
	if err := theLab.close(); err != nil {
		fmt.Fprintln(os.Stderr, "close the lab:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// TestScenarios plays the catalogue on a real mesh. One scenario: go test ./scenarios -run TestScenarios/label-mismatch
func TestScenarios(t *testing.T) {
	var all []features.Feature
	for _, s := range scenarios.All() {
		all = append(all, feature(s))
	}
	suite.Test(t, all...)
}

// feature plays s once and holds each proof and expectation as an assessment of its own.
func feature(s harness.Scenario) features.Feature {
	var rep *reports.Report
	f := features.New(s.Name).Setup(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
		run := ctx
		if end, ok := t.Deadline(); ok {
			var cancel context.CancelFunc
			run, cancel = context.WithDeadline(ctx, end.Add(-cleanup))
			defer cancel()
		}
		var err error
		if rep, err = theLab.play(run, t, s, steps{}); err != nil {
			t.Fatalf("run %s: %v", s.Name, err)
		}
		if !rep.Books.Balance() {
			t.Errorf("the books do not balance: %q", rep.Books.Problems)
		}
		for _, e := range rep.Books.Troubles {
			t.Errorf("trouble at %s: %s %s", e.At.Format(time.TimeOnly), e.Proxy, e.Text)
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
					t.Errorf("%s: want %s, saw %s: %s", v.Outcome, v.Want, v.Saw, v.Why)
				}
				return ctx
			})
		}
	}
	return f.Feature()
}

// An opener opens the lab once.
type opener struct {
	once sync.Once
	lab  *lab.Lab
	err  error
}

// open returns the lab. Where none can be had, it skips the test, or fails it if CANARYLAB_REQUIRE_CLUSTER=1.
func (o *opener) open(ctx context.Context, t *testing.T) *lab.Lab {
	t.Helper()
	if testing.Short() {
		t.Skip("scenarios need a cluster: run without -short")
	}
	o.once.Do(func() {
		if o.lab, o.err = lab.Open(ctx, lab.Options{Cluster: os.Getenv("CLUSTER"), Name: os.Getenv("CANARYLAB_NAME"), Progress: steps{}}); o.err == nil {
			o.err = o.lab.Settle()
		}
	})
	switch {
	case errors.Is(o.err, lab.ErrUnavailable) && os.Getenv("CANARYLAB_REQUIRE_CLUSTER") != "1":
		t.Skipf("%v", o.err)
	case o.err != nil:
		t.Fatalf("open the lab: %v", o.err)
	}
	return o.lab
}

// play plays s in the lab, and leaves its folder with the other runs'.
func (o *opener) play(ctx context.Context, t *testing.T, s harness.Scenario, p cluster.Progress) (*reports.Report, error) {
	t.Helper()
	l := o.open(ctx, t)
	setup, err := l.Setup()
	if err != nil {
		t.Fatal(err)
	}
	id := loadgen.RunID()
	dir := harness.RunDir(out, s.Name, id, time.Now())
	release, err := l.Exclusive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if path, err := filepath.Abs(dir); err == nil {
		t.Logf("report: %s", path)
	}
	return harness.Run(ctx, harness.Cluster{Kube: l.Kube(), Setup: setup}, s, harness.Options{Dir: dir, ID: id, Progress: p, BringUp: l.BringUp()})
}

func (o *opener) close() error {
	if o.lab == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	return o.lab.Close(ctx)
}

// steps prints progress: a line for each step that ended.
type steps struct{}

func (steps) Step(name string) func(error) {
	start := time.Now()
	return func(err error) {
		state := "done"
		if err != nil {
			state = "failed"
		}
		fmt.Fprintf(os.Stderr, "%8.2fs  %s %s\n", time.Since(start).Seconds(), name, state)
	}
}
