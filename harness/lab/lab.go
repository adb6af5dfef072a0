// Package lab puts the parts together: it picks a provider, builds what is missing, brings a cluster with Istio up or
// finds it running, and says what it did and how long each step took.
package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/types"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/cluster/existing"
	"github.com/canarylab/canarylab/harness/filelock"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/harness/progress"
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
	// Name of the cluster; empty means DefaultName. An existing one is named by its context instead.
	Name string
	// Home is the folder for caches and state; empty means Home().
	Home string
	// Progress is told of every step; nil means nobody is.
	Progress progress.Progress

	// NodeImage is a kind cluster's; empty means the best that can be had.
	NodeImage string
	// Retain keeps a kind node that could not be brought up.
	Retain bool
	// Existing says which cluster existing means.
	Existing existing.Access
	// Istio says which Istio there is to be.
	Istio Istio
}

// FromEnv are the options that the environment asks for: CLUSTER, and CANARYLAB_ with the name of the command line's flag, in capitals
// and with _ for -. What is a yes or no there is 1 here for yes. Makefiles, CI and go test have no flags to give.
func FromEnv() Options {
	env := func(name, otherwise string) string {
		if v := os.Getenv(name); v != "" {
			return v
		}
		return otherwise
	}
	yes := func(name string) bool { return os.Getenv(name) == "1" }
	return Options{
		Cluster: env("CLUSTER", "auto"), Name: env("CANARYLAB_NAME", DefaultName),
		NodeImage: os.Getenv("CANARYLAB_NODE_IMAGE"), Retain: yes("CANARYLAB_RETAIN"),
		Existing: existing.Access{
			Kubeconfig: os.Getenv("CANARYLAB_KUBECONFIG"), Context: os.Getenv("CANARYLAB_CONTEXT"), Confirmed: yes("CANARYLAB_YES"),
			ExecPlugins: yes("CANARYLAB_ALLOW_EXEC_PLUGINS"),
			Repository:  os.Getenv("CANARYLAB_IMAGE_REPOSITORY"), Tag: os.Getenv("CANARYLAB_IMAGE_TAG"),
		},
		Istio: Istio{
			Hub: os.Getenv("CANARYLAB_ISTIO_HUB"), Tag: os.Getenv("CANARYLAB_ISTIO_TAG"), Revision: os.Getenv("CANARYLAB_ISTIO_REVISION"),
			Install: yes("CANARYLAB_INSTALL_ISTIO"),
		},
	}
}

// Istio says which Istio a lab has. Zero means the one that go.mod names, built here.
type Istio struct {
	// Hub and Tag name released images, <Hub>/pilot:<Tag> and <Hub>/proxyv2:<Tag>.
	Hub, Tag string
	// Install puts an Istio into an existing cluster. Without it, the one that is there is used.
	Install bool
	// Revision picks one of the revisions of an existing cluster.
	Revision string
}

// released tells whether released images are used.
func (i Istio) released() bool { return i.Hub != "" }

// ErrUsage is wrapped by errors about options that do not go together.
var ErrUsage = errors.New("options that do not go together")

// validate finds wishes that exclude each other.
func (o Options) validate() error {
	existingOnly := func(set bool, flag string) error {
		if set && o.Cluster != existing.Name {
			variable := "CANARYLAB_" + strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(flag, "--"), "-", "_"))
			return fmt.Errorf("%s (or %s) is for CLUSTER=existing", flag, variable)
		}
		return nil
	}
	var errs []error
	if o.Existing.Tag != "" && o.Existing.Repository == "" {
		errs = append(errs, errors.New("--image-tag is a tag in --image-repository, which is missing"))
	}
	if (o.Istio.Hub == "") != (o.Istio.Tag == "") {
		errs = append(errs, errors.New("--istio-hub and --istio-tag go together"))
	}
	if o.Cluster == existing.Name && o.Istio.released() && !o.Istio.Install {
		errs = append(errs, errors.New("--istio-hub is for an Istio that is installed: add --install-istio, or leave it out and the one that is there is used"))
	}
	err := errors.Join(append(errs,
		existingOnly(o.Istio.Install, "--install-istio"), existingOnly(o.Istio.Revision != "", "--istio-revision"),
		existingOnly(o.Existing.Context != "", "--context"), existingOnly(o.Existing.Repository != "", "--image-repository"),
	)...)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return nil
}

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
	gateway  chan error // gets one value when the ingress gateway is ready
}

