// Package lab puts the parts together: it picks a provider, builds what is missing, brings a cluster with Istio up or
// finds it running, and says what it did and how long each step took.
package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/types"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/filelock"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
)

// DefaultName is the cluster that commands mean when none is named.
const DefaultName = "lab"

const (
	// undoWithin bounds the removal of a cluster whose bring-up failed or was interrupted.
	undoWithin = 30 * time.Second
	// readyWithin bounds the wait for the node and for Istio. On two quiet cores they take 10 s.
	readyWithin = 4 * time.Minute
)

// Options say which lab to open.
type Options struct {
	// Cluster is the kind of cluster: auto, embedded, kind or existing. Empty means auto.
	Cluster string
	// Name of the cluster; empty means DefaultName.
	Name string
	// Home is the folder for caches and state; empty means Home().
	Home string
	// Progress is told of every step; nil means nobody is.
	Progress cluster.Progress
}

// A Lab is a running cluster with Istio.
type Lab struct {
	cluster  cluster.Cluster
	provider cluster.Provider
	why      string
	kube     *kube.Client
	timer    *timer
	steps    []cluster.Step
	gateway  chan error // gets one value when the ingress gateway is ready
}

// Open brings a lab up, or finds it running, and returns when pods get their sidecars. The ingress gateway may still be
// starting: Settle awaits it. A cluster that Open made and could not finish is removed again. An error that wraps
// ErrUnavailable means that this machine can't run the cluster asked for.
func Open(ctx context.Context, o Options) (_ *Lab, err error) {
	o, err = o.withDefaults()
	if err != nil {
		return nil, err
	}
	provider, store, why, err := o.provider(ctx)
	if err != nil {
		return nil, err
	}
	timer := newTimer(o.Progress)
	store.Progress = timer
	set, err := build(ctx, provider, store)
	if err != nil {
		return nil, err
	}
	// Building is done once, and is no part of the bring-up.
	timer.restart()
	// Rendering needs no cluster: it goes on beside the start of one.
	render := make(chan rendered, 1)
	go func() {
		m, err := mesh.Render(MeshOptions())
		render <- rendered{m, err}
	}()
	l := &Lab{provider: provider, why: why, timer: timer, gateway: make(chan error, 1)}
	l.cluster, err = provider.Up(ctx, o.Name, cluster.Options{
		Progress: timer,
		Images:   func(context.Context) (map[string]v1.Image, error) { return set, nil },
	})
	if err != nil {
		return nil, fmt.Errorf("bring up %s cluster %q: %w", provider.Name(), o.Name, err)
	}
	defer func() {
		if err == nil {
			return
		}
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
		defer cancel()
		err = errors.Join(err, l.Close(undo))
	}()
	if l.kube, err = kube.New(l.cluster.Config()); err != nil {
		return nil, err
	}
	istio := <-render
	if istio.err != nil {
		return nil, istio.err
	}
	if err := l.installMesh(ctx, set, istio.manifests); err != nil {
		return nil, err
	}
	go func() {
		ctx, cancel := context.WithTimeout(ctx, readyWithin)
		defer cancel()
		l.gateway <- mesh.InstallGateway(ctx, l.kube, istio.manifests, timer)
	}()
	return l, nil
}

// build makes all that is missing, side by side: on a first run one part downloads while another compiles.
func build(ctx context.Context, provider cluster.Provider, store *artifacts.Store) (set map[string]v1.Image, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return provider.Prepare(ctx) })
	g.Go(func() (err error) {
		set, err = images.Build(ctx, store)
		return err
	})
	err = g.Wait()
	return set, err
}

// Settle waits until nothing of the bring-up goes on any more, and keeps its steps. It is called once. If it fails, a
// cluster that Open made is removed again.
func (l *Lab) Settle() error {
	if err := <-l.gateway; err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), undoWithin)
		defer cancel()
		return errors.Join(err, l.Close(ctx))
	}
	l.steps = l.timer.finished()
	return l.rememberSteps()
}

