// Package labrun plays scenarios in a lab.
package labrun

import (
	"context"
	"errors"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/live"
	"github.com/canarylab/canarylab/harness/progress"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
)

// runLabel is the label of a namespace on a cluster that others use too which names the run.
const runLabel = "canarylab.io/run"

// Play plays s in the lab, in a folder of its own below out, whose path it returns. Play sets ID, Dir, Setup and
// BringUp of o. Its report and error are those of harness.Run.
func Play(
	ctx context.Context, l *lab.Lab, s harness.Scenario, out string, o harness.Options,
) (rep *reports.Report, dir string, err error) {
	return play(ctx, l, s, out, o, anywhere)
}

// play is Play where placing says.
func play(
	ctx context.Context, l *lab.Lab, s harness.Scenario, out string, o harness.Options, placing placer,
) (rep *reports.Report, dir string, err error) {
	setup, err := l.Setup(ctx)
	if err != nil {
		return nil, "", err
	}
	o.ID = loadgen.RunID()
	at, err := placing(ctx, l, s, o.ID)
	if err != nil {
		return nil, "", err
	}
	defer at.release()
	s, ctx = at.scenario, at.held
	if at.about != "" {
		setup.About = append(setup.About, at.about)
		progress.Begin(o.Progress, "namespace "+s.Namespaces()[0])(nil)
	}
	done, err := l.Playing(s.Namespaces()[0], s.Namespaces()[1:]...)
	if err != nil {
		return nil, "", err
	}
	defer done()
	if s.AsksGatewayAPI() {
		if err := l.ProvideGatewayAPI(ctx); err != nil {
			return nil, "", err
		}
	}
	cluster := clusterOf(l)
	if len(cluster.Labels) > 0 {
		cluster.Labels[runLabel] = o.ID
	}
	cluster.Lost = func() error {
		if cause := context.Cause(at.held); errors.Is(cause, kube.ErrLeaseLost) {
			return cause
		}
		return nil
	}
	cluster.Namespaces, cluster.Gateway = s.Namespaces(), s.Site.Ingress.Namespace
	env, disconnect := live.New(cluster)
	defer disconnect()
	o.Setup, o.BringUp = setup, l.BringUp()
	o.Dir = harness.RunDir(out, s.Name, o.ID, time.Now())
	rep, err = harness.Run(ctx, env, s, o)
	return rep, o.Dir, err
}

// clusterOf is the lab's cluster for the engine.
func clusterOf(l *lab.Lab) live.Cluster {
	return live.Cluster{
		Kube: l.Kube(), Mesh: l.Mesh(), Reference: l.Cluster().Reference, Labels: l.NamespaceLabels(),
		Provide:       l.Provide,
		AllowRealTime: l.AllowRealTime, Volume: l.Volume(), Made: l.Namespaces() != nil,
	}
}
