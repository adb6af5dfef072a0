package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/harness/artifacts/depot"
	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/disk"
)

// modulePath is this module's, as go.mod has it.
const modulePath = "github.com/canarylab/canarylab"

// What a machine needs free, in bytes: for a first build and one cluster (5 GB of build cache, 1 GB of programs, and
// 1 GB of images), and for a cluster alone, whose images are unpacked once.
const (
	lowSpace   = 8 << 30
	builtSpace = 2 << 30
)

// Home is the folder that everything the lab keeps on this machine is below: CANARYLAB_HOME, or /var/lib/canarylab for
// root, or canarylab in the user's cache folder.
func Home() (string, error) {
	if dir := os.Getenv("CANARYLAB_HOME"); dir != "" {
		return filepath.Abs(dir)
	}
	if os.Geteuid() == 0 {
		return "/var/lib/canarylab", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for caches (set CANARYLAB_HOME): %w", err)
	}
	return filepath.Join(dir, "canarylab"), nil
}

// FreeSpace of the disk that dir is or will be on, in bytes. It is an error if that is less than a cluster takes and,
// where not all is built, a first build.
func FreeSpace(dir string, built bool) (uint64, error) {
	at := dir
	free, err := disk.Free(at)
	for err != nil && at != filepath.Dir(at) {
		at = filepath.Dir(at)
		free, err = disk.Free(at)
	}
	if err != nil {
		return 0, err
	}
	if built {
		return free, disk.Require(at, builtSpace, "a cluster")
	}
	return free, disk.Require(at, lowSpace, "a first build and a cluster")
}

// ErrNoClone is wrapped by Source's error where there is no clone.
var ErrNoClone = errors.New("there is no clone of " + modulePath)

// Source is the root of a clone: CANARYLAB_SOURCE, or the folder with canarylab's go.mod at or above the working
// directory. Everything is built from it; where there is none, from the sources that the program carries.
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
			return "", fmt.Errorf("%w at or above %s, and this needs one: change into one, or set CANARYLAB_SOURCE",
				ErrNoClone, wd)
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

// outsideRuns is the folder that runs are kept in where there is no clone.
const outsideRuns = "canarylab-reports"

// Runs is the folder that runs are kept in: reports/out of the clone or, where there is none, canarylab-reports in the
// working directory.
func Runs() (string, error) {
	source, err := Source()
	if errors.Is(err, ErrNoClone) {
		return filepath.Abs(outsideRuns)
	}
	return filepath.Join(source, "reports", "out"), err
}

// sources are where a store builds from: a clone, or "" for what the program carries.
func sources() (string, error) {
	source, err := Source()
	if errors.Is(err, ErrNoClone) {
		return "", nil
	}
	return source, err
}

// store is where built things are kept.
func (o Options) store() (*artifacts.Store, error) {
	source, err := sources()
	if err != nil {
		return nil, err
	}
	store := artifacts.New(filepath.Join(o.Home, "cache"), source, o.Progress)
	if o.Artifacts != "" {
		if store.Depot, err = depot.ParseRegistry(o.Artifacts); err != nil {
			return nil, fmt.Errorf("%w: %w", cluster.ErrUsage, err)
		}
	}
	return store, nil
}
