// Package kind runs clusters by sigs.k8s.io/kind: nodes are containers of Docker, podman or nerdctl. What kind
// does not do by itself is done here: an interrupted or failed bring-up leaves nothing behind, the network goes
// with the last cluster, and where no node image can be had one is built.
package kind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/images"
)

// Name is what CLUSTER= calls this provider.
const Name = "kind"

const (
	// prefix keeps the lab's clusters apart from those that the user made with kind.
	prefix = "canarylab-"
	// network is the containers' own: kind's usual one may be the user's, and kind never removes it.
	network = "canarylab"
	// schema is the version of the state folder.
	schema = 1
	// deleteAgain is how often a node is deleted while the bring-up that an interruption ended may still make one.
	deleteAgain = 300 * time.Millisecond
)

// A Provider keeps what it has to remember of its clusters below one folder.
type Provider struct {
	// Home is the folder for state: kind/NAME.
	Home string
	// Engine is docker, podman or nerdctl. Empty means the first that answers.
	Engine string
	// NodeImage is the node image to use, as a reference that the engine has or can pull. Empty means kind's
	// own where that can be had, and otherwise one that is built.
	NodeImage string
	// Store builds what a node image is made of.
	Store images.NodeStore
	// Retain keeps a node that could not be brought up, for a look.
	Retain bool
}

var _ cluster.Provider = (*Provider)(nil)

// Name implements cluster.Provider.
func (p *Provider) Name() string { return Name }

// Traits implements cluster.Provider.
func (p *Provider) Traits() cluster.Traits { return cluster.Traits{NeedsImages: true} }

// engine is the one to make new clusters with.
func (p *Provider) engine(ctx context.Context) (engine, error) {
	if p.Engine != "" {
		return engine(p.Engine), nil
	}
	name, _, err := Engine(ctx)
	return engine(name), err
}

// Check implements cluster.Provider.
func (p *Provider) Check(ctx context.Context) error {
	if p.Engine != "" {
		if _, err := engine(p.Engine).version(ctx); err != nil {
			return fmt.Errorf("a kind cluster needs %s: %w", p.Engine, err)
		}
		return nil
	}
	if _, _, err := Engine(ctx); err != nil {
		return fmt.Errorf("a kind cluster needs Docker, podman or nerdctl: %w; start a daemon, or use "+
			"CLUSTER=embedded, which needs none", err)
	}
	return nil
}

// Prepare implements cluster.Provider: it finds, pulls or builds the node image.
func (p *Provider) Prepare(ctx context.Context) error {
	e, err := p.engine(ctx)
	if err != nil {
		return err
	}
	_, err = p.nodeImage(ctx, e, nil)
	return err
}

// Open implements cluster.Provider.
func (p *Provider) Open(ctx context.Context, name string) (cluster.Cluster, error) {
	if err := cluster.MayExist(name); err != nil {
		return nil, err
	}
	return p.find(ctx, name)
}

