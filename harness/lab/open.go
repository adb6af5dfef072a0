package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/e2e-framework/pkg/types"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/harness/patience"
	"github.com/canarylab/canarylab/harness/progress"
)

var (
	// undoWithin bounds the removal of a cluster whose bring-up failed or was interrupted.
	undoWithin = patience.Of(30 * time.Second)
	// readyWithin bounds the wait for the node and for Istio. On two quiet cores they take 10 s.
	readyWithin = patience.Of(4 * time.Minute)
)

// Open brings a lab up, or finds it running, and returns when pods get their sidecars. The ingress gateway may still be
// starting: Settle awaits it. Open removes a cluster again that it made and could not finish. An error that wraps
// ErrUnavailable means that this machine can't run the cluster asked for, or that the borrowed one lacks something.
func Open(ctx context.Context, o Options) (_ *Lab, err error) {
	o, err = o.withDefaults()
	if err != nil {
		return nil, err
	}
	chosen, err := o.choose(ctx)
	if err != nil {
		return nil, err
	}
	timer := newTimer(o.Progress)
	l := &Lab{
		provider: chosen.provider, why: chosen.why, istio: o.Istio, timer: timer, gateway: make(chan error, 1),
		istiodIn: cmp.Or(o.Existing.IstioNamespace, mesh.Namespace),
	}
	if chosen.store != nil {
		chosen.store.Progress = timer
		l.store = chosen.store
	}
	var set map[string]v1.Image
	err = have(ctx, func(ctx context.Context) (err error) {
		set, err = l.build(ctx, chosen.store)
		return err
	})
	if err != nil {
		return nil, err
	}
	// Building is done once, and is no part of the bring-up.
	timer.restart()
	l.cluster, err = l.provider.Up(ctx, o.Name, cluster.Options{
		Progress: timer,
		Images:   func(context.Context) (map[string]v1.Image, error) { return set, nil },
	})
	if err != nil {
		return nil, fmt.Errorf("bring up %s cluster %q: %w", l.provider.Name(), o.Name, err)
	}
	defer func() {
		if err != nil && !o.Retain {
			err = errors.Join(err, l.undo(ctx))
		}
	}()
	if l.kube, err = kube.New(l.cluster.Config()); err != nil {
		return nil, err
	}
	if c, ok := l.cluster.(guarded); ok {
		if err := l.preflight(ctx, c); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	if l.findsIstio() {
		if foreign := l.foreignIstio(); foreign != "" {
			progress.Detail(timer, "preflight", foreign)
		}
		l.gateway <- nil // what is there, is there
		return l, l.images(ctx, set)
	}
	if err = l.installMesh(ctx, set); err == nil {
		return l, nil
	}
	if errors.Is(err, mesh.ErrForeign) {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if l.Borrowed() {
		err = fmt.Errorf("%w\n%s removes what was installed", err, l.DownCommand())
	}
	return nil, err
}

// undo is Close for a lab that could not be finished, also where that is because ctx ended.
func (l *Lab) undo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
	defer cancel()
	return l.Close(ctx)
}

// findsIstio tells whether the lab uses the Istio of a borrowed cluster, in place of one that it installs.
func (l *Lab) findsIstio() bool { return l.Borrowed() && !l.istio.Install }

// build makes all that is missing, side by side: on a first run one part downloads while another compiles. Images come
// from the store, but for released ones of Istio. A nil store means that no images are to be made.
func (l *Lab) build(ctx context.Context, store *artifacts.Store) (set map[string]v1.Image, err error) {
	g, first := errgroup.WithContext(ctx)
	if artifacts.Builds(ctx) {
		ctx = first
	} // else what one part lacks is no reason to break off the other's download
	g.Go(func() error { return l.provider.Prepare(ctx) })
	g.Go(func() (err error) {
		if store == nil {
			return nil
		}
		if set, err = images.Build(ctx, store, !l.istio.released() && !l.findsIstio()); err != nil {
			return err
		}
		if l.istio.released() && !l.Borrowed() {
			// Nodes of the lab's own have no way out: the images are fetched here and brought to them.
			released, err := images.Released(ctx, l.istio.Hub, l.istio.Tag)
			maps.Copy(set, released)
			return err
		}
		return nil
	})
	err = g.Wait()
	return set, err
}

// unbuilt makes an error of a build wrap ErrUnavailable where this machine can't build it at all.
func unbuilt(err error) error {
	if errors.Is(err, artifacts.ErrNoDebian) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// Settle waits until nothing of the bring-up goes on any more, and keeps its steps. It is called once. If it fails, it
// removes a cluster that Open made.
func (l *Lab) Settle() error {
	if err := <-l.gateway; err != nil {
		return errors.Join(err, l.undo(context.Background()))
	}
	l.steps = l.timer.finished()
	return l.rememberSteps()
}

// images brings the images to where pods find them.
func (l *Lab) images(ctx context.Context, set map[string]v1.Image) error {
	return l.timer.do("images on the node", func() error { return l.cluster.LoadImages(ctx, set) })
}

// installMesh loads the images, awaits the node and installs Istio, side by side where they do not depend on each
// other. The ingress gateway goes on starting.
func (l *Lab) installMesh(ctx context.Context, set map[string]v1.Image) error {
	options := MeshOptions()
	options.Labels = l.Labels()
	if l.istio.released() {
		options.Hub, options.Tag, options.Released = l.istio.Hub, l.istio.Tag, true
	}
	bounded, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if l.Borrowed() {
		// The images' tag is known once they are pushed.
		if err := l.images(bounded, set); err != nil {
			return err
		}
		if !l.istio.released() {
			options.Hub, options.Tag = split(l.cluster.Reference(images.Pilot))
		}
	}
	g, within := errgroup.WithContext(bounded)
	if !l.Borrowed() {
		g.Go(func() error { return l.images(within, set) })
	}
	g.Go(func() error { return l.timer.do("node ready", func() error { return l.cluster.Ready(within) }) })
	var istio mesh.Manifests
	g.Go(func() (err error) {
		// Rendering needs no cluster: it goes on beside the node's start.
		if istio, err = mesh.Render(options); err != nil {
			return err
		}
		return mesh.InstallCore(within, l.kube, istio, l.timer)
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
		l.gateway <- mesh.InstallGateway(ctx, l.kube, istio, l.timer)
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

// E2E returns a provider for suites written for e2e-framework: a bare cluster, without Istio, of the kind that
// o asks for.
func E2E(ctx context.Context, o Options) (types.E2EClusterProvider, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	chosen, err := o.choose(ctx)
	if err != nil {
		return nil, err
	}
	err = have(ctx, func(ctx context.Context) error {
		_, err := images.Build(ctx, chosen.store, true)
		return errors.Join(err, chosen.provider.Prepare(ctx))
	})
	if err != nil {
		return nil, err
	}
	return cluster.NewE2E(chosen.provider, cluster.Options{
		Progress: o.Progress,
		Images: func(ctx context.Context) (map[string]v1.Image, error) {
			return images.Build(ctx, chosen.store, true)
		},
	}).WithName(o.Name), nil
}
