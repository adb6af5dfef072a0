package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/canarylab/canarylab/harness/filelock"
	"github.com/canarylab/canarylab/harness/progress"
)

// Folders is the folder in which a provider keeps a folder for each cluster that it made.
type Folders string

// Path is the folder of the named cluster.
func (f Folders) Path(name string) string { return filepath.Join(string(f), name) }

// Names are the names of the clusters that have a folder.
func (f Folders) Names() ([]string, error) {
	entries, err := os.ReadDir(string(f))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("look for clusters: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Lock keeps two canarylabs from changing one cluster at once. The second waits.
func (f Folders) Lock(ctx context.Context, name string, steps progress.Progress) (unlock func(), err error) {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for clusters: %w", err)
	}
	return filelock.Lock(ctx, f.Path("."+name+".lock"), fmt.Sprintf("it is changing cluster %q", name), steps)
}

// Down locks the named cluster and calls remove. It does nothing where no cluster was ever made.
func (f Folders) Down(ctx context.Context, name string, remove func() error) error {
	if err := MayExist(name); err != nil {
		return err
	}
	if _, err := os.Stat(string(f)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	unlock, err := f.Lock(ctx, name, nil)
	if err != nil {
		return err
	}
	defer unlock()
	return remove()
}

// MayExist returns an error that wraps ErrNotFound for a name that no cluster can have.
func MayExist(name string) error {
	if CheckName(name) != nil {
		return fmt.Errorf("cluster name %q: %w", name, ErrNotFound)
	}
	return nil
}

// Own is what the clusters that the lab made have in common, whoever provides them.
type Own struct {
	name, provider, kubeconfig string
	config                     *rest.Config
	reused                     bool
}

// OpenOwn reads the cluster's kubeconfig. reused tells that the cluster was found running.
func OpenOwn(provider, name, kubeconfig string, reused bool) (Own, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return Own{}, fmt.Errorf("read the kubeconfig of cluster %q: %w", name, err)
	}
	return Own{name, provider, kubeconfig, config, reused}, nil
}

// Name implements Cluster.
func (o *Own) Name() string { return o.name }

// Provider implements Cluster.
func (o *Own) Provider() string { return o.provider }

// Config implements Cluster.
func (o *Own) Config() *rest.Config { return rest.CopyConfig(o.config) }

// Kubeconfig implements Cluster. It is a file of the cluster's own: the user's is never touched.
func (o *Own) Kubeconfig() string { return o.kubeconfig }

// Reused implements Cluster.
func (o *Own) Reused() bool { return o.reused }

// Reference implements Cluster: the node has the images under their own references.
func (o *Own) Reference(image string) string { return image }
