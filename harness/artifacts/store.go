// Package artifacts keeps what the lab builds from source: the node's programs, Istio's, the lab's own, and Envoy. Each
// is built once into a cache folder whose name says what it was built from, so a second run builds nothing.
package artifacts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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
	// Source is the root of a clone, which things are built from. Empty means the sources that the program carries.
	Source string
	// Progress is told of each build; nil means nobody is.
	Progress progress.Progress
	// Depot is asked for what is not there, before that is built. It may be nil.
	Depot Depot

	goVersion func(context.Context) (string, error)
	// missed has the names of what the depot could not give: it is not asked twice.
	missed sync.Map
}

// New returns a store in dir that builds from source, as Store.Source says.
func New(dir, source string, steps progress.Progress) *Store {
	s := &Store{Dir: dir, Source: source, Progress: steps}
	s.goVersion = once(func(ctx context.Context) (string, error) { return goVersion(ctx, cmp.Or(source, "/")) })
	return s
}

// A Recipe is one thing that a store can build.
type Recipe struct {
	// Name is the build's, and its folder's in the cache.
	Name string
	// How is part of both keys: whatever decides the result and is not a file, such as flags.
	How string
	// Inputs are files and folders below the source root whose content decides the result. Tests do not count.
	Inputs []string
	// Local is what else decides the result where this machine builds it, such as its C library. It may have to build
	// something to find out. Nil means nothing but Go's version.
	Local func(ctx context.Context) (string, error)
	// Make fills dir. It calls say with what it is at.
	Make func(ctx context.Context, dir string, say func(string)) error
	// Free is how many bytes the build may need.
	Free uint64
	// Packs tells that Make only puts together what other recipes made: it needs no tool that builds.
	Packs bool
	// For says what it is needed for, in a few words.
	For string
	// Within is the recipe that this one's result goes into: where that is there, nothing needs this one. Empty for
	// one that is used as it is.
	Within string
	// Seldom tells that most machines get on without it.
	Seldom bool
}

// Get returns the folder of a finished build. What is not there it fetches from the depot, or builds. Two that want the
// same at once get it once.
func (s *Store) Get(ctx context.Context, r Recipe) (string, error) {
	dir, err := s.Find(ctx, r)
	if err == nil || !errors.Is(err, ErrNotBuilt) || limitOf(ctx) == findOnly {
		return dir, err
	}
	unlock, err := s.lock(ctx, r.Name)
	if err != nil {
		return "", err
	}
	defer unlock()
	if dir, err := s.Find(ctx, r); err == nil || !errors.Is(err, ErrNotBuilt) {
		return dir, err // the other one built it
	}
	if dir, err := s.fetch(ctx, r); err == nil || ctx.Err() != nil {
		return dir, err
	}
	if limitOf(ctx) == noTools && !r.Packs {
		return "", fmt.Errorf("%s: %w", r.Name, ErrNotBuilt)
	}
	key, err := s.localKey(ctx, r)
	if err != nil {
		return "", err
	}
	dir = filepath.Join(s.Dir, r.Name, key)
	if err := s.build(ctx, r, dir); err != nil {
		return "", fmt.Errorf("build %s: %w", r.Name, err)
	}
	s.prune(r.Name)
	return dir, nil
}

// lock keeps others from making the same, and makes the folder that it is to be in.
func (s *Store) lock(ctx context.Context, name string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Join(s.Dir, name), 0o755); err != nil {
		return nil, fmt.Errorf("make the cache folder: %w", err)
	}
	return filelock.Lock(ctx, filepath.Join(s.Dir, name+".lock"), "it is building or fetching "+name, s.Progress)
}

// prune deletes old builds. The caller holds the recipe's lock: half results are those of builds that were killed. A
// failure leaves a folder too many, which is no harm.
func (s *Store) prune(name string) { _ = disk.KeepNewest(filepath.Join(s.Dir, name), kept) }

// Find returns the folder of a finished build, or an error that wraps ErrNotBuilt. It fetches and builds nothing.
func (s *Store) Find(ctx context.Context, r Recipe) (string, error) {
	id, err := s.ID(r)
	if err != nil {
		return "", err
	}
	shared := filepath.Join(s.Dir, r.Name, id.Key)
	if _, err := os.Stat(shared); err == nil {
		return shared, nil
	}
	// Without a compiler, or without what the result would be made of, there is none that was built here.
	key, err := s.localKey(WithoutBuilding(ctx), r)
	if err == nil {
		dir := filepath.Join(s.Dir, r.Name, key)
		if _, err = os.Stat(dir); err == nil {
			return dir, nil
		}
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return "", fmt.Errorf("%s: %w", r.Name, ErrNotBuilt)
}

// build makes r.
func (s *Store) build(ctx context.Context, r Recipe, dir string) (err error) {
	step := "build " + r.Name
	done := progress.Begin(s.Progress, step)
	defer func() { done(err) }()
	if err := disk.Require(s.Dir, r.Free, "a first build"); err != nil {
		return err
	}
	return whole(dir, ".building-", func(tmp string) error {
		return r.Make(ctx, tmp, func(text string) { progress.Detail(s.Progress, step, text) })
	})
}

// whole makes a folder beside dir and renames it when it is whole: what is cut short leaves no half result.
func whole(dir, prefix string, fill func(tmp string) error) error {
	tmp, err := os.MkdirTemp(filepath.Dir(dir), prefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := fill(tmp); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
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

// goVersion is that of the go command or, where there is none, of the Go that this program was built by: what was built
// here was so, most likely, by the same. dir is where it is asked: a module may ask for a Go of its own.
func goVersion(ctx context.Context, dir string) (string, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return runtime.Version() + "\n" + runtime.GOARCH + "\n", nil
	}
	cmd := exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOARCH")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ask go for its version (Debian: apt-get install golang, or a newer one by hand): %w",
			err)
	}
	return string(out), nil
}
