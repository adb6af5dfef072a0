package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/harness/artifacts/depot"
	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/progress"
)

// An Artifact is one thing that this version of canarylab builds, or has from a machine that did.
type Artifact struct {
	artifacts.ID
	// For says what it is needed for.
	For string `json:"for"`
	// Need says who needs it: NeedRun, NeedSeldom, or NeedBuild.
	Need string `json:"need"`
	// Dir is its folder, empty where it is not there.
	Dir string `json:"dir,omitempty"`
	// Bytes is what its files take.
	Bytes int64 `json:"bytes,omitempty"`
	// Fetched tells that Pull or Import brought it just now.
	Fetched bool `json:"fetched,omitempty"`

	recipe artifacts.Recipe
}

// What an artifact is needed for.
const (
	// NeedRun marks what every cluster that the lab makes needs.
	NeedRun = "every run"
	// NeedSeldom marks what few scenarios or commands need.
	NeedSeldom = "some runs"
	// NeedBuild marks what only goes into others.
	NeedBuild = "builds of others"
)

// needOf says who needs what r makes.
func needOf(r artifacts.Recipe) string {
	switch {
	case r.Within != "":
		return NeedBuild
	case r.Seldom:
		return NeedSeldom
	}
	return NeedRun
}

// Artifacts are all that this version may need, those of every run first, with what is there of them. It builds
// nothing, and takes no compiler.
func Artifacts(ctx context.Context, o Options) ([]Artifact, error) {
	_, all, err := o.artifacts(ctx)
	return all, err
}

func (o Options) artifacts(ctx context.Context) (*artifacts.Store, []Artifact, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	store, err := o.store()
	if err != nil {
		return nil, nil, err
	}
	recipes, err := store.Recipes()
	if err != nil {
		return nil, nil, err
	}
	set, err := images.Recipe(store)
	if err != nil {
		return nil, nil, err
	}
	prometheus, err := images.PrometheusRecipe(store)
	if err != nil {
		return nil, nil, err
	}
	fleet, err := images.FleetRecipe(store)
	if err != nil {
		return nil, nil, err
	}
	var all []Artifact
	for _, r := range append(recipes, set, prometheus, fleet) {
		a, err := artifact(ctx, store, r)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, a)
	}
	order := []string{NeedRun, NeedSeldom, NeedBuild}
	slices.SortStableFunc(all, func(a, b Artifact) int {
		return slices.Index(order, a.Need) - slices.Index(order, b.Need)
	})
	return store, all, nil
}

// artifact looks for what r makes.
func artifact(ctx context.Context, store *artifacts.Store, r artifacts.Recipe) (Artifact, error) {
	id, err := store.ID(r)
	if err != nil {
		return Artifact{}, err
	}
	a := Artifact{ID: id, For: r.For, Need: needOf(r), recipe: r}
	a.Dir, err = store.Find(ctx, r)
	switch {
	case errors.Is(err, artifacts.ErrNotBuilt):
		return a, nil
	case err != nil:
		return a, err
	}
	a.Bytes, err = size(a.Dir)
	return a, err
}

// size is what the files of a folder take, in bytes.
func size(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	return bytes, err
}

// Missing are those that every run needs and that are not there.
func Missing(all []Artifact) []string {
	var names []string
	for _, a := range all {
		if a.Need == NeedRun && a.Dir == "" {
			names = append(names, a.Name)
		}
	}
	return names
}

