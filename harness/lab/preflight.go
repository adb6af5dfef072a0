package lab

import (
	"context"
	"errors"
	"fmt"

	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/mesh"
)

// A guarded cluster gives its user some rights and some images, which have to be asked for.
type guarded interface {
	keeper
	// Permitted is nil if the user has all rights that a run takes or, with install, those that installing Istio takes.
	Permitted(ctx context.Context, install bool) error
}

// preflight looks for all that a run on a guarded cluster would fail for, before anything is created there, and finds
// its Istio. The error names everything that is missing.
func (l *Lab) preflight(ctx context.Context, c guarded) (err error) {
	done := l.timer.Step("preflight")
	defer func() { done(err) }()
	if err := c.Permitted(ctx, l.istio.Install); err != nil {
		return err // what follows from a right that is missing would only hide which one it is
	}
	var errs []error
	refs := []string{images.SampleApp, images.LoadGen, images.AccessLog}
	found, err := mesh.Find(ctx, l.kube, l.istio.Revision, l.Labels())
	switch {
	case l.istio.Install && err == nil:
		const there = "there is an Istio already: revision %s (%s) in %s; leave --install-istio out to use it"
		errs = append(errs, fmt.Errorf(there, found.Revision, found.Version, found.Namespace))
	case l.istio.Install && errors.Is(err, mesh.ErrNoIstio):
		if !l.istio.released() {
			refs = append(refs, images.Pilot, images.Proxy)
		}
	case errors.Is(err, mesh.ErrNoIstio):
		errs = append(errs, fmt.Errorf("%w: --install-istio installs one", err))
	case err != nil:
		errs = append(errs, err)
	default:
		l.mesh = found
		errs = append(errs, mesh.Serves(ctx, l.kube, found))
	}
	errs = append(errs, c.ImagesAt(ctx, refs))
	return errors.Join(errs...)
}
