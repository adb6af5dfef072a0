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
	seat(l, t, out, p, &dir)
	e, rep, err = t.Run(ctx)
	return e, rep, dir, err
}

// Class has a class play in the lab until each mission is over. Each run is in a folder of its own below out. Class
// sets Space and Play of the learners' trainers, and the class's Machine where its pods run on this machine.
func Class(
	ctx context.Context, l *lab.Lab, c *training.Class, out string, p progress.Progress,
) ([]training.Seat, error) {
	dirs := make([]string, len(c.Learners))
	for i, t := range c.Learners {
		seat(l, t, out, progress.Prefixed(p, t.Options.Namespace+": "), &dirs[i])
	}
	if !l.Borrowed() {
		c.Machine = live.Machine{}
	}
	seats, err := c.Run(ctx)
	for i := range seats {
		seats[i].Dir = dirs[seats[i].Learner-1]
	}
	return seats, err
}

// seat sets Space and Play of a trainer. dir becomes the folder of its last run.
func seat(l *lab.Lab, t *training.Trainer, out string, p progress.Progress, dir *string) {
	t.Space = live.NewSpace(clusterOf(l))
	t.Play = func(ctx context.Context, s harness.Scenario, given harness.Options) (rep *reports.Report, err error) {
		given.Progress = p
		rep, *dir, err = play(ctx, l, s, out, given, asItIs)
		return rep, err
	}
}
