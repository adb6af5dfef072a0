package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/cluster/embedded"
	"github.com/canarylab/canarylab/harness/disk"
)

// ErrUnavailable is wrapped by errors that say that this machine can't run the cluster asked for, and why.
var ErrUnavailable = errors.New("no cluster can be had here")

// ErrUnknownCluster is wrapped by the error about a CLUSTER that is none of the known ones.
var ErrUnknownCluster = errors.New("unknown kind of cluster")

// dockerAnswers bounds the question whether a Docker daemon is there.
const dockerAnswers = 3 * time.Second

// modulePath is this module's, as go.mod has it.
const modulePath = "github.com/canarylab/canarylab"

// provider picks the provider that o asks for and says why.
func (o Options) provider(ctx context.Context) (cluster.Provider, *artifacts.Store, string, error) {
	why := "as asked for"
	switch o.Cluster {
	case "", "auto":
		why = "no Docker daemon answers"
		if dockerRuns(ctx) {
			why = "the only kind that this version has, although a Docker daemon answers"
		}
	case embedded.Name:
	default:
		return nil, nil, "", o.unknown()
	}
	p := &embedded.Provider{Home: o.Home}
	if err := p.Check(ctx); err != nil {
		return nil, nil, "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err := artifacts.CheckTools(ctx); err != nil {
		return nil, nil, "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	store, err := o.store()
	if err != nil {
		return nil, nil, "", err
	}
	p.Binaries = store
	return p, store, why, nil
}

// unknown is the error about a kind of cluster that this canarylab does not have.
func (o Options) unknown() error {
	if o.Cluster == "kind" || o.Cluster == "existing" {
		return fmt.Errorf("CLUSTER=%s: %w: this version of canarylab has embedded clusters only; use CLUSTER=embedded", o.Cluster, ErrUnavailable)
	}
	return fmt.Errorf("CLUSTER=%q: %w; use auto or embedded", o.Cluster, ErrUnknownCluster)
}

// dockerRuns tells whether a Docker daemon answers.
func dockerRuns(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, dockerAnswers)
	defer cancel()
	return exec.CommandContext(ctx, "docker", "version", "--format", "{{.Server.Version}}").Run() == nil
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
