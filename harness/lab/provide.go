package lab

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/canarylab/canarylab/harness/images"
)

// prometheusHub is where Prometheus' project publishes its images.
const prometheusHub = "docker.io/prom"

// A keeper is a cluster that knows which images it has.
type keeper interface {
	// ImagesAt is nil if pods can have the images.
	ImagesAt(ctx context.Context, refs []string) error
}

// Provide brings an image to where pods find it that only few scenarios need, and that Open therefore leaves out:
// images.Prometheus or images.Fleet. What the cluster has already is not brought again. The first time the image is
// built, which takes minutes.
//
// Where released images of Istio are used there is a registry: there Provide fetches Prometheus' official image of the
// same release, and builds it only if it can't be had. A borrowed cluster has it from where it has the lab's other
// images.
func (l *Lab) Provide(ctx context.Context, ref string) error {
	if ref != images.Prometheus && ref != images.Fleet {
		return fmt.Errorf("image %s can't be provided: %s and %s can", ref, images.Prometheus, images.Fleet)
	}
	if l.store == nil {
		// Nothing is built for this cluster: it has the image, or it can't have it.
		if there, ok := l.cluster.(keeper); ok {
			return there.ImagesAt(ctx, []string{ref})
		}
		return nil
	}
	set, err := l.rare(ctx, ref)
	if err != nil {
		return err
	}
	return l.images(ctx, set)
}

// rare finds or builds an image that Provide knows.
func (l *Lab) rare(ctx context.Context, ref string) (map[string]v1.Image, error) {
	if ref == images.Prometheus {
		return l.prometheus(ctx, prometheusHub)
	}
	store, ok := l.store.(images.FleetStore)
	if !ok {
		return nil, fmt.Errorf("%w: cluster %q takes no images from here", ErrUnavailable, l.cluster.Name())
	}
	return images.BuildFleet(ctx, store)
}

// prometheus finds the official image in the hub where that is wanted, or builds one.
func (l *Lab) prometheus(ctx context.Context, hub string) (map[string]v1.Image, error) {
	if l.istio.released() && !l.Borrowed() {
		done := l.timer.Step("look for Prometheus in " + hub)
		set, err := images.ReleasedPrometheus(ctx, l.store, hub)
		done(err)
		if err == nil || ctx.Err() != nil {
			return set, err
		}
		// A mirror of Istio's images need not have it.
	}
	return images.BuildPrometheus(ctx, l.store)
}

// ProvideEcho brings Istio's echo workload to where pods find it, by the references that somebody's manifests have for
// it. The first time it is built. The error wraps ErrUnavailable on a cluster that no image is built for.
func (l *Lab) ProvideEcho(ctx context.Context, refs ...string) error {
	store, ok := l.store.(images.EchoStore)
	if !ok {
		return fmt.Errorf("%w: cluster %q takes no images from here", ErrUnavailable, l.cluster.Name())
	}
	set, err := images.BuildEcho(ctx, store, refs...)
	if err != nil {
		return err
	}
	return l.images(ctx, set)
}

// ProvideProgram brings an image that has nothing but a program, which must be linked statically, to where pods find it
// by these references. The error wraps ErrUnavailable on a cluster that no image is built for.
func (l *Lab) ProvideProgram(ctx context.Context, file string, refs ...string) error {
	if l.store == nil {
		return fmt.Errorf("%w: cluster %q takes no images from here", ErrUnavailable, l.cluster.Name())
	}
	set, err := images.OfProgram(file, refs...)
	if err != nil {
		return fmt.Errorf("make an image of %s: %w", file, err)
	}
	return l.images(ctx, set)
}
