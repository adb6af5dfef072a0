package artifacts

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/canarylab/canarylab/harness/progress"
	"github.com/canarylab/canarylab/reports/format"
)

// A Depot has builds that other machines made.
type Depot interface {
	// String names it for people.
	String() string
	// Fetch fills the empty folder dir with a build, all of whose files reach the disk, and calls say with what it is
	// at. What dir holds after an error is worth nothing. The error wraps ErrAbsent where the depot has no such build.
	Fetch(ctx context.Context, id ID, dir string, say func(string)) error
}

// ErrAbsent is wrapped by the error about a build that a depot does not have.
var ErrAbsent = errors.New("it is not there")

// ErrNotBuilt is wrapped by the errors of Find and, with a context of WithoutBuilding or WithoutTools, of Get, for what
// is not there.
var ErrNotBuilt = errors.New("it is not built yet")

// A limit is how far Get may go to get something.
type limit int

const (
	anyWay limit = iota
	noTools
	findOnly
)

type limitKey struct{}

func limitOf(ctx context.Context) limit {
	l, _ := ctx.Value(limitKey{}).(limit)
	return l
}

// WithoutBuilding returns a context with which Get finds what is there, and neither fetches nor builds.
func WithoutBuilding(ctx context.Context) context.Context {
	return context.WithValue(ctx, limitKey{}, findOnly)
}

// WithoutTools returns a context with which Get finds and fetches, and builds only what takes no compiler and no other
// tool of a build.
func WithoutTools(ctx context.Context) context.Context {
	return context.WithValue(ctx, limitKey{}, max(limitOf(ctx), noTools))
}

// Builds tells whether Get may build with any tool.
func Builds(ctx context.Context) bool { return limitOf(ctx) == anyWay }

// maxWhy is how many characters of a depot's error are told on the way to a build.
const maxWhy = 300

// fetch gets r from the store's depot. It tells Progress why that failed, as r is built then. The caller holds r's
// lock.
func (s *Store) fetch(ctx context.Context, r Recipe) (string, error) {
	if _, missed := s.missed.Load(r.Name); missed || s.Depot == nil {
		return "", ErrAbsent
	}
	dir, err := s.fetchFrom(ctx, s.Depot, r)
	if err != nil && ctx.Err() == nil {
		s.missed.Store(r.Name, true)
		why := strings.Join(strings.Fields(format.Printable(err.Error())), " ")
		if len(why) > maxWhy {
			why = strings.ToValidUTF8(why[:maxWhy], "") + "…"
		}
		progress.Begin(s.Progress, why)(nil)
	}
	return dir, err
}

// Bring gets r from a depot, which need not be the store's own, unless it is there. fetched tells which it was.
func (s *Store) Bring(ctx context.Context, d Depot, r Recipe) (dir string, fetched bool, err error) {
	unlock, err := s.lock(ctx, r.Name)
	if err != nil {
		return "", false, err
	}
	defer unlock()
	if dir, err = s.Find(ctx, r); err == nil || !errors.Is(err, ErrNotBuilt) {
		return dir, false, err
	}
	dir, err = s.fetchFrom(ctx, d, r)
	return dir, err == nil, err
}

// fetchFrom gets r from a depot. The caller holds r's lock.
func (s *Store) fetchFrom(ctx context.Context, d Depot, r Recipe) (dir string, err error) {
	id, err := s.ID(r)
	if err != nil {
		return "", err
	}
	step := fmt.Sprintf("get %s from %s", r.Name, d)
	done := progress.Begin(s.Progress, step)
	defer func() { done(err) }()
	dir = filepath.Join(s.Dir, id.Name, id.Key)
	err = whole(dir, ".fetching-", func(tmp string) error {
		return d.Fetch(ctx, id, tmp, func(text string) { progress.Detail(s.Progress, step, text) })
	})
	if err != nil {
		return "", fmt.Errorf("%s: %w", step, err)
	}
	s.prune(id.Name)
	return dir, nil
}
