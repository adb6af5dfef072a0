// Package labrun plays scenarios in a lab.
package labrun

import (
	"context"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/live"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
)

// Play plays s in the lab, in a folder of its own below out, whose path it returns. Play sets ID, Dir, Setup and
// BringUp of o. Its report and error are those of harness.Run.
func Play(
	ctx context.Context, l *lab.Lab, s harness.Scenario, out string, o harness.Options,
) (rep *reports.Report, dir string, err error) {
	setup, err := l.Setup(ctx)
	if err != nil {
		return nil, "", err
	}
	for _, ns := range s.Namespaces() {
		done, err := l.Playing(ns)
		if err != nil {
			return nil, "", err
		}
		defer done()
	}
	if s.AsksGatewayAPI() {
		if err := l.ProvideGatewayAPI(ctx); err != nil {
			return nil, "", err
		}
	}
	cluster := clusterOf(l)
	cluster.Namespaces, cluster.Gateway = s.Namespaces(), s.Site.Ingress.Namespace
	env, disconnect := live.New(cluster)
	defer disconnect()
	o.ID, o.Setup, o.BringUp = loadgen.RunID(), setup, l.BringUp()
	o.Dir = harness.RunDir(out, s.Name, o.ID, time.Now())
	rep, err = harness.Run(ctx, env, s, o)
	return rep, o.Dir, err
}

// clusterOf is the lab's cluster for the engine.
func clusterOf(l *lab.Lab) live.Cluster {
	return live.Cluster{
		Kube: l.Kube(), Mesh: l.Mesh(), Reference: l.Cluster().Reference, Labels: l.Labels(), Provide: l.Provide,
		AllowRealTime: l.AllowRealTime, Volume: l.Volume(),
	}
}
