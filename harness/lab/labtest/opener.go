package labtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/cluster/footprint"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labrun"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/html"
	"github.com/canarylab/canarylab/reports/render"
	"github.com/canarylab/canarylab/reports/schema"
)

// closeWithin bounds the removal of a cluster.
const closeWithin = time.Minute

// hostSettles is how long the kernel may take to end what a cluster had.
const hostSettles = 10 * time.Second

// An Opener opens a lab once, when the first test wants it, so that tests which need no cluster do not bring one up.
type Opener struct {
	Options func() lab.Options

	once sync.Once
	lab  *lab.Lab
	err  error
	// host is what was on this machine before.
	host footprint.Picture
	of   footprint.Of
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
		if o.err = o.look(ctx, options); o.err != nil {
			return
		}
		if o.lab, o.err = lab.Open(ctx, options); o.err == nil {
			o.err = o.lab.Settle()
		}
	})
	return o.lab, o.err
}

// Opened tells whether the lab is open.
func (o *Opener) Opened() bool { return o.lab != nil }

// Play plays s in the lab once, and leaves its folder with the other runs', with the report in every format.
// Play prints the progress where options have none.
func (o *Opener) Play(ctx context.Context, t testing.TB, s harness.Scenario, options harness.Options) (
	*reports.Report, error,
) {
	t.Helper()
	l := o.Open(ctx, t)
	out, err := lab.Runs()
	if err != nil {
		t.Fatal(err)
	}
	if options.Progress == nil {
		options.Progress = Steps{}
	}
	release, err := l.Exclusive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	rep, dir, err := labrun.Play(ctx, l, s, out, options)
	if rep == nil {
		return nil, err
	}
	t.Logf("report: file://%s", filepath.Join(dir, html.File))
	b, unread := os.ReadFile(filepath.Join(dir, reports.ReportFile))
	_, _, unrendered := render.All(dir)
	if err := errors.Join(unread, unrendered); err != nil {
		t.Error(err)
	} else if err := schema.Check(b); err != nil {
		t.Error(err)
	}
	return rep, err
}

// Steady plays s until the machine carries its load, three times at most, and counts each run for the closing
// table. A run whose load agent was late, because the machine stood still or had other work, or under which the
// machine's clock was set, is void: it measured the machine, whatever its verdicts. Nothing else is a reason to
// play again.
func (o *Opener) Steady(ctx context.Context, t testing.TB, s harness.Scenario, options harness.Options) (
	*reports.Report, error,
) {
	t.Helper()
	return runs.steady(t, s.Name, func() (*reports.Report, error) { return o.Play(ctx, t, s, options) })
}

// look takes a picture of this machine. Only root sees all of it, and only root makes clusters that keep their host.
func (o *Opener) look(ctx context.Context, options lab.Options) error {
	if os.Geteuid() != 0 {
		return nil
	}
	home, err := lab.Home()
	if err != nil {
		return err
	}
	o.of = footprint.Of{Home: cmp.Or(options.Home, home), Clusters: cmp.Or(options.Name, lab.DefaultName)}
	o.host, err = footprint.Take(ctx, o.of)
	return err
}

// Close removes the cluster, if Open made it. Then the machine has to be as it was before.
func (o *Opener) Close() error {
	if o.lab == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	if err := o.lab.Close(ctx); err != nil || o.host == nil || !o.lab.KeepsHost() || o.lab.Cluster().Reused() {
		return err
	}
	changed, loaded, err := footprint.Settled(ctx, o.host, o.of, hostSettles)
	if len(loaded) > 0 {
		fmt.Fprintln(os.Stderr, "modules that were loaded, and stay:", strings.Join(loaded, ", "))
	}
	if err == nil && len(changed) > 0 {
		err = fmt.Errorf("changed on this machine, and left so:\n%s", strings.Join(changed, "\n"))
	}
	return err
}

// Steps prints progress to the standard error: a line for each step that ended.
type Steps struct{}

// Step implements progress.Progress.
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
	t.Errorf("got %s, want %s: %q, %+v, unexplained %+v", rep.Outcome, reports.Pass, rep.Accounting.Problems,
		rep.Accounting.Troubles, rep.Accounting.Unexplained)
	for _, p := range rep.Phases {
		for _, v := range p.Verdicts {
			if v.Outcome != reports.Pass {
				t.Errorf("phase %s: %s: want %s, saw %s: %s", p.Name, v.Outcome, v.Want, v.Saw, v.Why)
			}
		}
	}
}