// find opens a cluster that runs and was brought up to its end.
func (p *Provider) find(ctx context.Context, name string) (*Cluster, error) {
	m, err := p.readMeta(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("kind cluster %q: %w", name, cluster.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	if m.Schema != schema {
		return nil, fmt.Errorf("kind cluster %q was made by another version of canarylab: run canarylab down "+
			"--cluster kind --name %s and try again", name, name)
	}
	container, err := p.container(ctx, m.Engine, name)
	if err != nil {
		return nil, err
	}
	if m.Container == "" || container != m.Container {
		return nil, fmt.Errorf("kind cluster %q was not brought up to its end: %w", name, cluster.ErrNotFound)
	}
	pid, err := m.Engine.pid(ctx, container)
	if err != nil {
		return nil, err
	}
	if pid == 0 {
		return nil, fmt.Errorf("kind cluster %q has stopped: %w", name, cluster.ErrNotFound)
	}
	return p.open(name, m, true)
}

func (p *Provider) open(name string, m meta, reused bool) (*Cluster, error) {
	own, err := cluster.OpenOwn(Name, name, filepath.Join(p.dir(name), kubeconfigFile), reused)
	return &Cluster{own, p, m}, err
}

// container is the id of the node's container; empty if there is none.
func (p *Provider) container(ctx context.Context, e engine, name string) (string, error) {
	out, err := e.output(ctx, "ps", "--all", "--no-trunc", "--quiet", "--filter",
		"label=io.x-k8s.kind.cluster="+prefix+name)
	if err != nil {
		return "", fmt.Errorf("look for the node of cluster %q: %w", name, err)
	}
	ids := strings.Fields(out)
	if len(ids) > 1 {
		return "", fmt.Errorf("cluster %q has %d nodes, and the lab makes one", name, len(ids))
	}
	return strings.Join(ids, ""), nil
}

// Down implements cluster.Provider. A node image stays: it takes minutes to make. The state of a kind cluster
// can't be kept.
func (p *Provider) Down(ctx context.Context, name string, keepState bool) error {
	if keepState {
		return errors.New("the state of a kind cluster can't be kept: its node is a container with addresses of its " +
			"own; leave --keep-state out")
	}
	return p.folders().Down(ctx, name, func() error {
		m, err := p.readMeta(name)
		if errors.Is(err, os.ErrNotExist) {
			return os.RemoveAll(p.dir(name))
		}
		if err != nil {
			m = meta{} // it can't be read: the folder still says that the cluster is the lab's
		}
		if m.Engine == "" {
			// Or another version of canarylab wrote it.
			if m.Engine, err = p.engine(ctx); err != nil {
				return err
			}
		}
		return p.remove(ctx, m, name)
	})
}

// foreign is the error about a node that was not made from here; nil where there is none.
func (p *Provider) foreign(container, name string) error {
	if container == "" {
		return nil
	}
	return fmt.Errorf("there is a kind cluster %q that was not made from here (%s): kind delete cluster --name %s "+
		"removes it, or use another --name", prefix+name, p.Home, prefix+name)
}

// remove deletes the node, its volumes, the network if nobody uses it any more, and the cluster's folder. A
// node that is another than m knows is somebody else's, and stays. The caller holds the cluster's lock.
func (p *Provider) remove(ctx context.Context, m meta, name string) error {
	e := m.Engine
	container, err := p.container(ctx, e, name)
	if err != nil {
		return err
	}
	if _, err := os.Stat(p.dir(name)); errors.Is(err, os.ErrNotExist) {
		if err := p.foreign(container, name); err != nil {
			return err
		}
	}
	if m.Container != "" && m.Container != container {
		container = "" // ours is gone, and the name is taken by another
	}
	if container != "" {
		if _, err := e.output(ctx, "rm", "--force", "--volumes", container); err != nil {
			return fmt.Errorf("remove the node of cluster %q: %w", name, err)
		}
	}
	if err := p.dropNetwork(ctx, e); err != nil {
		return err
	}
	if err := os.RemoveAll(p.dir(name)); err != nil {
		return fmt.Errorf("delete the state of cluster %q: %w", name, err)
	}
	return nil
}

// List implements cluster.Provider.
func (p *Provider) List(ctx context.Context) ([]cluster.Info, error) {
	names, err := p.folders().Names()
	if err != nil {
		return nil, err
	}
	var infos []cluster.Info
	for _, name := range names {
		info := cluster.Info{Name: name, Provider: Name, State: "broken"}
		c, err := p.find(ctx, name)
		switch {
		case err == nil:
			info.State, info.Kubeconfig = "running", c.Kubeconfig()
			info.PID, _ = c.meta.Engine.pid(ctx, c.meta.Container) // it ran a moment ago
			info.Detail = fmt.Sprintf("%s container %s%s-control-plane of %s", c.meta.Engine, prefix, name,
				c.meta.NodeImage)
		case errors.Is(err, cluster.ErrNotFound):
			info.Detail = err.Error() + "; up makes it anew, down removes what is left"
		default:
			info.Detail = err.Error() + "; down removes what is left"
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// Logs copies what the node of a cluster logged into dir, also of one that could not be brought up and was retained.
func (p *Provider) Logs(_ context.Context, name, dir string) error {
	m, err := p.readMeta(name)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("kind cluster %q: %w", name, cluster.ErrNotFound)
	}
	if err != nil {
		return err
	}
	err = m.Engine.provider(&logger{}).CollectLogs(prefix+name, dir)
	if err != nil && m.Own {
		// Our node has neither systemd nor crictl to ask; what its programs logged is in files.
		if found, _ := filepath.Glob(filepath.Join(dir, prefix+name+"-*", "kubelet.log")); len(found) > 0 {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("export the logs of cluster %q: %w", name, err)
	}
	return nil
}
