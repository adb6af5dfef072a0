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
	b := goBuild{
		module: nodeModule, static: true, vars: versions, packages: []string{"k8s.io/kubernetes/cmd/kubectl"},
	}
	return s.client(ctx, "kubectl", b, nodeModule+"/go.mod", nodeModule+"/go.sum")
}

// Istioctl returns a folder with istioctl, of the Istio that go.mod names.
func (s *Store) Istioctl(ctx context.Context) (string, error) {
	vars, err := s.istioVersions()
	if err != nil {
		return "", err
	}
	b := goBuild{static: true, vars: vars, packages: []string{"istio.io/istio/istioctl/cmd/istioctl"}}
	return s.client(ctx, "istioctl", b, "go.mod", "go.sum")
}

// client builds a program for people, which is made of modules alone.
func (s *Store) client(ctx context.Context, name string, b goBuild, inputs ...string) (string, error) {
	return s.Get(ctx, Recipe{
		Name: name, How: fmt.Sprint(b.packages, b.vars), Inputs: inputs, Free: needed / 3,
		Make: func(ctx context.Context, dir string, say func(string)) error {
			b.out = dir + "/"
			return s.run(ctx, b, say)
		},
	})
}
