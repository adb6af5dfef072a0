// Package existing borrows a cluster that was there before: any context of a kubeconfig. It makes and removes
// nothing but what carries the lab's label.
package existing

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/kube"
)

// Name is what CLUSTER= calls this provider.
const Name = "existing"

const (
	// answersWithin bounds the first question to the API server.
	answersWithin = 15 * time.Second
	// pushedSideBySide bounds the images that are pushed at once.
	pushedSideBySide = 3
	// label and its value are on everything that the lab makes on borrowed clusters.
	label, labelValue = "canarylab.io/cluster", Name
	ownedBy           = label + "=" + labelValue
)

// Access says which cluster to use, and how.
type Access struct {
	// Kubeconfig is the file to read; empty means where kubectl would look.
	Kubeconfig string
	// Context is the one to use. There is no default: the current context is the user's business.
	Context string
	// Confirmed says that the user knows what will be done, and where.
	Confirmed bool
	// ExecPlugins allows the kubeconfig to run programs for its credentials.
	ExecPlugins bool
	// Repository is where the cluster's nodes pull the lab's images from, such as "registry.example.com/team":
	// below it, each has a name of its own. Empty means that the nodes have them already, under the lab's own
	// references.
	Repository string
	// Tag says that the images are in Repository already, under this tag. Empty means that they are built and pushed.
	Tag string
	// Owner is whose the lab's namespaces there are, told from those of others who use the cluster. Empty means the
	// user and the machine.
	Owner string
	// Namespaces are those that an administrator made for scenarios, separated by commas. Empty means that a run makes
	// its own, which takes cluster-wide rights.
	Namespaces string
	// IstioNamespace is istiod's, where somebody without cluster-wide rights looks for it. Empty means istio-system.
	IstioNamespace string
	// All has Down remove what is not this owner's too, but for what is being played.
	All bool
}

// MadeNamespaces are those of Namespaces, each once.
func (a Access) MadeNamespaces() []string {
	var all []string
	for _, ns := range strings.FieldsFunc(a.Namespaces, func(r rune) bool { return r == ',' || r == ' ' }) {
		if !slices.Contains(all, ns) {
			all = append(all, ns)
		}
	}
	return all
}

func (a Access) istioNamespace() string { return istioNamespace(a.IstioNamespace) }

// istioNamespace is where Istio is installed unless something else is said.
func istioNamespace(given string) string { return cmp.Or(given, "istio-system") }

// pushes tells whether the lab builds the images and pushes them to Repository.
func (a Access) pushes() bool { return a.Repository != "" && a.Tag == "" }

// A Provider remembers what was used below one folder.
type Provider struct {
	// Home is the folder for state: existing/CONTEXT.
	Home string
	// Access is the cluster to use.
	Access Access
}

var _ cluster.Provider = (*Provider)(nil)

// Name implements cluster.Provider.
func (p *Provider) Name() string { return Name }

// Traits implements cluster.Provider.
func (p *Provider) Traits() cluster.Traits {
	return cluster.Traits{
		Borrowed: true, Labels: map[string]string{label: labelValue}, NeedsImages: p.Access.pushes(),
		Own: map[string]string{ownerLabel: p.Access.owner()}, Namespaces: p.Access.MadeNamespaces(),
	}
}

// Check implements cluster.Provider: the cluster is named, confirmed, and reached without surprises. It asks nobody.
func (p *Provider) Check(context.Context) error {
	_, err := p.load()
	return err
}

