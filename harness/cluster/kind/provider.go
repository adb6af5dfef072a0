// Package kind runs clusters by sigs.k8s.io/kind: nodes are containers of Docker, podman or nerdctl. What kind does not do by
// itself is done here: an interrupted or failed bring-up leaves nothing behind, the network goes with the last cluster, and where
// no node image can be had one is built.
package kind

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	kindcluster "sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/cluster/nodes"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"
	kindexec "sigs.k8s.io/kind/pkg/exec"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/filelock"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/progress"
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
	// NodeImage is the node image to use, as a reference that the engine has or can pull. Empty means kind's own where that can
	// be had, and otherwise one that is built.
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

// meta is what is remembered of a cluster.
type meta struct {
	Schema int `json:"schema"`
	// Engine runs its containers.
	Engine engine `json:"engine"`
	// NodeImage is what its node was made of, Own tells that it was built here, and Why says why it was taken.
	NodeImage string `json:"nodeImage"`
	Own       bool   `json:"own"`
	Why       string `json:"why"`
	// Container is the node's, which tells a cluster from another of the same name that somebody made later.
	Container string `json:"container"`
	// Images are the references and digests that the node has.
	Images map[string]string `json:"images,omitempty"`
}

// dir is the folder of one cluster.
func (p *Provider) dir(name string) string { return filepath.Join(p.Home, "kind", name) }

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
		return fmt.Errorf("a kind cluster needs Docker, podman or nerdctl: %w; start a daemon, or use CLUSTER=embedded, which needs none", err)
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

// Up implements cluster.Provider.
func (p *Provider) Up(ctx context.Context, name string, o cluster.Options) (_ cluster.Cluster, err error) {
	if err := cluster.CheckName(name); err != nil {
		return nil, err
	}
	e, err := p.engine(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(p.dir(name)), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for clusters: %w", err)
	}
	unlock, err := p.lock(ctx, name, o.Progress)
	if err != nil {
		return nil, err
	}
	defer unlock()
	switch c, err := p.find(ctx, name); {
	case err == nil:
		return c, nil
	case !errors.Is(err, cluster.ErrNotFound):
		return nil, err
	}
	// What is there of that name is dead, or half made, maybe by another engine.
	old, err := p.readMeta(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if old.Engine == "" {
		old.Engine = e
	}
	if err := p.remove(ctx, old, name); err != nil {
		return nil, err
	}
	image, err := p.nodeImage(ctx, e, o.Progress)
	if err != nil {
		return nil, err
	}
	// That may have taken minutes. From here on, what is found under this name was made here.
	if container, err := p.container(ctx, e, name); err != nil || container != "" {
		return nil, errors.Join(err, p.foreign(container, name))
	}
	m := meta{Schema: schema, Engine: e, NodeImage: image.ref, Own: image.own, Why: image.why}
	if err := p.writeMeta(name, m); err != nil {
		return nil, err
	}
	defer func() {
		if err == nil || p.Retain && ctx.Err() == nil {
			return
		}
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, p.remove(undo, m, name))
	}()
	if err := p.create(ctx, e, name, image, o.Progress); err != nil {
		if p.Retain && ctx.Err() == nil {
			err = fmt.Errorf("%w\nthe node was kept: canarylab logs shows what it logged, canarylab down --name %s removes it", err, name)
		}
		return nil, err
	}
	if m.Container, err = p.container(ctx, e, name); err != nil {
		return nil, err
	}
	if err := p.writeMeta(name, m); err != nil {
		return nil, err
	}
	return p.open(name, m)
}

