package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/e2e-framework/klient"
	"sigs.k8s.io/e2e-framework/pkg/types"
)

// E2E lets suites written for e2e-framework run on a Provider's clusters:
//
//	testenv.Setup(envfuncs.CreateCluster(cluster.NewE2E(provider, options), "suite"))
//
// Create refuses what a Provider does not know (WithVersion, WithPath, WithOpts, a configuration file), and does not
// ignore it.
type E2E struct {
	provider Provider
	options  Options
	name     string
	cluster  Cluster
	refused  error
}

var _ types.E2EClusterProviderWithImageLoader = (*E2E)(nil)

// NewE2E returns an e2e-framework provider that makes its cluster with p.
func NewE2E(p Provider, o Options) *E2E { return &E2E{provider: p, options: o} }

// SetDefaults implements types.E2EClusterProvider.
func (e *E2E) SetDefaults() types.E2EClusterProvider {
	if e.name == "" {
		e.name = "e2e"
	}
	return e
}

// WithName implements types.E2EClusterProvider.
func (e *E2E) WithName(name string) types.E2EClusterProvider {
	e.name = name
	return e
}

// WithVersion implements types.E2EClusterProvider. Create refuses it: the Kubernetes is the one that was built.
func (e *E2E) WithVersion(version string) types.E2EClusterProvider {
	return e.refuse("WithVersion(%q)", version)
}

// WithPath implements types.E2EClusterProvider. Create refuses it: there is no program to point at.
func (e *E2E) WithPath(path string) types.E2EClusterProvider { return e.refuse("WithPath(%q)", path) }

// WithOpts implements types.E2EClusterProvider. Create refuses options: they are other providers'.
func (e *E2E) WithOpts(opts ...types.ClusterOpts) types.E2EClusterProvider {
	if len(opts) == 0 {
		return e
	}
	return e.refuse("WithOpts of %d options", len(opts))
}

func (e *E2E) refuse(format string, args ...any) *E2E {
	what := fmt.Sprintf(format, args...)
	e.refused = errors.Join(e.refused, fmt.Errorf("the %s provider does not know %s", e.provider.Name(), what))
	return e
}

// Create implements types.E2EClusterProvider: it returns the kubeconfig's path once the nodes are ready.
func (e *E2E) Create(ctx context.Context, args ...string) (string, error) {
	if len(args) > 0 {
		e.refuse("the arguments %q", args)
	}
	if e.refused != nil {
		return "", e.refused
	}
	c, err := e.provider.Up(ctx, e.name, e.options)
	if err != nil {
		return "", err
	}
	e.cluster = c
	if err := c.Ready(ctx); err != nil {
		return "", err
	}
	return c.Kubeconfig(), nil
}

// CreateWithConfig implements types.E2EClusterProvider for an empty configuration file name.
func (e *E2E) CreateWithConfig(ctx context.Context, configFile string) (string, error) {
	if configFile != "" {
		e.refuse("the configuration file %q", configFile)
	}
	return e.Create(ctx)
}

// GetKubeconfig implements types.E2EClusterProvider. It is empty before Create.
func (e *E2E) GetKubeconfig() string {
	if e.cluster == nil {
		return ""
	}
	return e.cluster.Kubeconfig()
}

// GenerateKubeconfig implements types.E2EClusterProvider: the file is there from Create on.
func (e *E2E) GenerateKubeconfig(args ...string) (string, error) {
	if e.cluster == nil {
		return "", fmt.Errorf("cluster %q: %w", e.name, ErrNotFound)
	}
	if len(args) > 0 {
		const one = "the %s provider makes one kubeconfig, without arguments; got %q"
		return "", fmt.Errorf(one, e.provider.Name(), args)
	}
	return e.cluster.Kubeconfig(), nil
}

// GetKubectlContext implements types.E2EClusterProvider.
func (e *E2E) GetKubectlContext() string {
	config, err := clientcmd.LoadFromFile(e.GetKubeconfig())
	if err != nil {
		return ""
	}
	return config.CurrentContext
}

// ExportLogs implements types.E2EClusterProvider where the provider can.
func (e *E2E) ExportLogs(ctx context.Context, dest string) error {
	if e.cluster == nil {
		return fmt.Errorf("cluster %q: %w", e.name, ErrNotFound)
	}
	logger, can := e.cluster.(Logger)
	if !can {
		return fmt.Errorf("the %s provider can't export logs", e.provider.Name())
	}
	if err := os.MkdirAll(dest, 0o755); err != nil {
		return err
	}
	return logger.Logs(ctx, filepath.Clean(dest))
}

// Destroy implements types.E2EClusterProvider.
func (e *E2E) Destroy(ctx context.Context) error { return e.provider.Down(ctx, e.name, false) }

// WaitForControlPlane implements types.E2EClusterProvider: Create has waited already.
func (e *E2E) WaitForControlPlane(context.Context, klient.Client) error { return nil }

// KubernetesRestConfig implements types.E2EClusterProvider. It is nil before Create.
func (e *E2E) KubernetesRestConfig() *rest.Config {
	if e.cluster == nil {
		return nil
	}
	return e.cluster.Config()
}

// LoadImage implements types.E2EClusterProviderWithImageLoader. There is no daemon to take an image from by name.
func (e *E2E) LoadImage(_ context.Context, image string, _ ...string) error {
	return fmt.Errorf("load image %s: the %s provider takes archives: docker save it, and call LoadImageArchive", image,
		e.provider.Name())
}

// LoadImageArchive implements types.E2EClusterProviderWithImageLoader for what docker save writes.
func (e *E2E) LoadImageArchive(ctx context.Context, path string, _ ...string) error {
	if e.cluster == nil {
		return fmt.Errorf("cluster %q: %w", e.name, ErrNotFound)
	}
	manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(path) })
	if err != nil {
		return fmt.Errorf("read the image archive %s: %w", path, err)
	}
	images := map[string]v1.Image{}
	for _, descriptor := range manifest {
		for _, ref := range descriptor.RepoTags {
			tag, err := name.NewTag(ref)
			if err != nil {
				return fmt.Errorf("read the image archive %s: %w", path, err)
			}
			if images[ref], err = tarball.ImageFromPath(path, &tag); err != nil {
				return fmt.Errorf("read %s from the image archive %s: %w", ref, path, err)
			}
		}
	}
	return e.cluster.LoadImages(ctx, images)
}
