// Package embedded runs a whole Kubernetes node in Linux namespaces of its own: no Docker, no virtual machine, no
// registry. A cluster is one PID 1 (noded) and one state folder; when PID 1 dies, for whatever reason, the kernel takes
// everything else with it.
package embedded

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/disk"
	"github.com/canarylab/canarylab/harness/filelock"
	"github.com/canarylab/canarylab/harness/progress"
)

// Name is what CLUSTER= calls this provider.
const Name = "embedded"

// schema is the version of the state folder. A change that an older or newer canarylab would misread raises it.
const schema = 1

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
func (p *Provider) Traits() cluster.Traits { return cluster.Traits{NeedsImages: true} }

// meta is what the state folder says of itself.
type meta struct {
	Schema int `json:"schema"`
	// Node is the build of the node's programs that wrote the state; another build can't be trusted to read it.
	Node string `json:"node"`
	Port int    `json:"port"`
	PID  int    `json:"pid"`
	// Kept is set by Down with keepState: the state is whole and waits for the next Up.
	Kept bool `json:"kept"`
	// Images are the references and digests that the node has.
	Images map[string]string `json:"images,omitempty"`
}

// Prepare implements cluster.Provider.
func (p *Provider) Prepare(ctx context.Context) error {
	if _, err := p.Binaries.Node(ctx); err != nil {
		return err
	}
	_, err := p.Binaries.Programs(ctx)
	return err
}

func (p *Provider) layout(name string) layout {
	return layout(filepath.Join(p.Home, "clusters", name))
}

// Up implements cluster.Provider.
func (p *Provider) Up(ctx context.Context, name string, o cluster.Options) (_ cluster.Cluster, err error) {
	if err := cluster.CheckName(name); err != nil {
		return nil, err
	}
	if err := p.Check(ctx); err != nil {
		return nil, err
	}
	steps := o.Progress
	began := time.Now().Truncate(time.Second) // Kubernetes' times are in seconds
	node, err := p.Binaries.Node(ctx)
	if err != nil {
		return nil, err
	}
	programs, err := p.Binaries.Programs(ctx)
	if err != nil {
		return nil, err
	}
	var images map[string]v1.Image
	if o.Images != nil {
		if images, err = o.Images(ctx); err != nil {
			return nil, err
		}
	}

	l := p.layout(name)
	if err := os.MkdirAll(filepath.Dir(string(l)), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for clusters: %w", err)
	}
	unlock, err := p.lock(ctx, name, steps)
	if err != nil {
		return nil, err
	}
	defer unlock()

	m, err := l.readMeta()
	exists := err == nil
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if alive, err := l.alive(); err != nil {
		return nil, err
	} else if alive {
		return p.reuse(name, m, node)
	}
	if err := p.reapDead(); err != nil {
		return nil, err
	}
	switch {
	case exists && m.Kept && (m.Schema != schema || m.Node != filepath.Base(node)):
		return nil, fmt.Errorf("the kept state of cluster %q in %s was written by another version of canarylab: run canarylab down --name %s, which deletes it, and try again", name, l, name)
	case !exists || !m.Kept:
		// A cluster that died without being stopped: its state is not worth trusting.
		if err := os.RemoveAll(string(l)); err != nil {
			return nil, fmt.Errorf("delete what is left of the last cluster %q: %w", name, err)
		}
		exists = false
	}

	if err := disk.Require(filepath.Dir(string(l)), needed, "a cluster"); err != nil {
		return nil, err
	}
	bring := &bringUp{provider: p, name: name, layout: l, node: node, programs: programs, steps: steps}
	defer func() {
		if err != nil {
			err = errors.Join(err, bring.undo(exists))
		}
	}()
	if exists {
		bring.meta = m
	} else if err := bring.create(ctx, images); err != nil {
		return nil, err
	}
	if err := bring.start(ctx); err != nil {
		return nil, err
	}
	c, err := p.open(name)
	if err != nil {
		return nil, err
	}
	c.resumed, c.opened = exists, began
	return c, nil
}

// needed in bytes is what a cluster writes in an hour or so: etcd's log is 64 MB from the start, and programs and pods
// write logs.
const needed = 512 << 20

// reuse opens a running cluster for Up.
func (p *Provider) reuse(name string, m meta, node string) (cluster.Cluster, error) {
	if m.Schema != schema || m.Node != filepath.Base(node) {
		return nil, fmt.Errorf("cluster %q is running with programs of another version of canarylab: run canarylab down --name %s and try again", name, name)
	}
	c, err := p.open(name)
	if err != nil {
		return nil, err
	}
	c.reused = true
	return c, nil
}

