package labrun

import (
	"context"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/live"
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports"
)

// Train has t play its mission in the lab until it is over, each run in a folder of its own below out. It returns the
// last run's folder. Train sets Space and Play of t; o is for every run.
func Train(
	ctx context.Context, l *lab.Lab, t *training.Trainer, out string, o harness.Options,
) (e training.Explanation, dir string, err error) {
	t.Space = live.NewSpace(clusterOf(l))
	t.Play = func(ctx context.Context, s harness.Scenario, given harness.Options) (rep *reports.Report, err error) {
		given.Progress = o.Progress
		rep, dir, err = Play(ctx, l, s, out, given)
		return rep, err
	}
	e, _, err = t.Run(ctx)
	return e, dir, err
}
