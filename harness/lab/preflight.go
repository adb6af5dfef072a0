package lab

import (
	"context"
	"errors"
	"fmt"

	"github.com/canarylab/canarylab/harness/cluster/existing"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/mesh"
)

// preflight looks for all that a run on an existing cluster would fail for, before anything is created there, and finds its Istio. The
// error names everything that is missing.
func (l *Lab) preflight(ctx context.Context, c *existing.Cluster) (err error) {
	done := l.timer.Step("preflight")
	defer func() { done(err) }()
	// What follows from a right that is missing would only hide which one it is.
	if l.istio.Install {
		if err := existing.Permitted(ctx, l.kube, existing.Everything()); err != nil {
			return fmt.Errorf("--install-istio makes cluster-wide roles and webhooks, which takes an administrator: %w", err)
		}
	} else if err := existing.Permitted(ctx, l.kube, existing.Rules()); err != nil {
		return fmt.Errorf("%w; canarylab rbac prints a manifest that grants them", err)
	}
	var errs []error
	refs := []string{images.SampleApp, images.LoadGen, images.AccessLog}
	found, err := mesh.Find(ctx, l.kube, l.istio.Revision, l.Labels())
	switch {
	case l.istio.Install && err == nil:
		errs = append(errs, fmt.Errorf("there is an Istio already: revision %s (%s) in %s; leave --install-istio out to use it", found.Revision, found.Version, found.Namespace))
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
