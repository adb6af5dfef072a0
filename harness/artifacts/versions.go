package artifacts

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// moduleVersion is the version of a dependency that the go.mod of the module in folder (below the source root) names.
func (s *Store) moduleVersion(folder, dependency string) (string, error) {
	files, err := s.files()
	if err != nil {
		return "", err
	}
	file := path.Join(folder, "go.mod")
	raw, err := fs.ReadFile(files, file)
	if err != nil {
		return "", err
	}
	mod, err := modfile.Parse(file, raw, nil)
	if err != nil {
		return "", err
	}
	for _, r := range mod.Require {
		if r.Mod.Path == dependency {
			return r.Mod.Version, nil
		}
	}
	return "", fmt.Errorf("%s does not require %s", file, dependency)
}

// moduleDir is where the go command keeps the source of one of the main module's dependencies.
func (s *Store) moduleDir(ctx context.Context, dependency string) (string, error) {
	tree, err := s.tree(ctx)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", dependency)
	cmd.Dir = tree
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find the source of %s: %w", dependency, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Kubernetes is the version of the node's programs, such as "v1.37.2".
func (s *Store) Kubernetes() (string, error) { return s.moduleVersion(nodeModule, "k8s.io/kubernetes") }

// IstioModules are the versions of the modules istio.io/istio and istio.io/api, which its programs are built from.
func (s *Store) IstioModules() (istio, api string, err error) {
	if istio, err = s.moduleVersion("", "istio.io/istio"); err != nil {
		return "", "", err
	}
	api, err = s.moduleVersion("", "istio.io/api")
	return istio, api, err
}

// PrometheusVersion is the release that Prometheus is built from, such as "v3.15.0".
func (s *Store) PrometheusVersion() (string, error) {
	module, err := s.moduleVersion(prometheusModule, "github.com/prometheus/prometheus")
	if err != nil {
		return "", err
	}
	return prometheusRelease(module)
}

// prometheusRelease is the release of a version of Prometheus' module: v3.15.0 of v0.315.0. Its packages
// promise no compatibility, so that the module stays at v0, with the release's first two numbers as its second,
// the latter in two digits (Prometheus' README.md).
func prometheusRelease(module string) (string, error) {
	var joined, patch int
	if _, err := fmt.Sscanf(module, "v0.%d.%d", &joined, &patch); err != nil || semver.Canonical(module) != module ||
		semver.Prerelease(module) != "" || joined < 300 {
		return "", fmt.Errorf("version %s of Prometheus' module is of no release 3 or newer", module)
	}
	return fmt.Sprintf("v%d.%d.%d", joined/100, joined%100, patch), nil
}

// istioVersions are the variables that Istio's programs have their version in.
func (s *Store) istioVersions() (map[string]string, error) {
	version, err := s.moduleVersion("", "istio.io/istio")
	if err != nil {
		return nil, err
	}
	const v = "istio.io/istio/pkg/version."
	return map[string]string{v + "buildVersion": version, v + "buildTag": version}, nil
}

// nodeVersions are the variables that the node's programs get their versions from when they are built by their own
// release scripts. A Kubernetes without them calls itself v0.0.0, which clients take at its word.
func (s *Store) nodeVersions() (map[string]string, error) {
	kubernetes, err := s.Kubernetes()
	if err != nil {
		return nil, err
	}
	containerd, err := s.moduleVersion(nodeModule, "github.com/containerd/containerd/v2")
	if err != nil {
		return nil, err
	}
	major, minor, _ := strings.Cut(strings.TrimPrefix(semver.MajorMinor(kubernetes), "v"), ".")
	const v = "k8s.io/component-base/version."
	return map[string]string{
		v + "gitVersion": kubernetes, v + "gitMajor": major, v + "gitMinor": minor, v + "gitTreeState": "clean",
		v + "gitCommit": "unknown",
		"github.com/containerd/containerd/v2/version.Version": containerd,
	}, nil
}
