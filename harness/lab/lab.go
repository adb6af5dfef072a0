// Package lab puts the parts together: it picks a provider, builds what is missing, brings a cluster with Istio up or
// finds it running, and says what it did and how long each step took.
package lab

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/filelock"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/harness/progress"
)

// A Lab is a running cluster with Istio.
type Lab struct {
	cluster  cluster.Cluster
	provider cluster.Provider
	why      string
	kube     *kube.Client
	mesh     mesh.Installed
	istio    Istio
	store    images.PrometheusStore // nil where images are not built
	timer    *timer
	steps    []progress.Step
	istiodIn string     // where istiod is, for a user who may not look everywhere
	gateway  chan error // gets one value when the ingress gateway is ready

	playing sync.Mutex
	// played are the namespaces that are played in, and playedToo those that a scenario has beside its own.
	played, playedToo []string
}

// Kube is the client of the lab's cluster.
func (l *Lab) Kube() *kube.Client { return l.kube }

// Mesh is the Istio that the lab installed or found.
func (l *Lab) Mesh() mesh.Installed { return l.mesh }

// Cluster is the lab's cluster.
func (l *Lab) Cluster() cluster.Cluster { return l.cluster }

// Borrowed tells whether the cluster is somebody else's.
func (l *Lab) Borrowed() bool { return l.provider.Traits().Borrowed }

// KeepsHost tells whether nothing of this machine is changed once the lab is closed.
func (l *Lab) KeepsHost() bool { return l.provider.Traits().KeepsHost }

// Labels are for the namespaces that scenarios make: by them the lab finds its own on a borrowed cluster again.
func (l *Lab) Labels() map[string]string { return l.provider.Traits().Labels }

// NamespaceLabels are those of a scenario's namespaces: Labels, and whose it is. Nil where Labels is.
func (l *Lab) NamespaceLabels() map[string]string {
	if l.Labels() == nil {
		return nil
	}
	all := maps.Clone(l.Labels())
	maps.Copy(all, l.provider.Traits().Own)
	return all
}

// Namespaces are those that were made for scenarios to be played in. Nil means that they make their own.
func (l *Lab) Namespaces() []string { return l.provider.Traits().Namespaces }

// A sharer is a Cluster whose nodes are on this machine.
type sharer interface {
	// Volume is the folder that is an emptyDir volume of a pod.
	Volume(uid types.UID, volume string) string
}

// Volume returns what tells the folder on this machine that is an emptyDir volume of a pod, nil where nodes are
// elsewhere.
func (l *Lab) Volume() func(uid types.UID, volume string) string {
	if c, ok := l.cluster.(sharer); ok {
		return c.Volume
	}
	return nil
}

// Why says why this kind of cluster was chosen.
func (l *Lab) Why() string { return l.why }

// Steps are those of the cluster's bring-up, also where that was before Open. Settle sets them.
func (l *Lab) Steps() []progress.Step { return l.steps }

// Exclusive keeps every other run on this machine off the cluster until release is called: two at once would disturb
// each other's measurement, and two of one scenario each other's namespace. It waits for a run that goes on already. On
// a cluster of its own the lab takes away what a killed run left; on somebody else's, down does.
func (l *Lab) Exclusive(ctx context.Context) (release func(), err error) {
	dir, name := filepath.Dir(l.cluster.Kubeconfig()), l.cluster.Name()
	release, err = filelock.Lock(ctx, filepath.Join(dir, lockFile),
		fmt.Sprintf("it is playing a scenario on cluster %q", name), l.timer)
	if err != nil || l.Borrowed() {
		return release, err
	}
	if err := sweep(ctx, dir, l.kube.DeleteNamespace); err != nil {
		release()
		return nil, fmt.Errorf("take away what a killed run left on cluster %q (%s takes away all): %w", name,
			l.DownCommand(), err)
	}
	return release, nil
}

// Close removes the lab's cluster, unless it was there before Open.
func (l *Lab) Close(ctx context.Context) error {
	if l.cluster.Reused() {
		return nil
	}
	return l.provider.Down(ctx, l.cluster.Name(), false)
}

// A removable cluster takes more than its name to be removed.
type removable interface {
	// DownCommand is what removes the cluster, or what the lab made in it.
	DownCommand() string
}

// DownCommand is the command that undoes the bring-up.
func (l *Lab) DownCommand() string {
	if c, ok := l.cluster.(removable); ok {
		return c.DownCommand()
	}
	if name := l.cluster.Name(); name != DefaultName {
		return "canarylab down --name " + name
	}
	return "canarylab down"
}
