package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/harness/disk"
)

// modulePath is this module's, as go.mod has it.
const modulePath = "github.com/canarylab/canarylab"

// lowSpace in bytes is less than what a first build and one cluster take: 5 GB of build cache, 1 GB of programs, and
// 1 GB of images.
const lowSpace = 8 << 30

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
			return "", fmt.Errorf("%s is not inside a clone of %s, which the cluster's programs are built from: "+
				"change into one, or set CANARYLAB_SOURCE", wd, modulePath)
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

// Runs is the folder of the source tree that runs are kept in.
func Runs() (string, error) {
	source, err := Source()
	return filepath.Join(source, "reports", "out"), err
}

// store is where built things are kept.
func (o Options) store() (*artifacts.Store, error) {
	source, err := Source()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(o.Home, "cache")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache folder: %w", err)
	}
	return artifacts.New(dir, source, o.Progress), nil
}
