// Package artifacts keeps what the lab builds from source: the node's programs, Istio's, the lab's own, and Envoy. Each
// is built once into a cache folder whose name says what it was built from, so a second run builds nothing.
package artifacts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/canarylab/canarylab/harness/disk"
	"github.com/canarylab/canarylab/harness/filelock"
	"github.com/canarylab/canarylab/harness/progress"
)

// kept is how many builds of one recipe stay in the cache: the newest, and one to go back to.
const kept = 2

// needed is the free space in bytes below which a build is not begun: the cold build cache of all modules and the
// binaries take about 5 GB.
const needed = 6 << 30

// A Store builds from one source tree into one cache folder. It is safe for use by several goroutines, and by several
// processes at once.
type Store struct {
	// Dir is the cache folder.
	Dir string
	// Source is the root of the canarylab module that things are built from.
	Source string
	// Progress is told of each build; nil means nobody is.
	Progress progress.Progress

	goVersion func(context.Context) (string, error)
}

// New returns a store in dir that builds from source.
func New(dir, source string, steps progress.Progress) *Store {
	return &Store{Dir: dir, Source: source, Progress: steps, goVersion: once(goVersion)}
}

// A Recipe is one thing that a store can build.
type Recipe struct {
	// Name is the build's, and its folder's in the cache.
	Name string
	// How is part of the key: whatever decides the result and is not a file, such as flags.
	How string
	// Inputs are files and folders below the source root whose content decides the result. Tests do not count.
	Inputs []string
	// Make fills dir. It calls say with what it is at.
	Make func(ctx context.Context, dir string, say func(string)) error
	// Free is how many bytes the build may need.
	Free uint64
}

// ErrNotBuilt is returned by Get, with a context of WithoutBuilding, for what is not built yet.
var ErrNotBuilt = errors.New("it is not built yet")

type withoutBuilding struct{}

// WithoutBuilding returns a context with which Get finds what was built, and builds nothing.
func WithoutBuilding(ctx context.Context) context.Context {
	return context.WithValue(ctx, withoutBuilding{}, true)
}

// Get returns the folder of a finished build, building it where there is none yet. Two that want the same at once build
// it once.
func (s *Store) Get(ctx context.Context, r Recipe) (string, error) {
	key, err := s.key(ctx, r)
	if err != nil {
		return "", fmt.Errorf("find out whether %s is built: %w", r.Name, err)
	}
	dir := filepath.Join(s.Dir, r.Name, key)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if ctx.Value(withoutBuilding{}) != nil {
		return "", fmt.Errorf("%s: %w", r.Name, ErrNotBuilt)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	unlock, err := filelock.Lock(ctx, filepath.Join(s.Dir, r.Name+".lock"), "it is building "+r.Name, s.Progress)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // the other one built it
	}
	if err := s.build(ctx, r, dir); err != nil {
		return "", fmt.Errorf("build %s: %w", r.Name, err)
	}
	// This process holds the recipe's lock: half results are those of builds that were killed. A failure leaves
	// a folder too many, which is no harm.
	_ = disk.KeepNewest(filepath.Dir(dir), kept)
	return dir, nil
}

// build makes r in a folder beside dir and renames it when it is whole: a build that is cut short leaves no
// half result.
func (s *Store) build(ctx context.Context, r Recipe, dir string) (err error) {
	step := "build " + r.Name
	done := progress.Begin(s.Progress, step)
	defer func() { done(err) }()
	if err := disk.Require(s.Dir, r.Free, "a first build"); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".building-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := r.Make(ctx, tmp, func(text string) { progress.Detail(s.Progress, step, text) }); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

// key is a digest of everything that decides r's result.
func (s *Store) key(ctx context.Context, r Recipe) (string, error) {
	version, err := s.goVersion(ctx)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, r.Name, r.How, version)
	for _, input := range r.Inputs {
		root := filepath.Join(s.Source, input)
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				if d.Name() == "testdata" {
					return filepath.SkipDir
				}
				return nil
			}
			if strings.HasSuffix(path, "_test.go") {
				return nil
			}
			rel, err := filepath.Rel(s.Source, path)
			if err != nil {
				return err
			}
			return hashFile(h, rel, path)
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

func hashFile(h io.Writer, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	_, err = fmt.Fprintf(h, "%s %x\n", filepath.ToSlash(name), sum.Sum(nil))
	return err
}

// once remembers f's first good result: every key has Go's version in it, and asking starts a process.
func once(f func(context.Context) (string, error)) func(context.Context) (string, error) {
	var mu sync.Mutex
	known := ""
	return func(ctx context.Context) (_ string, err error) {
		mu.Lock()
		defer mu.Unlock()
		if known == "" {
			known, err = f(ctx)
		}
		return known, err
	}
}

func goVersion(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOARCH").Output()
	if err != nil {
		return "", fmt.Errorf("ask go for its version (Debian: apt-get install golang, or a newer one by hand): %w",
			err)
	}
	return string(out), nil
}
