package labtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/html"
	"github.com/canarylab/canarylab/reports/render"
	"github.com/canarylab/canarylab/reports/schema"
)

const (
	// closeWithin bounds the removal of a cluster.
	closeWithin = time.Minute
	// steadyTries is how often Steady plays a scenario whose load the machine did not carry.
	steadyTries = 3
)

// An Opener opens a lab once, when the first test wants it, so that tests which need no cluster do not bring one up.
type Opener struct {
	Options func() lab.Options

	once sync.Once
	lab  *lab.Lab
	err  error
}

// Open returns the lab. Where none can be had, it skips the test, or fails it if CANARYLAB_REQUIRE_CLUSTER=1.
func (o *Opener) Open(ctx context.Context, t testing.TB) *lab.Lab {
	t.Helper()
	if testing.Short() {
		t.Skip("this needs a cluster: run without -short")
	}
	l, err := o.Try(ctx)
	switch {
	case errors.Is(err, lab.ErrUnavailable) && os.Getenv("CANARYLAB_REQUIRE_CLUSTER") != "1":
		t.Skipf("%v", err)
	case err != nil:
		t.Fatalf("open the lab: %v", err)
	}
	return l
}

// Try opens the lab, or says why that failed, each time again.
func (o *Opener) Try(ctx context.Context) (*lab.Lab, error) {
	o.once.Do(func() {
		options := o.Options()
		options.Progress = Steps{}
		if o.lab, o.err = lab.Open(ctx, options); o.err == nil {
			o.err = o.lab.Settle()
		}
	})
	return o.lab, o.err
}

// Opened tells whether the lab is open.
func (o *Opener) Opened() bool { return o.lab != nil }

// Play plays s in the lab once, and leaves its folder with the other runs', with the report in every format. Of the options, those that say where the
// run is kept are set here, and so is its progress where there is none.
func (o *Opener) Play(ctx context.Context, t testing.TB, s harness.Scenario, options harness.Options) (*reports.Report, error) {
	t.Helper()
	l := o.Open(ctx, t)
	setup, err := l.Setup(ctx)
	if err != nil {
		t.Fatal(err)
	}
	source, err := lab.Source()
	if err != nil {
		t.Fatal(err)
	}
	options.ID, options.BringUp = loadgen.RunID(), l.BringUp()
	options.Dir = harness.RunDir(filepath.Join(source, "reports", "out"), s.Name, options.ID, time.Now())
	if options.Progress == nil {
		options.Progress = Steps{}
	}
	release, err := l.Exclusive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	t.Logf("report: file://%s", filepath.Join(options.Dir, html.File))
	target := harness.Cluster{Kube: l.Kube(), Mesh: l.Mesh(), Reference: l.Cluster().Reference, Labels: l.Labels(), Provide: l.Provide, Setup: setup}
	rep, err := harness.Run(ctx, target, s, options)
	if rep != nil {
		b, unread := os.ReadFile(filepath.Join(options.Dir, reports.ReportFile))
		_, _, unrendered := render.All(options.Dir)
		if err := errors.Join(unread, unrendered); err != nil {
			t.Error(err)
		} else if err := schema.Check(b); err != nil {
			t.Error(err)
		}
	}
	return rep, err
}

// Steady plays s until the machine carries its load, three times at most. A run whose load agent was late, because the machine stood still or had
// other work, or under which the machine's clock was set, is void: it measured the machine, whatever its verdicts. Nothing else is a reason to play
// again.
func (o *Opener) Steady(ctx context.Context, t testing.TB, s harness.Scenario, options harness.Options) (*reports.Report, error) {
	t.Helper()
	for try := 1; ; try++ {
		rep, err := o.Play(ctx, t, s, options)
		if err != nil || !rep.Accounting.Void() || try == steadyTries {
			return rep, err
		}
		t.Logf("run %d of at most %d was void: %q", try, steadyTries, rep.Accounting.Problems)
	}
}

// Close removes the cluster, if Open made it.
func (o *Opener) Close() error {
	if o.lab == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	return o.lab.Close(ctx)
}

// Steps prints progress to the standard error: a line for each step that ended.
type Steps struct{}

// Step implements cluster.Progress.
func (Steps) Step(name string) func(error) {
	start := time.Now()
	return func(err error) {
		state := "done"
		if err != nil {
			state = "failed"
		}
		fmt.Fprintf(os.Stderr, "%8.2fs  %s %s\n", time.Since(start).Seconds(), name, state)
	}
}

// Passed holds that a report is a pass, and says what it is instead.
func Passed(t testing.TB, rep *reports.Report) {
	t.Helper()
	if rep.Outcome == reports.Pass {
		return
	}
	t.Errorf("got %s, want %s: %q, %+v, unexplained %+v", rep.Outcome, reports.Pass, rep.Accounting.Problems, rep.Accounting.Troubles, rep.Accounting.Unexplained)
	for _, p := range rep.Phases {
		for _, v := range p.Verdicts {
			if v.Outcome != reports.Pass {
				t.Errorf("phase %s: %s: want %s, saw %s: %s", p.Name, v.Outcome, v.Want, v.Saw, v.Why)
			}
		}
	}
}