// Open brings a lab up, or finds it running, and returns when pods get their sidecars. The ingress gateway may still be
// starting: Settle awaits it. A cluster that Open made and could not finish is removed again. An error that wraps
// ErrUnavailable means that this machine can't run the cluster asked for, or that the existing one lacks something.
func Open(ctx context.Context, o Options) (_ *Lab, err error) {
	o, err = o.withDefaults()
	if err != nil {
		return nil, err
	}
	chosen, err := o.choose(ctx)
	if err != nil {
		return nil, err
	}
	provider := chosen.provider
	timer := newTimer(o.Progress)
	if chosen.store != nil {
		chosen.store.Progress = timer
	}
	set, err := build(ctx, provider, chosen.store, o)
	if err != nil {
		return nil, unbuilt(err)
	}
	// Building is done once, and is no part of the bring-up.
	timer.restart()
	l := &Lab{provider: provider, why: chosen.why, istio: o.Istio, timer: timer, gateway: make(chan error, 1)}
	if o.needsTools() {
		l.store = chosen.store
	}
	l.cluster, err = provider.Up(ctx, o.Name, cluster.Options{
		Progress: timer,
		Images:   func(context.Context) (map[string]v1.Image, error) { return set, nil },
	})
	if err != nil {
		return nil, fmt.Errorf("bring up %s cluster %q: %w", provider.Name(), o.Name, err)
	}
	defer func() {
		if err == nil || o.Retain {
			return
		}
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
		defer cancel()
		err = errors.Join(err, l.Close(undo))
	}()
	if l.kube, err = kube.New(l.cluster.Config()); err != nil {
		return nil, err
	}
	if there, ok := l.cluster.(*existing.Cluster); ok {
		if err := l.preflight(ctx, there); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if !o.Istio.Install {
			l.gateway <- nil // what is there, is there
			return l, l.images(ctx, set)
		}
	}
	if err = l.installMesh(ctx, set); err == nil {
		return l, nil
	}
	if errors.Is(err, mesh.ErrForeign) {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if provider.Name() == existing.Name {
		err = fmt.Errorf("%w\ncanarylab down --cluster existing --context %s --yes removes what was installed", err, l.cluster.Name())
	}
	return nil, err
}

// build makes all that is missing, side by side: on a first run one part downloads while another compiles. Images come from the
// store, but for released ones of Istio.
func build(ctx context.Context, provider cluster.Provider, store *artifacts.Store, o Options) (set map[string]v1.Image, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return provider.Prepare(ctx) })
	g.Go(func() (err error) {
		if !o.needsTools() {
			return nil
		}
		which := images.All
		if o.Istio.released() || o.Cluster == existing.Name && !o.Istio.Install {
			which = images.WithoutIstio
		}
		if set, err = images.Build(ctx, store, which); err != nil {
			return err
		}
		if o.Istio.released() && o.Cluster != existing.Name {
			// Nodes of the lab's own have no way out: the images are fetched here and brought to them.
			released, err := images.Released(ctx, o.Istio.Hub, o.Istio.Tag)
			maps.Copy(set, released)
			return err
		}
		return nil
	})
	err = g.Wait()
	return set, err
}