// Open implements cluster.Provider.
func (p *Provider) Open(_ context.Context, name string) (cluster.Cluster, error) {
	if cluster.CheckName(name) != nil {
		return nil, fmt.Errorf("cluster name %q: %w", name, cluster.ErrNotFound)
	}
	alive, err := p.layout(name).alive()
	if err != nil {
		return nil, err
	}
	if !alive {
		return nil, fmt.Errorf("embedded cluster %q is not running: %w", name, cluster.ErrNotFound)
	}
	c, err := p.open(name)
	if err != nil {
		return nil, err
	}
	c.reused = true
	return c, nil
}

func (p *Provider) open(name string) (*Cluster, error) {
	l := p.layout(name)
	config, err := clientcmd.BuildConfigFromFlags("", l.kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig of cluster %q: %w", name, err)
	}
	return &Cluster{provider: p, name: name, layout: l, config: config}, nil
}

// Down implements cluster.Provider.
func (p *Provider) Down(ctx context.Context, name string, keepState bool) error {
	if cluster.CheckName(name) != nil {
		return fmt.Errorf("cluster name %q: %w", name, cluster.ErrNotFound)
	}
	l := p.layout(name)
	if _, err := os.Stat(filepath.Dir(string(l))); errors.Is(err, os.ErrNotExist) {
		return nil // no cluster was ever made here
	}
	unlock, err := p.lock(ctx, name, nil)
	if err != nil {
		return err
	}
	defer unlock()
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
	entries, err := os.ReadDir(filepath.Join(p.Home, "clusters"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("look for clusters: %w", err)
	}
	var infos []cluster.Info
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		l := p.layout(e.Name())
		info := cluster.Info{Name: e.Name(), Provider: Name, State: "broken", Detail: "it died; up makes it anew, down deletes what is left in " + string(l)}
		alive, err := l.alive()
		if err != nil {
			return nil, err
		}
		m, err := l.readMeta()
		switch {
		case alive && err != nil:
			info.State, info.Detail = "starting", "state in "+string(l)
		case alive:
			info.State, info.Kubeconfig, info.PID, info.Detail = "running", l.kubeconfig(), m.PID, fmt.Sprintf("PID %d, state in %s", m.PID, l)
		case err == nil && m.Kept:
			info.State, info.Detail = "stopped", "kept in "+string(l)
		}
		infos = append(infos, info)
	}
	return infos, p.reapDead()
}

// reapDead removes the cgroup folders of everything of this home that is dead, whether or not its state is still there.
func (p *Provider) reapDead() error {
	found, err := filepath.Glob("/sys/fs/cgroup/*/" + p.cgroup("*"))
	if err != nil {
		return err
	}
	unified, err := filepath.Glob("/sys/fs/cgroup/" + p.cgroup("*"))
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, path := range append(found, unified...) {
		names[strings.TrimPrefix(filepath.Base(path), p.cgroup(""))] = true
	}
	var errs []error
	for name := range names {
		if alive, err := p.layout(name).alive(); err == nil && !alive {
			errs = append(errs, reapCgroups(p.cgroup(name)))
		}
	}
	return errors.Join(errs...)
}

// lock keeps two canarylabs from changing one cluster at once. The second waits.
func (p *Provider) lock(ctx context.Context, name string, steps progress.Progress) (func(), error) {
	return filelock.Lock(ctx, filepath.Join(p.Home, "clusters", "."+name+".lock"), fmt.Sprintf("it is changing cluster %q", name), steps)
}

// A Cluster is a running embedded cluster.
type Cluster struct {
	provider *Provider
	name     string
	layout   layout
	config   *rest.Config
	reused   bool
	resumed  bool      // continued from kept state
	opened   time.Time // heartbeats from before are of the last run
}

var (
	_ cluster.Cluster = (*Cluster)(nil)
	_ cluster.Logger  = (*Cluster)(nil)
)

// Name implements cluster.Cluster.
func (c *Cluster) Name() string { return c.name }

// Provider implements cluster.Cluster.
func (c *Cluster) Provider() string { return Name }

// Config implements cluster.Cluster.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Kubeconfig implements cluster.Cluster.
func (c *Cluster) Kubeconfig() string { return c.layout.kubeconfig() }

