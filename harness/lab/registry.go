package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/cluster/embedded"
	"github.com/canarylab/canarylab/harness/cluster/existing"
	"github.com/canarylab/canarylab/harness/cluster/kind"
)

// ErrUnavailable is wrapped by errors that say that this machine can't run the cluster asked for, and why.
var ErrUnavailable = errors.New("no cluster can be had here")

// What some clusters and providers can do besides, each by the interface of the code that uses it.
var (
	_ guarded          = (*existing.Cluster)(nil)
	_ sharer           = (*embedded.Cluster)(nil)
	_ removable        = (*existing.Cluster)(nil)
	_ claimer          = (*existing.Cluster)(nil)
	_ shared           = (*existing.Provider)(nil)
	_ retainer         = (*kind.Provider)(nil)
	_ nodeImageBuilder = (*kind.Provider)(nil)
)

// auto is the CLUSTER that leaves the choice to the lab.
const auto = "auto"

func (o Options) isAuto() bool { return o.Cluster == "" || o.Cluster == auto }

// all has one provider for each kind of cluster. This file alone names them: whatever else they differ in, they say by
// their traits and by what they can do besides. store may be nil where nothing is built.
func (o Options) all(store *artifacts.Store) []cluster.Provider {
	return []cluster.Provider{o.embedded(store), o.kind(store), &existing.Provider{Home: o.Home, Access: o.Existing}}
}

func (o Options) embedded(store *artifacts.Store) cluster.Provider {
	return &embedded.Provider{Home: o.Home, Binaries: store}
}

func (o Options) kind(store *artifacts.Store) cluster.Provider {
	return &kind.Provider{Home: o.Home, Store: store, NodeImage: o.NodeImage, Retain: o.Retain}
}

// providers are those that o may mean: the one that it names or, with auto, all whose clusters are the lab's own.
func (o Options) providers(store *artifacts.Store) (meant []cluster.Provider, err error) {
	names := []string{auto}
	for _, p := range o.all(store) {
		if p.Name() == o.Cluster || o.isAuto() && !p.Traits().Borrowed {
			meant = append(meant, p)
		}
		names = append(names, p.Name())
	}
	if len(meant) == 0 {
		last := len(names) - 1
		return nil, fmt.Errorf("%w: CLUSTER=%q is unknown; use %s or %s",
			cluster.ErrUsage, o.Cluster, strings.Join(names[:last], ", "), names[last])
	}
	return meant, nil
}

// traits are those of the clusters that o may mean, which all have the same; none where there is no such kind.
func (o Options) traits() cluster.Traits {
	if meant, err := o.providers(nil); err == nil {
		return meant[0].Traits()
	}
	return cluster.Traits{}
}

// borrowing are the kinds of clusters that are somebody else's.
func (o Options) borrowing() string {
	var names []string
	for _, p := range o.all(nil) {
		if p.Traits().Borrowed {
			names = append(names, p.Name())
		}
	}
	return strings.Join(names, " or ")
}

// A choice is a provider and why it was taken.
type choice struct {
	provider cluster.Provider
	why      string
	store    *artifacts.Store // nil where images are not built
}

// choose picks the provider that o asks for, and checks that it can work here.
func (o Options) choose(ctx context.Context) (c choice, err error) {
	meant, err := o.providers(nil)
	if err != nil {
		return choice{}, err
	}
	builds := meant[0].Traits().NeedsImages
	if builds {
		if c.store, err = o.store(); err != nil {
			return choice{}, err
		}
		meant, _ = o.providers(c.store) // as before
	}
	c.provider, c.why = meant[0], "as asked for"
	if o.isAuto() {
		if c.provider, c.why, err = o.prefer(ctx, c.store); err != nil {
			return choice{}, err
		}
	}
	err = c.provider.Check(ctx)
	if err != nil && !errors.Is(err, cluster.ErrUsage) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return c, err
}

// have calls build with what is there or in the depot. Only if that does not do, it looks for the tools of a build, and
// calls it once more.
func have(ctx context.Context, build func(context.Context) error) error {
	err := build(artifacts.WithoutTools(ctx))
	if !errors.Is(err, artifacts.ErrNotBuilt) {
		return unbuilt(err)
	}
	if err := artifacts.CheckTools(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return unbuilt(build(ctx))
}

// prefer returns what auto takes: the cluster that runs already under that name, or a new one, which is kind's where a
// container daemon answers and an embedded one where none does.
func (o Options) prefer(ctx context.Context, store *artifacts.Store) (p cluster.Provider, why string, err error) {
	const running = "it runs already"
	embedded, kinds := o.embedded(store), o.kind(store)
	if found, err := runs(ctx, embedded, o.Name); err != nil || found {
		return embedded, running, err
	}
	engine, version, err := kind.Engine(ctx)
	if err != nil {
		return embedded, "no container daemon answers", nil
	}
	if found, err := runs(ctx, kinds, o.Name); err != nil || found {
		return kinds, running, err
	}
	return kinds, fmt.Sprintf("%s %s answers", engine, version), nil
}

// runs tells whether the named cluster of a provider runs.
func runs(ctx context.Context, p cluster.Provider, name string) (bool, error) {
	_, err := p.Open(ctx, name)
	if errors.Is(err, cluster.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// A Check says whether this machine can run one kind of cluster.
type Check struct {
	// Cluster is the kind.
	Cluster string
	// Detail says what was found.
	Detail string
	// Err says what stands in the way. It is nil for a kind that o does not ask for and that auto does without.
	Err error
}

// Checks looks at each kind of cluster that the lab makes itself.
func Checks(ctx context.Context, o Options) []Check {
	engine, version, err := kind.Engine(ctx)
	inContainers := Check{kind.Name, engine + " " + version + " answers", err}
	if err != nil && o.Cluster != kind.Name {
		inContainers = Check{kind.Name, "not possible here: no container daemon answers", nil}
	}
	const found = "root; cgroups, namespaces, overlays, interfaces and rules can be made"
	return []Check{inContainers, {embedded.Name, found, o.embedded(nil).Check(ctx)}}
}

// Tools looks for what this machine has to have for a lab of the kind that o asks for to be built on it: nothing where
// built tells that all that every run needs is there.
func Tools(ctx context.Context, o Options) (found []artifacts.Tool, built bool, err error) {
	meant, err := o.providers(nil)
	if err != nil || !meant[0].Traits().NeedsImages {
		return nil, false, err
	}
	all, err := Artifacts(ctx, o)
	if err != nil {
		return nil, false, err
	}
	built = len(Missing(all)) == 0
	nodeImage := false
	for _, p := range meant {
		if b, can := p.(nodeImageBuilder); can {
			nodeImage = b.BuildsNodeImage(ctx)
		}
	}
	if built && !nodeImage {
		return nil, true, nil
	}
	return artifacts.Tools(ctx, nodeImage), built, nil
}

// A Grant says who gets the rights that a run on a borrowed cluster needs, and where.
type Grant = existing.Grant

// RBAC is a manifest with those rights.
func RBAC(g Grant) ([]byte, error) { return existing.RBAC(g) }