// Build gets what every run needs, and with seldom also what few runs need, from the repository in o.Artifacts or by
// building it. It takes no cluster and no root.
func Build(ctx context.Context, o Options, seldom bool) ([]Artifact, error) {
	store, all, err := o.artifacts(ctx)
	if err != nil {
		return nil, err
	}
	err = have(ctx, func(ctx context.Context) error {
		for _, a := range all {
			if a.Dir != "" || a.Need == NeedBuild || a.Need == NeedSeldom && !seldom {
				continue
			}
			if _, err := store.Get(ctx, a.recipe); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return Artifacts(ctx, o) // those that went into others are there too
}

// builds are those of all that are there.
func builds(all []Artifact) []depot.Build {
	var there []depot.Build
	for _, a := range all {
		if a.Dir != "" {
			there = append(there, depot.Build{ID: a.ID, Dir: a.Dir})
		}
	}
	return there
}

// errNothingBuilt is returned where there is nothing to give to others.
var errNothingBuilt = fmt.Errorf("%w: nothing of what this version needs is built here: canarylab artifacts build "+
	"builds it", ErrUnavailable)

// giving calls give with all that is there, as one step.
func (o Options) giving(
	ctx context.Context, to string, give func(store *artifacts.Store, there []depot.Build, say func(string)) error,
) (_ []Artifact, err error) {
	store, all, err := o.artifacts(ctx)
	if err != nil {
		return nil, err
	}
	there := builds(all)
	if len(there) == 0 {
		return nil, errNothingBuilt
	}
	step := "bring what is built to " + to
	done := progress.Begin(o.Progress, step)
	defer func() { done(err) }()
	return all, give(store, there, func(text string) { progress.Detail(o.Progress, step, text) })
}

// Push brings all that is built here to the repository in o.Artifacts, but for what is there. It returns all artifacts,
// and the digest that pins those that are in the repository now.
func Push(ctx context.Context, o Options) (all []Artifact, digest string, err error) {
	registry, err := depot.ParseRegistry(o.Artifacts)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", cluster.ErrUsage, err)
	}
	all, err = o.giving(ctx, o.Artifacts, func(s *artifacts.Store, there []depot.Build, say func(string)) error {
		digest, err = registry.Push(ctx, there, s.Dir, say)
		return err
	})
	return all, digest, err
}

// Export writes all that is built here to a file.
func Export(ctx context.Context, o Options, path string) ([]Artifact, error) {
	return o.giving(ctx, path, func(_ *artifacts.Store, there []depot.Build, say func(string)) error {
		return depot.WriteFile(ctx, path, there, say)
	})
}

// Pull gets from the repository in o.Artifacts what every run needs and is not here; with seldom also what few runs
// need. Of what others have in them it gets those that something has to be built of. It returns all artifacts. That the
// repository lacks some is no error: see Missing.
func Pull(ctx context.Context, o Options, seldom bool) ([]Artifact, error) {
	from, err := depot.ParseRegistry(o.Artifacts)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", cluster.ErrUsage, err)
	}
	return o.bring(ctx, from, seldom)
}

// Import is Pull of all that a file has.
func Import(ctx context.Context, o Options, path string) (_ []Artifact, err error) {
	file, err := depot.OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return o.bring(ctx, file, true)
}

// atOnce is how many artifacts are unpacked side by side: one waits for the disk or the network while another unpacks.
const atOnce = 2

// bring gets artifacts from a depot into the store.
func (o Options) bring(ctx context.Context, from artifacts.Depot, seldom bool) ([]Artifact, error) {
	store, all, err := o.artifacts(ctx)
	if err != nil {
		return nil, err
	}
	there := func(name string) bool {
		return slices.ContainsFunc(all, func(a Artifact) bool { return a.Name == name && a.Dir != "" })
	}
	for _, parts := range []bool{false, true} {
		g, within := errgroup.WithContext(ctx)
		g.SetLimit(atOnce)
		for i := range all {
			a := &all[i]
			isPart := a.recipe.Within != ""
			if a.Dir != "" || isPart != parts || isPart && there(a.recipe.Within) || a.recipe.Seldom && !seldom {
				continue
			}
			g.Go(func() error { return a.bring(within, store, from) })
		}
		if err := g.Wait(); err != nil {
			return all, err
		}
	}
	return all, nil
}

// bring gets a from a depot. That the depot does not have it is no error.
func (a *Artifact) bring(ctx context.Context, store *artifacts.Store, from artifacts.Depot) error {
	dir, fetched, err := store.Bring(ctx, from, a.recipe)
	if errors.Is(err, artifacts.ErrAbsent) {
		return nil
	}
	if err != nil {
		return err
	}
	a.Dir, a.Fetched = dir, fetched
	a.Bytes, err = size(dir)
	return err
}
