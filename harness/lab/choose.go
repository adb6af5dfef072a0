package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/cluster/embedded"
	"github.com/canarylab/canarylab/harness/cluster/existing"
	"github.com/canarylab/canarylab/harness/cluster/kind"
	"github.com/canarylab/canarylab/harness/disk"
)

// ErrUnavailable is wrapped by errors that say that this machine can't run the cluster asked for, and why.
var ErrUnavailable = errors.New("no cluster can be had here")

// ErrUnknownCluster is wrapped by the error about a CLUSTER that is none of the known ones.
var ErrUnknownCluster = errors.New("unknown kind of cluster")

// modulePath is this module's, as go.mod has it.
const modulePath = "github.com/canarylab/canarylab"

// A choice is a provider and why it was taken.
type choice struct {
	provider cluster.Provider
	why      string
	store    *artifacts.Store
}

// choose picks the provider that o asks for, and checks that it can work here.
func (o Options) choose(ctx context.Context) (choice, error) {
	store, err := o.store()
	if err != nil && o.needsTools() {
		return choice{}, err
	}
	c := choice{store: store, why: "as asked for"}
	switch o.Cluster {
	case "", "auto":
		if c.provider, c.why, err = o.auto(ctx, store); err != nil {
			return choice{}, err
		}
	case embedded.Name:
		c.provider = o.embedded(store)
	case kind.Name:
		c.provider = o.kind(store)
	case existing.Name:
		c.provider = o.existing()
	default:
		return choice{}, o.unknown()
	}
	if err := c.provider.Check(ctx); err != nil {
		if errors.Is(err, existing.ErrUsage) {
			return choice{}, err
		}
		return choice{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if o.needsTools() {
		if err := artifacts.CheckTools(ctx, artifacts.Needs{}); err != nil {
			return choice{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	return c, nil
}

// auto is the cluster that runs already under that name, or a new one: kind's where a container daemon answers, an embedded one where
// none does.
func (o Options) auto(ctx context.Context, store *artifacts.Store) (cluster.Provider, string, error) {
	const running = "it runs already"
	embedded, kinds := o.embedded(store), o.kind(store)
	if found, err := has(ctx, embedded, o.Name); err != nil || found {
		return embedded, running, err
	}
	engine, version, err := kind.Engine(ctx)
	if err != nil {
		return embedded, "no container daemon answers", nil
	}
	if found, err := has(ctx, kinds, o.Name); err != nil || found {
		return kinds, running, err
	}
	return kinds, fmt.Sprintf("%s %s answers", engine, version), nil
}

// has tells whether the named cluster of a provider runs.
func has(ctx context.Context, p cluster.Provider, name string) (bool, error) {
	_, err := p.Open(ctx, name)
	if errors.Is(err, cluster.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (o Options) embedded(store *artifacts.Store) cluster.Provider {
	return &embedded.Provider{Home: o.Home, Binaries: store}
}

func (o Options) kind(store *artifacts.Store) *kind.Provider {
	return &kind.Provider{Home: o.Home, Store: store, NodeImage: o.NodeImage, Retain: o.Retain}
}

func (o Options) existing() *existing.Provider {
	return &existing.Provider{Home: o.Home, Access: o.Existing}
}

// Tools looks for what this machine has to have for a lab of the kind that o asks for to be built on it.
func Tools(ctx context.Context, o Options) []artifacts.Tool {
	if !o.needsTools() {
		return nil
	}
	var n artifacts.Needs
	switch o.Cluster {
	case "", "auto", kind.Name:
		n.NodeImage = o.kind(nil).BuildsNodeImage(ctx)
	}
	return artifacts.Tools(ctx, n)
}

// needsTools tells whether images have to be built, for which this machine needs compilers and more.
func (o Options) needsTools() bool {
	return o.Cluster != existing.Name || o.Existing.Repository != "" && o.Existing.Tag == ""
}

// unknown is the error about a kind of cluster that there is not.
func (o Options) unknown() error {
	return fmt.Errorf("CLUSTER=%q: %w; use auto, embedded, kind or existing", o.Cluster, ErrUnknownCluster)
}

// Source is the root of the canarylab module that everything is built from: CANARYLAB_SOURCE, or the folder with its
// go.mod at or above the working directory.
func Source() (string, error) {
	if dir := os.Getenv("CANARYLAB_SOURCE"); dir != "" {
		if !isSource(dir) {
			return "", fmt.Errorf("CANARYLAB_SOURCE=%s is not a clone of %s", dir, modulePath)
		}
		return filepath.Abs(dir)
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		if isSource(dir) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside a clone of %s, which the cluster's programs are built from: change into one, or set CANARYLAB_SOURCE", wd, modulePath)
		}
	}
}

func isSource(dir string) bool {
	raw, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return false
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	return strings.TrimSpace(first) == "module "+modulePath
}

// CheckEmbedded tells whether this machine can run an embedded cluster: nil, or what stands in the way.
func CheckEmbedded(ctx context.Context) error { return (&embedded.Provider{}).Check(ctx) }

// CheckKind tells whether this machine can run a kind cluster: what would run it, or what stands in the way.
func CheckKind(ctx context.Context) (string, error) {
	engine, version, err := kind.Engine(ctx)
	return engine + " " + version, err
}

// lowSpace in bytes is less than what a first build and one cluster take: 5 GB of build cache, 1 GB of programs, and
// 1 GB of images.
const lowSpace = 8 << 30

// FreeSpace of the disk that dir is or will be on, in bytes. It is an error if that is less than a first build and a
// cluster take.
func FreeSpace(dir string) (uint64, error) {
	at := dir
	free, err := disk.Free(at)
	for err != nil && at != filepath.Dir(at) {
		at = filepath.Dir(at)
		free, err = disk.Free(at)
	}
	if err != nil {
		return 0, err
	}
	return free, disk.Require(at, lowSpace, "a first build and a cluster")
}