// Reused implements cluster.Cluster.
func (c *Cluster) Reused() bool { return c.reused }

// Reference implements cluster.Cluster.
func (c *Cluster) Reference(image string) string { return image }

// About implements cluster.Cluster.
func (c *Cluster) About() []string {
	return []string{
		"The node is made of namespaces of this machine. CoreDNS is a process of the node; on a kind cluster it runs as pods.",
		"The node has no way out: nothing in it reaches anything but itself.",
	}
}

func (l layout) readMeta() (meta, error) {
	var m meta
	return m, cluster.ReadState(l.path("meta.json"), &m)
}

func (l layout) writeMeta(m meta) error { return cluster.WriteState(l.path("meta.json"), m) }

// alive tells whether the cluster's PID 1 lives: it holds the lock of the file "alive" for as long as it does. The
// kernel lets go of the lock with the process, so this can't be wrong about a PID that was given to somebody else.
func (l layout) alive() (bool, error) {
	f, err := os.Open(l.path("alive"))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// kill ends the cluster's PID 1 and waits until the kernel is done with it.
func (l layout) kill(ctx context.Context) error {
	m, err := l.readMeta()
	if err != nil {
		return err
	}
	pidfd, err := unix.PidfdOpen(m.PID, 0)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("find PID %d of the cluster: %w", m.PID, err)
	}
	if err == nil {
		defer unix.Close(pidfd)
		if cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", m.PID)); !strings.Contains(string(cmdline), string(l)) {
			return fmt.Errorf("PID %d is not the cluster's (its command line does not name %s): not killing it", m.PID, l)
		}
		if err := unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("end PID %d of the cluster: %w", m.PID, err)
		}
	}
	for {
		alive, err := l.alive()
		if err != nil || !alive {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for PID %d of the cluster to end: %w", m.PID, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Check implements cluster.Provider.
func (p *Provider) Check(context.Context) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("an embedded cluster needs Linux, and this is %s: use a Linux machine or virtual machine", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("an embedded cluster needs root: run again with sudo")
	}
	if _, err := os.Stat("/sys/fs/cgroup"); err != nil {
		return fmt.Errorf("an embedded cluster needs cgroups below /sys/fs/cgroup: %w", err)
	}
	filesystems, err := os.ReadFile("/proc/filesystems")
	if err == nil && !slices.Contains(strings.Fields(string(filesystems)), "overlay") {
		return errors.New("an embedded cluster needs the overlay file system: run modprobe overlay, or use a kernel that has it")
	}
	return nil
}

// A bringUp makes and starts one cluster.
type bringUp struct {
	provider       *Provider
	name           string
	layout         layout
	node, programs string
	steps          progress.Progress
	meta           meta
	started        *startedNode
}

// create fills a new state folder.
func (b *bringUp) create(ctx context.Context, images map[string]v1.Image) (err error) {
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
	b.meta = meta{Schema: schema, Node: filepath.Base(b.node)}
	if len(images) > 0 {
		if err := b.provider.seed(ctx, b, images); err != nil {
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
	spec := b.layout.spec(b.name, b.provider.cgroup(b.name), hostname(b.name), b.node, []string{b.node, b.programs})
	b.started, err = startNode(spec, filepath.Join(b.programs, "noded"), listener)
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
func (b *bringUp) undo(existed bool) error {
	if b.started != nil {
		b.started.kill()
	}
	err := reapCgroups(b.provider.cgroup(b.name))
	if existed {
		b.meta.Kept, b.meta.PID = true, 0
		return errors.Join(err, b.layout.writeMeta(b.meta))
	}
	return errors.Join(err, os.RemoveAll(string(b.layout)))
}

// listen takes the port that the cluster had before, so that its kubeconfig stays true, or any other.
func listen(port int) (*net.TCPListener, error) {
	for _, p := range []int{port, 0} {
		l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p})
		if err == nil {
			return l, nil
		}
		if p == 0 {
			return nil, fmt.Errorf("find a free port on 127.0.0.1 for the API server: %w", err)
		}
	}
	return nil, errors.New("unreachable")
}

// cgroup is the folder of a cluster's pods. The home folder is part of it: two homes may have clusters of one name.
func (p *Provider) cgroup(name string) string {
	home := sha256.Sum256([]byte(p.Home))
	return fmt.Sprintf("canarylab-%x-%s", home[:3], name)
}

func hostname(name string) string { return "canarylab-" + name }
