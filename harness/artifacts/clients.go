package artifacts

import (
	"context"
	"fmt"
)

// Kubectl returns a folder with kubectl, of the node's Kubernetes. Where the node's programs are built, it is one of
// them. Elsewhere, as for somebody's own cluster, it is built by itself: the node's other programs would take minutes.
func (s *Store) Kubectl(ctx context.Context) (string, error) {
	if dir, err := s.Node(WithoutBuilding(ctx)); err == nil {
		return dir, nil
	}
	versions, err := s.nodeVersions()
	if err != nil {
		return "", err
	}
	return s.Get(ctx, Recipe{
		Name: "kubectl", How: fmt.Sprint(versions), Free: needed / 3,
		Inputs: []string{nodeModule + "/go.mod", nodeModule + "/go.sum"},
		Make: func(ctx context.Context, dir string, say func(string)) error {
			return s.run(ctx, goBuild{
				module: nodeModule, static: true, vars: versions, out: dir + "/",
				packages: []string{"k8s.io/kubernetes/cmd/kubectl"},
			}, say)
		},
	})
}

// Istioctl returns a folder with istioctl, of the Istio that go.mod names. It is built in Istio's own module, by the
// versions that Istio's go.mod names: nothing of the lab links against it, so that the lab's go.mod has no need to know
// what it takes.
func (s *Store) Istioctl(ctx context.Context) (string, error) {
	vars, err := s.istioVersions()
	if err != nil {
		return "", err
	}
	return s.Get(ctx, Recipe{
		Name: "istioctl", How: fmt.Sprint(vars), Free: needed / 3,
		Make: func(ctx context.Context, dir string, say func(string)) error {
			module, err := s.moduleDir(ctx, "istio.io/istio")
			if err != nil {
				return err
			}
			return s.run(ctx, goBuild{
				dir: module, static: true, vars: vars, out: dir + "/", packages: []string{"./istioctl/cmd/istioctl"},
			}, say)
		},
	})
}