// rendered are Istio's manifests, or why there are none.
type rendered struct {
	manifests mesh.Manifests
	err       error
}

// installMesh loads the images, awaits the node and installs Istio, side by side where they do not depend on each other.
func (l *Lab) installMesh(ctx context.Context, set map[string]v1.Image, manifests mesh.Manifests) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		done := l.timer.Step("images on the node")
		err := l.cluster.LoadImages(ctx, set)
		done(err)
		return err
	})
	g.Go(func() error {
		done := l.timer.Step("node ready")
		err := l.cluster.Ready(ctx)
		done(err)
		return err
	})
	g.Go(func() error { return mesh.InstallCore(ctx, l.kube, manifests, l.timer) })
	return g.Wait()
}

// MeshOptions are the Istio that the lab installs: its own images, made from the Istio that go.mod names.
func MeshOptions() mesh.Options {
	return mesh.Options{Hub: "canarylab", Tag: "dev", Gateway: true}
}

// Kube is the client of the lab's cluster.
func (l *Lab) Kube() *kube.Client { return l.kube }

// Cluster is the lab's cluster.
func (l *Lab) Cluster() cluster.Cluster { return l.cluster }

// Why says why this sort of cluster was chosen.
func (l *Lab) Why() string { return l.why }

// Steps are those of the cluster's bring-up; of a cluster that was found running, those of when it was brought up. They
// are there from Settle on.
func (l *Lab) Steps() []cluster.Step { return l.steps }

// Config is for suites that are written for e2e-framework.
func (l *Lab) Config() *envconf.Config { return envconf.NewWithKubeConfig(l.cluster.Kubeconfig()) }

// Exclusive keeps every other run on this machine off the cluster until release is called: two at once would disturb each
// other's measurement, and two of one scenario each other's namespace. It waits for a run that goes on already.
func (l *Lab) Exclusive(ctx context.Context) (release func(), err error) {
	path := filepath.Join(filepath.Dir(l.cluster.Kubeconfig()), "run.lock")
	return filelock.Lock(ctx, path, fmt.Sprintf("it is playing a scenario on cluster %q", l.cluster.Name()), l.timer)
}

// Close removes the lab's cluster, unless it was there before Open.
func (l *Lab) Close(ctx context.Context) error {
	if l.cluster.Reused() {
		return nil
	}
	return l.provider.Down(ctx, l.cluster.Name(), false)
}

func (o Options) withDefaults() (Options, error) {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if o.Home == "" {
		home, err := Home()
		if err != nil {
			return o, err
		}
		o.Home = home
	}
	return o, nil
}

// Home is the folder that everything the lab keeps on this machine is below: CANARYLAB_HOME, or /var/lib/canarylab for
// root, or canarylab in the user's cache folder.
func Home() (string, error) {
	if dir := os.Getenv("CANARYLAB_HOME"); dir != "" {
		return filepath.Abs(dir)
	}
	if os.Geteuid() == 0 {
		return "/var/lib/canarylab", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for caches (set CANARYLAB_HOME): %w", err)
	}
	return filepath.Join(dir, "canarylab"), nil
}

// store is where built things are kept.
func (o Options) store() (*artifacts.Store, error) {
	source, err := Source()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(o.Home, "cache")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache folder: %w", err)
	}
	return artifacts.New(dir, source, o.Progress), nil
}

// E2E returns a provider for suites written for e2e-framework: a bare cluster, without Istio, of the kind that o asks for.
func E2E(ctx context.Context, o Options) (types.E2EClusterProvider, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	provider, store, _, err := o.provider(ctx)
	if err != nil {
		return nil, err
	}
	return cluster.NewE2E(provider, cluster.Options{
		Progress: o.Progress,
		Images:   func(ctx context.Context) (map[string]v1.Image, error) { return images.Build(ctx, store) },
	}).WithName(o.Name), nil
}