// create has kind make the cluster. When ctx ends, so does it, and nothing is left.
func (p *Provider) create(ctx context.Context, e engine, name string, image nodeImage, steps progress.Progress) error {
	v1, err := e.cgroupV1(ctx)
	if err != nil {
		return err
	}
	// Whoever removes the network waits for those that are about to use it.
	release, err := p.useNetwork(ctx)
	if err != nil {
		return err
	}
	defer release()
	log := &logger{steps: steps}
	k := e.provider(log)
	made := make(chan error, 1)
	go func() {
		made <- k.Create(prefix+name,
			kindcluster.CreateWithV1Alpha4Config(config(image, v1)),
			kindcluster.CreateWithNodeImage(image.ref),
			kindcluster.CreateWithKubeconfigPath(filepath.Join(p.dir(name), kubeconfigFile)),
			kindcluster.CreateWithRetain(true), // whether it stays is decided above
		)
	}()
	select {
	case err = <-made:
	case <-ctx.Done():
		// kind can't be told to stop. Without its node it ends by itself.
		for again := true; again; {
			_ = k.Delete(prefix+name, filepath.Join(p.dir(name), kubeconfigFile))
			select {
			case <-made:
				again = false
			case <-time.After(deleteAgain):
			}
		}
		err = ctx.Err()
	}
	log.end(err)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("kind: %w%s", err, output(err))
	}
	return err
}

// outputLines of a command that failed go into the error about it.
const outputLines = 12

// output is what the command printed that kind's error is about.
func output(err error) string {
	run := kindexec.RunErrorForError(err)
	if run == nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(run.Output)), "\n")
	text := strings.Join(lines[max(0, len(lines)-outputLines):], "\n")
	if text == "" {
		return ""
	}
	return "; it ended with:\n" + text
}

// config is the cluster's. What differs from kind's defaults is what makes it the same cluster as the embedded one.
func config(image nodeImage, cgroupV1 bool) *v1alpha4.Cluster {
	kubelet := []string{
		"kind: KubeletConfiguration",
		"kubeAPIQPS: 200", "kubeAPIBurst: 400", "eventRecordQPS: 0", "serializeImagePulls: false", "syncFrequency: 2s",
		"containerLogMaxSize: 1Gi", "containerLogMaxFiles: 2", // rotation would cut a log that is being followed
	}
	if cgroupV1 {
		kubelet = append(kubelet, "failCgroupV1: false")
	}
	if image.own {
		// It has no systemd. Its init writes the file with the name server that pods get.
		kubelet = append(kubelet, "cgroupDriver: cgroupfs", "resolvConf: /kind/resolv.conf")
	}
	c := &v1alpha4.Cluster{
		Nodes: []v1alpha4.Node{{Role: v1alpha4.ControlPlaneRole, Image: image.ref}},
		Networking: v1alpha4.Networking{
			APIServerAddress: "127.0.0.1",
			KubeProxyMode:    v1alpha4.NFTablesProxyMode,
			// Our own node brings its network along; kind's image needs kind's.
			DisableDefaultCNI: image.own,
		},
		KubeadmConfigPatches: []string{
			strings.Join(kubelet, "\n"),
			// The default of a second is for thousands of Services.
			"kind: KubeProxyConfiguration\nnftables:\n  minSyncPeriod: 20ms",
		},
	}
	v1alpha4.SetDefaultsCluster(c)
	if image.own {
		c.KubeadmConfigPatches = append(c.KubeadmConfigPatches, "kind: InitConfiguration\npatches:\n  directory: "+images.NodePatches)
	}
	return c
}

// Open implements cluster.Provider.
func (p *Provider) Open(ctx context.Context, name string) (cluster.Cluster, error) {
	if cluster.CheckName(name) != nil {
		return nil, fmt.Errorf("cluster name %q: %w", name, cluster.ErrNotFound)
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
		return nil, fmt.Errorf("kind cluster %q was made by another version of canarylab: run canarylab down --cluster kind --name %s and try again", name, name)
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
	c, err := p.open(name, m)
	if err != nil {
		return nil, err
	}
	c.reused = true
	return c, nil
}

// kubeconfigFile is the kubeconfig's in a cluster's folder.
const kubeconfigFile = "kubeconfig"

func (p *Provider) open(name string, m meta) (*Cluster, error) {
	file := filepath.Join(p.dir(name), kubeconfigFile)
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig of cluster %q: %w", name, err)
	}
	return &Cluster{provider: p, name: name, meta: m, config: config}, nil
}