// load reads the kubeconfig and leaves nothing but the context in it.
func (p *Provider) load() (*clientcmdapi.Config, error) {
	a := p.Access
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if a.Kubeconfig != "" {
		rules.ExplicitPath = a.Kubeconfig
	}
	all, err := rules.Load()
	if err != nil {
		return nil, fmt.Errorf("%w: read the kubeconfig: %w", cluster.ErrUsage, err)
	}
	known := strings.Join(slices.Sorted(maps.Keys(all.Contexts)), ", ")
	if known == "" {
		known = "none (" + strings.Join(rules.GetLoadingPrecedence(), ", ") + ")"
	}
	if a.Context == "" {
		const unnamed = "%w: an existing cluster has to be named: say which with --context; the kubeconfig has: %s"
		return nil, fmt.Errorf(unnamed, cluster.ErrUsage, known)
	}
	chosen := all.Contexts[a.Context]
	if chosen == nil {
		return nil, fmt.Errorf("%w: the kubeconfig has no context %q; it has: %s", cluster.ErrUsage, a.Context, known)
	}
	server, user := all.Clusters[chosen.Cluster], all.AuthInfos[chosen.AuthInfo]
	if server == nil {
		return nil, fmt.Errorf("%w: context %q names a cluster %q that the kubeconfig does not have", cluster.ErrUsage,
			a.Context, chosen.Cluster)
	}
	if user != nil && (user.Exec != nil || user.AuthProvider != nil) && !a.ExecPlugins {
		what := "an auth provider"
		if user.Exec != nil {
			what = "the program " + user.Exec.Command
		}
		return nil, fmt.Errorf("%w: context %q gets its credentials from %s; --allow-exec-plugins allows that",
			cluster.ErrUsage, a.Context, what)
	}
	if !a.Confirmed {
		const unconfirmed = "%w: an existing cluster has to be confirmed: on %s (context %s, user %s) canarylab " +
			"would make namespaces with the label %s, play scenarios in them with load of its own, and delete them " +
			"again; --yes confirms"
		if in := a.MadeNamespaces(); len(in) > 0 {
			const made = "%w: an existing cluster has to be confirmed: on %s (context %s, user %s) canarylab would " +
				"play scenarios in %s with load of its own, and delete there what it applied; --yes confirms"
			return nil, fmt.Errorf(made, cluster.ErrUsage, server.Server, a.Context, chosen.AuthInfo,
				strings.Join(in, " or "))
		}
		return nil, fmt.Errorf(unconfirmed, cluster.ErrUsage, server.Server, a.Context, chosen.AuthInfo, ownedBy)
	}
	one := all.DeepCopy()
	one.CurrentContext = a.Context
	if err := clientcmdapi.MinifyConfig(one); err != nil {
		return nil, fmt.Errorf("%w: %w", cluster.ErrUsage, err)
	}
	// The copy stands on its own, wherever the files were that it names.
	if err := clientcmdapi.FlattenConfig(one); err != nil {
		return nil, fmt.Errorf("%w: %w", cluster.ErrUsage, err)
	}
	return one, nil
}

// Prepare implements cluster.Provider. There is nothing to make.
func (p *Provider) Prepare(context.Context) error { return nil }

var unsafe = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// dir is the folder of a server under the name of the context. Many people's contexts have the same name.
func (p *Provider) dir(server string) string {
	sum := sha256.Sum256([]byte(p.Access.Context + " " + server))
	return filepath.Join(p.Home, "existing",
		unsafe.ReplaceAllString(p.Access.Context, "-")+"-"+hex.EncodeToString(sum[:4]))
}

const kubeconfigFile, metaFile = "kubeconfig", "meta.json"

// meta is what is remembered of a cluster that was used.
type meta struct {
	Context string `json:"context"`
	Server  string `json:"server"`
}

// Up implements cluster.Provider: it finds the cluster. The name is not used; the context is the name.
func (p *Provider) Up(ctx context.Context, _ string, _ cluster.Options) (cluster.Cluster, error) {
	return p.open(ctx)
}

// Open implements cluster.Provider.
func (p *Provider) Open(ctx context.Context, _ string) (cluster.Cluster, error) { return p.open(ctx) }

func (p *Provider) open(ctx context.Context) (*Cluster, error) {
	c, raw, err := p.connect(ctx)
	if err != nil {
		return nil, err
	}
	err = errors.Join(cluster.WriteFile(filepath.Join(c.dir, kubeconfigFile), raw),
		cluster.WriteState(filepath.Join(c.dir, metaFile), meta{p.Access.Context, c.config.Host}))
	if err != nil {
		return nil, fmt.Errorf("remember the cluster: %w", err)
	}
	return c, nil
}

// connect finds the cluster, and remembers nothing. With it comes the kubeconfig.
func (p *Provider) connect(ctx context.Context) (_ *Cluster, kubeconfig []byte, err error) {
	one, err := p.load()
	if err != nil {
		return nil, nil, err
	}
	config, err := clientcmd.NewDefaultClientConfig(*one, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		return nil, nil, fmt.Errorf("context %s: %w", p.Access.Context, err)
	}
	k, err := kube.New(config)
	if err != nil {
		return nil, nil, err
	}
	asking, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	if err := k.Answers(asking); err != nil {
		return nil, nil, fmt.Errorf("the API server of context %s: %w", p.Access.Context, err)
	}
	dir := p.dir(config.Host)
	raw, err := clientcmd.Write(*one)
	if err != nil {
		return nil, nil, err
	}
	return &Cluster{provider: p, dir: dir, config: config, kube: k, tag: p.Access.Tag}, raw, nil
}

// Down implements cluster.Provider: Vacate, and it forgets the cluster. Once nobody's namespaces are left, it also
// removes those that all share, by the lab's label.
func (p *Provider) Down(ctx context.Context, _ string, keepState bool) error {
	if keepState {
		return fmt.Errorf("%w: --keep-state is for clusters that the lab made", cluster.ErrUsage)
	}
	c, _, err := p.connect(ctx)
	if err != nil {
		return err
	}
	left, err := c.vacate(ctx)
	if err != nil {
		return err
	}
	if len(left) == 0 && len(p.Access.MadeNamespaces()) == 0 {
		if err := c.removeShared(ctx); err != nil {
			return err
		}
	}
	return os.RemoveAll(c.dir)
}

