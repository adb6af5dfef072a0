package labrun

import (
	"context"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/live"
	"github.com/canarylab/canarylab/harness/progress"
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports"
)

// Train has t play its mission in the lab until it is over, each run in a folder of its own below out. It returns the
// report and the folder of the last run. Train sets Space and Play of t.
func Train(
	ctx context.Context, l *lab.Lab, t *training.Trainer, out string, p progress.Progress,
) (e training.Explanation, rep *reports.Report, dir string, err error) {
	t.Space = live.NewSpace(clusterOf(l))
	t.Play = func(ctx context.Context, s harness.Scenario, given harness.Options) (rep *reports.Report, err error) {
		given.Progress = p
		rep, dir, err = Play(ctx, l, s, out, given)
		return rep, err
	}
	e, rep, err = t.Run(ctx)
	return e, rep, dir, err
}