// container is the id of the node's container; empty if there is none.
func (p *Provider) container(ctx context.Context, e engine, name string) (string, error) {
	out, err := e.output(ctx, "ps", "--all", "--no-trunc", "--quiet", "--filter", "label=io.x-k8s.kind.cluster="+prefix+name)
	if err != nil {
		return "", fmt.Errorf("look for the node of cluster %q: %w", name, err)
	}
	ids := strings.Fields(out)
	if len(ids) > 1 {
		return "", fmt.Errorf("cluster %q has %d nodes, and the lab makes one", name, len(ids))
	}
	return strings.Join(ids, ""), nil
}

// Down implements cluster.Provider. A node image stays: it takes minutes to make. The state of a kind cluster can't be kept.
func (p *Provider) Down(ctx context.Context, name string, keepState bool) error {
	if keepState {
		return errors.New("the state of a kind cluster can't be kept: its node is a container with addresses of its own; leave --keep-state out")
	}
	if cluster.CheckName(name) != nil {
		return fmt.Errorf("cluster name %q: %w", name, cluster.ErrNotFound)
	}
	if _, err := os.Stat(filepath.Dir(p.dir(name))); errors.Is(err, os.ErrNotExist) {
		return nil // no cluster was ever made here
	}
	unlock, err := p.lock(ctx, name, nil)
	if err != nil {
		return err
	}
	defer unlock()
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
}

// foreign is the error about a node that was not made from here; nil where there is none.
func (p *Provider) foreign(container, name string) error {
	if container == "" {
		return nil
	}
	return fmt.Errorf("there is a kind cluster %q that was not made from here (%s): kind delete cluster --name %s removes it, or use another --name", prefix+name, p.Home, prefix+name)
}

// remove deletes the node, its volumes, the network if nobody uses it any more, and the cluster's folder. A node that is another than m
// knows is somebody else's, and stays. The caller holds the cluster's lock.
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

// networkLock is the file whose lock is held, shared, by those who are about to put a node into the network.
func (p *Provider) networkLock() string { return filepath.Join(p.Home, "kind", ".network.lock") }

// setNetwork tells kind which network to use, which goes by the environment only.
var setNetwork = sync.OnceValue(func() error {
	return errors.Join(os.Setenv("KIND_EXPERIMENTAL_DOCKER_NETWORK", network), os.Setenv("KIND_EXPERIMENTAL_PODMAN_NETWORK", network))
})

// useNetwork keeps the network from being removed until release is called.
func (p *Provider) useNetwork(ctx context.Context) (release func(), err error) {
	if err := setNetwork(); err != nil {
		return nil, err
	}
	return filelock.Share(ctx, p.networkLock())
}

// dropNetwork removes the network unless a node is in it or about to be. With nerdctl there is none of the lab's own: kind knows but one
// there, which may be the user's.
func (p *Provider) dropNetwork(ctx context.Context, e engine) error {
	if e == nerdctl {
		return nil
	}
	release, free, err := filelock.Try(p.networkLock())
	if err != nil || !free {
		return err // whoever uses it removes it
	}
	defer release()
	out, err := e.output(ctx, "network", "ls", "--format", "{{.Name}}")
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Fields(out), network) {
		return nil
	}
	out, err = e.output(ctx, "ps", "--all", "--quiet", "--filter", "network="+network)
	if err != nil || strings.TrimSpace(out) != "" {
		return err
	}
	if _, err := e.output(ctx, "network", "rm", network); err != nil {
		return fmt.Errorf("remove the network of the lab's clusters: %w", err)
	}
	return nil
}

