// Package embedded runs a whole Kubernetes node in Linux namespaces of its own: no Docker, no virtual machine, no
// registry. A cluster is one PID 1 (noded) and one state folder; when PID 1 dies, for whatever reason, the kernel takes
// everything else with it.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/canarylab/canarylab/harness/cluster"
)

// Name is what CLUSTER= calls this provider.
const Name = "embedded"

// Binaries builds or finds the programs of a node: Kubernetes' and containerd's in one folder, the lab's own (noded
// among them) in another.
type Binaries interface {
	Node(ctx context.Context) (string, error)
	Programs(ctx context.Context) (string, error)
}

// A Provider keeps its clusters below one folder.
type Provider struct {
	// Home is the folder for state: clusters/NAME and the prepared image stores.
	Home string
	// Binaries gives the node's programs.
	Binaries Binaries
}

var _ cluster.Provider = (*Provider)(nil)

// Name implements cluster.Provider.
func (p *Provider) Name() string { return Name }

// Traits implements cluster.Provider.
func (p *Provider) Traits() cluster.Traits { return cluster.Traits{NeedsImages: true, KeepsHost: true} }

// Prepare implements cluster.Provider.
func (p *Provider) Prepare(ctx context.Context) error {
	if _, err := p.Binaries.Node(ctx); err != nil {
		return err
	}
	_, err := p.Binaries.Programs(ctx)
	return err
}

func (p *Provider) folders() cluster.Folders {
	return cluster.Folders(filepath.Join(p.Home, "clusters"))
}

func (p *Provider) layout(name string) layout { return layout(p.folders().Path(name)) }

// Open implements cluster.Provider.
func (p *Provider) Open(_ context.Context, name string) (cluster.Cluster, error) {
	if err := cluster.MayExist(name); err != nil {
		return nil, err
	}
	alive, err := p.layout(name).alive()
	if err != nil {
		return nil, err
	}
	if !alive {
		return nil, fmt.Errorf("embedded cluster %q is not running: %w", name, cluster.ErrNotFound)
	}
	return p.open(name, true)
}

func (p *Provider) open(name string, reused bool) (*Cluster, error) {
	l := p.layout(name)
	own, err := cluster.OpenOwn(Name, name, l.kubeconfig(), reused)
	return &Cluster{Own: own, provider: p, layout: l}, err
}

// Down implements cluster.Provider.
func (p *Provider) Down(ctx context.Context, name string, keepState bool) error {
	return p.folders().Down(ctx, name, func() error { return p.down(ctx, name, keepState) })
}

func (p *Provider) down(ctx context.Context, name string, keepState bool) error {
	l := p.layout(name)
	alive, err := l.alive()
	if err != nil {
		return err
	}
	if alive {
		if err := l.kill(ctx); err != nil {
			return err
		}
		if keepState {
			m, err := l.readMeta()
			if err != nil {
				return err
			}
			m.Kept, m.PID = true, 0
			if err := l.writeMeta(m); err != nil {
				return err
			}
		}
	}
	if err := p.reapDead(); err != nil {
		return err
	}
	if keepState {
		return nil
	}
	if err := os.RemoveAll(string(l)); err != nil {
		return fmt.Errorf("delete the state of cluster %q: %w", name, err)
	}
	return nil
}

// List implements cluster.Provider. It also removes the empty cgroup folders of clusters that were killed.
func (p *Provider) List(context.Context) ([]cluster.Info, error) {
	names, err := p.folders().Names()
	if err != nil {
		return nil, err
	}
	var infos []cluster.Info
	for _, name := range names {
		l := p.layout(name)
		info := cluster.Info{
			Name: name, Provider: Name, State: "broken",
			Detail: "it died; up makes it anew, down deletes what is left in " + string(l),
		}
		alive, err := l.alive()
		if err != nil {
			return nil, err
		}
		m, err := l.readMeta()
		switch {
		case alive && err != nil:
			info.State, info.Detail = "starting", "state in "+string(l)
		case alive:
			info.State, info.Kubeconfig, info.PID = "running", l.kubeconfig(), m.PID
			info.Detail = fmt.Sprintf("PID %d, state in %s", m.PID, l)
		case err == nil && m.Kept:
			info.State, info.Detail = "stopped", "kept in "+string(l)
		}
		infos = append(infos, info)
	}
	return infos, p.reapDead()
}

// Check implements cluster.Provider. It tries what a node needs of the machine, where nothing else sees it.
func (p *Provider) Check(ctx context.Context) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("an embedded cluster needs Linux, and this is %s: use a Linux machine or virtual machine",
			runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("an embedded cluster needs root: run again with sudo")
	}
	return probe(ctx, p.Home)
}
