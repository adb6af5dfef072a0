package lab

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/mesh"
)

// A guarded cluster gives its user some rights and some images, which have to be asked for.
type guarded interface {
	keeper
	// Permitted is nil if the user has all rights that a run takes or, with install, those that installing Istio takes.
	Permitted(ctx context.Context, install bool) error
	// RunsOn is nil if a node has the architecture that the images are for, as Go names it.
	RunsOn(ctx context.Context, architecture string) error
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
	found, err := l.findMesh(ctx)
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
	errs = append(errs, c.RunsOn(ctx, runtime.GOARCH), c.ImagesAt(ctx, refs))
	return errors.Join(errs...)
}

// findMesh finds the Istio of a guarded cluster: that of all namespaces that the lab makes, or that of those which were
// made for it.
func (l *Lab) findMesh(ctx context.Context) (found mesh.Installed, err error) {
	if l.Namespaces() == nil {
		return mesh.Find(ctx, l.kube, l.istio.Revision, l.Labels())
	}
	for i, ns := range l.Namespaces() {
		got, err := l.kube.Kubernetes().CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{})
		if err != nil {
			return found, fmt.Errorf("look at namespace %s, which --namespaces names: %w", ns, err)
		}
		of, err := mesh.FindIn(ctx, l.kube, l.istiodIn, l.istio.Revision, got.Labels)
		if err != nil {
			return found, fmt.Errorf("namespace %s: %w", ns, err)
		}
		if i > 0 && of != found {
			return found, fmt.Errorf("namespaces %s and %s have different Istios, revisions %s and %s: name those of "+
				"one with --namespaces", l.Namespaces()[0], ns, found.Revision, of.Revision)
		}
		found = of
	}
	return found, nil
}

// foreignIstio says what a run lacks where the Istio that was found is of another release line than the generator that
// this program compares proxies with; empty where it is not.
func (l *Lab) foreignIstio() string {
	if l.ownIstio() {
		return ""
	}
	ours := mesh.Minor(builtIstio())
	theirs := mesh.Minor(l.mesh.Version)
	if ours == "" || theirs == ours {
		return ""
	}
	is := "Istio " + theirs
	if theirs == "" {
		is = fmt.Sprintf("an Istio whose image's tag %q is no version", l.mesh.Version)
	}
	const lacks = "There is %s, and the lab compares proxies with what Istio %s would generate. Requests, their " +
		"outcomes, access logs and counters are measured all the same. When a change has reached every proxy is seen " +
		"only where both generate the same of it: else a phase does not begin, and the run ends without a verdict."
	return fmt.Sprintf(lacks, is, ours)
}