// List implements cluster.Provider: the clusters that were used from here. None of them is asked.
func (p *Provider) List(context.Context) ([]cluster.Info, error) {
	found, err := filepath.Glob(filepath.Join(p.Home, "existing", "*", metaFile))
	if err != nil {
		return nil, err
	}
	var infos []cluster.Info
	for _, file := range found {
		m, err := cluster.ReadState[meta](file)
		if err != nil {
			return nil, err
		}
		infos = append(infos, cluster.Info{
			Name: m.Context, Provider: Name, State: "in use",
			Kubeconfig: filepath.Join(filepath.Dir(file), kubeconfigFile),
			Detail:     m.Server + "; " + downCommand(m.Context) + " removes the lab's namespaces",
		})
	}
	return infos, nil
}

// downCommand is what removes the lab's part of the cluster of a context.
func downCommand(context string) string {
	return "canarylab down --cluster " + Name + " --context " + context + " --yes"
}

// A Cluster is one that was there before.
type Cluster struct {
	provider *Provider
	// dir has what is remembered of it.
	dir    string
	config *rest.Config
	kube   *kube.Client
	// tag is the images' tag in the repository, where they are already or were pushed first.
	tag string
	// pushed are the tags of all that were pushed, by the lab's own references: a set that is pushed later has
	// another tag, and the first keeps its own.
	pushed map[string]string
}

var _ cluster.Cluster = (*Cluster)(nil)

// Name implements cluster.Cluster: the context's.
func (c *Cluster) Name() string { return c.provider.Access.Context }

// Provider implements cluster.Cluster.
func (c *Cluster) Provider() string { return Name }

// Config implements cluster.Cluster.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Kubeconfig implements cluster.Cluster: a copy with this context alone.
func (c *Cluster) Kubeconfig() string { return filepath.Join(c.dir, kubeconfigFile) }

// DownCommand is what removes the lab's part of the cluster.
func (c *Cluster) DownCommand() string { return downCommand(c.Name()) }

// Reused implements cluster.Cluster.
func (c *Cluster) Reused() bool { return true }

// Ready implements cluster.Cluster. It does not wait for other people's nodes: a scenario's pods say it if they
// find none.
func (c *Cluster) Ready(context.Context) error { return nil }

// About implements cluster.Cluster.
func (c *Cluster) About() []string {
	const others = "The cluster is somebody's own (%s): what else runs on it, and how its Istio is configured, is " +
		"not the lab's doing."
	about := []string{fmt.Sprintf(others, c.config.Host)}
	if made := c.provider.Access.MadeNamespaces(); len(made) > 0 {
		about = append(about, "This user may look at nothing but the namespaces that were made for it, and at "+
			"Istio's: what the nodes are, and which objects other namespaces have for the mesh, is not known.")
	}
	if c.provider.Access.Repository != "" {
		tags := slices.AppendSeq([]string{c.tag}, maps.Values(c.pushed))
		slices.Sort(tags)
		all := strings.Join(slices.Compact(tags), " and ")
		about = append(about, fmt.Sprintf("The lab's images come from %s, tag %s.", c.provider.Access.Repository, all))
	}
	return about
}

// Reference implements cluster.Cluster.
func (c *Cluster) Reference(image string) string {
	if c.provider.Access.Repository == "" {
		return image
	}
	own, ours := strings.CutPrefix(image, images.Prefix)
	own, _, tagged := strings.Cut(own, ":")
	if !ours || !tagged {
		return image
	}
	return strings.TrimSuffix(c.provider.Access.Repository, "/") + "/" + own + ":" + cmp.Or(c.pushed[image], c.tag)
}

// LoadImages implements cluster.Cluster: it pushes the images to the repository, with the credentials that
// Docker would use. Without a repository there is nowhere to push to.
func (c *Cluster) LoadImages(ctx context.Context, set map[string]v1.Image) error {
	if !c.provider.Access.pushes() || len(set) == 0 {
		return nil
	}
	digest, err := images.Digest(set)
	if err != nil {
		return err
	}
	if c.tag == "" {
		c.tag = digest
	}
	if c.pushed == nil {
		c.pushed = map[string]string{}
	}
	for ref := range set {
		c.pushed[ref] = digest
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(pushedSideBySide)
	for ref, image := range set {
		g.Go(func() error {
			to, err := name.ParseReference(c.Reference(ref))
			if err != nil {
				return fmt.Errorf("--image-repository %s: %w", c.provider.Access.Repository, err)
			}
			// What is there already is not sent again.
			if err := remote.Write(to, image, images.Remote(ctx)...); err != nil {
				return fmt.Errorf("push %s: %w", to, err)
			}
			return nil
		})
	}
	return g.Wait()
}
