package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/disk"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/progress"
)

// needed in bytes is what a cluster writes in an hour or so: etcd's log is 64 MB from the start, and programs and pods
// write logs.
const needed = 512 << 20

// A bringUp makes and starts one cluster.
type bringUp struct {
	provider       *Provider
	name           string
	layout         layout
	node, programs string // folders with the programs
	images         map[string]v1.Image
	steps          progress.Progress
	meta           meta
	resumed        bool // continues from kept state
	started        *startedNode
}

// Up implements cluster.Provider.
func (p *Provider) Up(ctx context.Context, name string, o cluster.Options) (cluster.Cluster, error) {
	if err := cluster.CheckName(name); err != nil {
		return nil, err
	}
	if err := p.Check(ctx); err != nil {
		return nil, err
	}
	began := time.Now().Truncate(time.Second) // Kubernetes' times are in seconds
	b := &bringUp{provider: p, name: name, layout: p.layout(name), steps: o.Progress}
	if err := b.build(ctx, o); err != nil {
		return nil, err
	}
	unlock, err := p.folders().Lock(ctx, name, b.steps)
	if err != nil {
		return nil, err
	}
	defer unlock()
	m, err := b.layout.readMeta()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if alive, err := b.layout.alive(); err != nil {
		return nil, err
	} else if alive {
		return b.reuse(m)
	}
	if err := p.reapDead(); err != nil {
		return nil, err
	}
	if err := b.resume(m); err != nil {
		return nil, err
	}
	if err := disk.Require(string(p.folders()), needed, "a cluster"); err != nil {
		return nil, err
	}
	if !b.resumed {
		err = b.create(ctx)
	}
	if err == nil {
		err = b.start(ctx)
	}
	var c *Cluster
	if err == nil {
		c, err = p.open(name, false)
	}
	if err != nil {
		return nil, errors.Join(err, b.undo())
	}
	if b.resumed {
		c.spokeAfter = began
	}
	return c, nil
}

// build finds, or builds, the programs and images.
func (b *bringUp) build(ctx context.Context, o cluster.Options) (err error) {
	if b.node, err = b.provider.Binaries.Node(ctx); err != nil {
		return err
	}
	if b.programs, err = b.provider.Binaries.Programs(ctx); err != nil {
		return err
	}
	if o.Images != nil {
		b.images, err = o.Images(ctx)
	}
	return err
}

// reuse opens the cluster, which runs.
func (b *bringUp) reuse(m meta) (cluster.Cluster, error) {
	if !m.writtenBy(b.node) {
		return nil, fmt.Errorf("cluster %q is running with programs of another version of canarylab: "+
			"run canarylab down --name %s and try again", b.name, b.name)
	}
	return b.provider.open(b.name, true)
}

// resume takes up the state that the last cluster of the name was stopped with. It deletes what one left that
// died: such state is not worth trusting.
func (b *bringUp) resume(m meta) error {
	if !m.Kept {
		if err := os.RemoveAll(string(b.layout)); err != nil {
			return fmt.Errorf("delete what is left of the last cluster %q: %w", b.name, err)
		}
		return nil
	}
	if !m.writtenBy(b.node) {
		return fmt.Errorf("the kept state of cluster %q in %s was written by another version of canarylab: "+
			"run canarylab down --name %s, which deletes it, and try again", b.name, b.layout, b.name)
	}
	b.meta, b.resumed = m, true
	return nil
}

// create fills a new state folder.
func (b *bringUp) create(ctx context.Context) (err error) {
	done := progress.Begin(b.steps, "certificates and configuration")
	defer func() { done(err) }()
	l := b.layout
	if err := os.MkdirAll(string(l), 0o700); err != nil {
		return err
	}
	if err := l.writeCredentials(hostname(b.name)); err != nil {
		return err
	}
	if err := l.writeConfigs(b.node, b.provider.cgroup(b.name), hostname(b.name)); err != nil {
		return err
	}
	if len(b.images) > 0 && !images.HasNft() {
		if err := images.WriteNft(b.images[images.Proxy], l.nft()); err != nil {
			return err
		}
	}
	b.meta = meta{Schema: schema, Node: filepath.Base(b.node)}
	if len(b.images) > 0 {
		if err := b.seed(ctx); err != nil {
			return fmt.Errorf("prepare the images: %w", err)
		}
	}
	return nil
}

// start starts the node and returns when its API server answers.
func (b *bringUp) start(ctx context.Context) error {
	listener, err := listen(b.meta.Port)
	if err != nil {
		return err
	}
	defer listener.Close()
	b.meta.Port = listener.Addr().(*net.TCPAddr).Port
	if err := b.layout.writeKubeconfigs(b.name, b.meta.Port); err != nil {
		return err
	}
	plan := nodePlan{b.layout, hostname(b.name), b.node}
	spec := plan.spec(b.name, []string{b.node, b.programs})
	b.started, err = startNode(spec, b.provider.cgroup(b.name), filepath.Join(b.programs, "noded"), listener)
	if err != nil {
		return err
	}
	b.meta.PID, b.meta.Kept = b.started.process.Pid, false
	if err := b.layout.writeMeta(b.meta); err != nil {
		return err
	}
	if err := b.started.await(ctx, "kube-apiserver", b.steps); err != nil {
		return err
	}
	return b.started.keep()
}

// undo removes what a failed Up made. State that was there before stays.
func (b *bringUp) undo() error {
	if b.started != nil {
		b.started.kill()
	}
	err := reapCgroups(b.provider.cgroup(b.name))
	if b.resumed {
		b.meta.Kept, b.meta.PID = true, 0
		return errors.Join(err, b.layout.writeMeta(b.meta))
	}
	return errors.Join(err, os.RemoveAll(string(b.layout)))
}

// listen takes the port that the cluster had before, so that its kubeconfig stays true, or any other.
func listen(port int) (*net.TCPListener, error) {
	at := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
	l, err := net.ListenTCP("tcp4", at)
	if err != nil && port != 0 {
		at.Port = 0
		l, err = net.ListenTCP("tcp4", at)
	}
	if err != nil {
		return nil, fmt.Errorf("find a free port on 127.0.0.1 for the API server: %w", err)
	}
	return l, nil
}

func hostname(name string) string { return "canarylab-" + name }