// List implements cluster.Provider.
func (p *Provider) List(ctx context.Context) ([]cluster.Info, error) {
	entries, err := os.ReadDir(filepath.Join(p.Home, "kind"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("look for clusters: %w", err)
	}
	var infos []cluster.Info
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		info := cluster.Info{Name: e.Name(), Provider: Name, State: "broken"}
		c, err := p.find(ctx, e.Name())
		switch {
		case err == nil:
			info.State, info.Kubeconfig = "running", c.Kubeconfig()
			info.PID, _ = c.meta.Engine.pid(ctx, c.meta.Container) // it ran a moment ago
			info.Detail = fmt.Sprintf("%s container %s%s-control-plane of %s", c.meta.Engine, prefix, e.Name(), c.meta.NodeImage)
		case errors.Is(err, cluster.ErrNotFound):
			info.Detail = err.Error() + "; up makes it anew, down removes what is left"
		default:
			info.Detail = err.Error() + "; down removes what is left"
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// lock keeps two canarylabs from changing one cluster at once. The second waits.
func (p *Provider) lock(ctx context.Context, name string, steps progress.Progress) (func(), error) {
	return filelock.Lock(ctx, filepath.Join(p.Home, "kind", "."+name+".lock"), fmt.Sprintf("it is changing cluster %q", name), steps)
}

func (p *Provider) metaFile(name string) string { return filepath.Join(p.dir(name), "meta.json") }

func (p *Provider) readMeta(name string) (meta, error) {
	var m meta
	return m, cluster.ReadState(p.metaFile(name), &m)
}

func (p *Provider) writeMeta(name string, m meta) error {
	return cluster.WriteState(p.metaFile(name), m)
}

// A Cluster is a running kind cluster of one node.
type Cluster struct {
	provider *Provider
	name     string
	meta     meta
	config   *rest.Config
	reused   bool
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

// Kubeconfig implements cluster.Cluster. It is a file of the cluster's own: the user's is never touched.
func (c *Cluster) Kubeconfig() string { return filepath.Join(c.provider.dir(c.name), kubeconfigFile) }

// Reused implements cluster.Cluster.
func (c *Cluster) Reused() bool { return c.reused }

// Reference implements cluster.Cluster.
func (c *Cluster) Reference(image string) string { return image }

// About implements cluster.Cluster.
func (c *Cluster) About() []string {
	about := []string{
		fmt.Sprintf("The node is a %s container of %s: %s.", c.meta.Engine, c.meta.NodeImage, c.meta.Why),
		"CoreDNS runs as pods; on an embedded cluster it is a process of the node.",
	}
	if !c.meta.Own {
		about = append(about, "Pods are connected by kind's own network plugin, and can reach what the container can.")
	}
	return about
}

// Ready implements cluster.Cluster: the node takes pods, and names can be looked up.
func (c *Cluster) Ready(ctx context.Context) error {
	k, err := kube.New(c.Config())
	if err != nil {
		return err
	}
	if err := k.WaitNodes(ctx); err != nil {
		return fmt.Errorf("%w; canarylab logs has the node's logs", err)
	}
	return k.WaitWorkloads(ctx, "kube-system")
}

// LoadImages implements cluster.Cluster. Images that the node has already are not loaded again.
func (c *Cluster) LoadImages(ctx context.Context, set map[string]v1.Image) error {
	want, err := images.Configs(set)
	if err != nil {
		return err
	}
	tags := map[name.Tag]v1.Image{}
	for ref, digest := range want {
		if c.meta.Images[ref] == digest {
			continue
		}
		// A name without a registry, such as canarylab/x:dev, is stored as docker.io's, and kubelet asks for the same.
		tag, err := name.NewTag(ref)
		if err != nil {
			return fmt.Errorf("the reference %q: %w", ref, err)
		}
		tags[tag] = set[ref]
	}
	if len(tags) == 0 {
		return nil
	}
	node, err := c.node()
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(tarball.MultiWrite(tags, w)) }()
	stop := context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	defer stop()
	err = nodeutils.LoadImageArchive(node, r)
	r.CloseWithError(errors.New("the import ended"))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("import images into the node: %w%s", err, output(err))
	}
	if c.meta.Images == nil {
		c.meta.Images = map[string]string{}
	}
	maps.Copy(c.meta.Images, want) // others are there still
	return c.provider.writeMeta(c.name, c.meta)
}

func (c *Cluster) node() (nodes.Node, error) {
	all, err := c.meta.Engine.provider(&logger{}).ListInternalNodes(prefix + c.name)
	if err != nil {
		return nil, fmt.Errorf("find the node of cluster %q: %w", c.name, err)
	}
	if len(all) != 1 {
		return nil, fmt.Errorf("cluster %q has %d nodes, want 1", c.name, len(all))
	}
	return all[0], nil
}

// Logs implements cluster.Logger: what kind exports.
func (c *Cluster) Logs(ctx context.Context, dir string) error {
	return c.provider.Logs(ctx, c.name, dir)
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
