package artifacts

import (
	"context"
	"errors"
	"fmt"
)

// Kubectl returns a folder with kubectl, of the node's Kubernetes. Where the node's programs are there, or in the
// depot, it is one of them. Elsewhere, as for somebody's own cluster, it is built by itself: the node's other programs
// would take minutes.
func (s *Store) Kubectl(ctx context.Context) (string, error) {
	if dir, err := s.Node(WithoutBuilding(ctx)); err == nil {
		return dir, nil
	}
	dir, err := s.get(WithoutTools(ctx), s.kubectl)
	if errors.Is(err, ErrNotBuilt) {
		if dir, err := s.Node(WithoutTools(ctx)); err == nil {
			return dir, nil
		}
		return s.get(ctx, s.kubectl)
	}
	return dir, err
}

func (s *Store) kubectl() (Recipe, error) {
	versions, err := s.nodeVersions()
	if err != nil {
		return Recipe{}, err
	}
	return Recipe{
		Name: "kubectl", For: "canarylab kubectl, where the node's programs are not", Within: "node", Seldom: true,
		How: fmt.Sprint(versions), Free: needed / 3,
		Inputs: []string{nodeModule + "/go.mod", nodeModule + "/go.sum"},
		Make: func(ctx context.Context, dir string, say func(string)) error {
			return s.run(ctx, goBuild{
				module: nodeModule, static: true, vars: versions, out: dir + "/",
				packages: []string{"k8s.io/kubernetes/cmd/kubectl"},
			}, say)
		},
	}, nil
}

// Istioctl returns a folder with istioctl, of the Istio that go.mod names. It is built in Istio's own module, by the
// versions that Istio's go.mod names: nothing of the lab links against it, so that the lab's go.mod has no need to know
// what it takes.
func (s *Store) Istioctl(ctx context.Context) (string, error) { return s.get(ctx, s.istioctl) }

func (s *Store) istioctl() (Recipe, error) {
	vars, err := s.istioVersions()
	if err != nil {
		return Recipe{}, err
	}
	return Recipe{
		Name: "istioctl", For: "canarylab istioctl", Seldom: true,
		How: fmt.Sprint(vars), Free: needed / 3,
		Make: func(ctx context.Context, dir string, say func(string)) error {
			module, err := s.moduleDir(ctx, "istio.io/istio")
			if err != nil {
				return err
			}
			return s.run(ctx, goBuild{
				dir: module, static: true, vars: vars, out: dir + "/", packages: []string{"./istioctl/cmd/istioctl"},
			}, say)
		},
	}, nil
}