// unbuilt is an error of a build. Where this machine can't build it at all, it wraps ErrUnavailable.
func unbuilt(err error) error {
	if errors.Is(err, artifacts.ErrNoDebian) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
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

// images brings the images to where pods find them.
func (l *Lab) images(ctx context.Context, set map[string]v1.Image) error {
	done := l.timer.Step("images on the node")
	err := l.cluster.LoadImages(ctx, set)
	done(err)
	return err
}

// rendered are Istio's manifests, or why there are none.
type rendered struct {
	manifests mesh.Manifests
	err       error
}

// installMesh loads the images, awaits the node and installs Istio, side by side where they do not depend on each other. The ingress
// gateway goes on starting.
func (l *Lab) installMesh(ctx context.Context, set map[string]v1.Image) error {
	options := MeshOptions()
	if l.istio.released() {
		options.Hub, options.Tag, options.Released = l.istio.Hub, l.istio.Tag, true
	}
	bounded, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	_, foreign := l.cluster.(*existing.Cluster)
	if foreign {
		// Where images are pushed to, their tag is known afterwards.
		if err := l.images(bounded, set); err != nil {
			return err
		}
		if !l.istio.released() {
			options.Hub, options.Tag = split(l.cluster.Reference(images.Pilot))
		}
		options.Labels = existing.Labels()
	}
	// Rendering needs no cluster: it goes on beside the node's start.
	render := make(chan rendered, 1)
	go func() {
		m, err := mesh.Render(options)
		render <- rendered{m, err}
	}()
	g, within := errgroup.WithContext(bounded)
	if !foreign {
		g.Go(func() error { return l.images(within, set) })
	}
	g.Go(func() error {
		done := l.timer.Step("node ready")
		err := l.cluster.Ready(within)
		done(err)
		return err
	})
	var istio rendered
	g.Go(func() error {
		if istio = <-render; istio.err != nil {
			return istio.err
		}
		return mesh.InstallCore(within, l.kube, istio.manifests, l.timer)
	})
	if err := g.Wait(); err != nil {
		return err
	}
	l.mesh = mesh.Own
	if l.istio.released() {
		l.mesh.Version = l.istio.Tag
	}
	go func() {
		ctx, cancel := context.WithTimeout(ctx, readyWithin)
		defer cancel()
		l.gateway <- mesh.InstallGateway(ctx, l.kube, istio.manifests, l.timer)
	}()
	return nil
}

// split takes hub and tag from an image's reference, such as "registry.example.com/team/pilot:1a2b".
func split(ref string) (hub, tag string) {
	slash := strings.LastIndexByte(ref, '/')
	_, tag, _ = strings.Cut(ref[slash+1:], ":")
	return ref[:slash], tag
}

// MeshOptions are the Istio that the lab installs: its own images, made from the Istio that go.mod names.
func MeshOptions() mesh.Options {
	return mesh.Options{Hub: "canarylab", Tag: "dev", Gateway: true}
}

// Kube is the client of the lab's cluster.
func (l *Lab) Kube() *kube.Client { return l.kube }

// Labels are for the namespaces that scenarios make: on a cluster that is not the lab's own, by them it finds them again.
func (l *Lab) Labels() map[string]string {
	if l.provider.Name() == existing.Name {
		return existing.Labels()
	}
	return nil
}

// Mesh is the Istio that the lab installed or found.
func (l *Lab) Mesh() mesh.Installed { return l.mesh }

// Cluster is the lab's cluster.
func (l *Lab) Cluster() cluster.Cluster { return l.cluster }

// Why says why this sort of cluster was chosen.
func (l *Lab) Why() string { return l.why }

// Steps are those of the cluster's bring-up; of a cluster that was found running, those of when it was brought up. They
// are there from Settle on.
func (l *Lab) Steps() []progress.Step { return l.steps }

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
	if err := o.validate(); err != nil {
		return o, err
	}
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
	chosen, err := o.choose(ctx)
	if err != nil {
		return nil, err
	}
	return cluster.NewE2E(chosen.provider, cluster.Options{
		Progress: o.Progress,
		Images: func(ctx context.Context) (map[string]v1.Image, error) {
			return images.Build(ctx, chosen.store, images.All)
		},
	}).WithName(o.Name), nil
}
