package lab

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/canarylab/canarylab/harness/artifacts/depot"
	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/cluster/existing"
	"github.com/canarylab/canarylab/harness/patience"
	"github.com/canarylab/canarylab/harness/progress"
)

// DefaultName is the cluster that commands mean when none is named.
const DefaultName = "lab"

// Options say which lab to open.
type Options struct {
	// Cluster is the kind of cluster: auto, embedded, kind or existing. Empty means auto.
	Cluster string
	// Name of the cluster; empty means DefaultName. An existing one is named by its context instead.
	Name string
	// Home is the folder for caches and state; empty means Home().
	Home string
	// Progress is told of every step; nil means nobody is.
	Progress progress.Progress
	// Artifacts is the repository in a registry where what is built is looked for first. Empty means nowhere.
	Artifacts string

	// NodeImage is a kind cluster's; empty means the best that can be had.
	NodeImage string
	// Retain keeps a kind node that could not be brought up.
	Retain bool
	// Existing says which cluster existing means.
	Existing existing.Access
	// Istio says which Istio there is to be.
	Istio Istio
}

// A Setting is an option as it is set from outside: by a flag of the command line, or by a variable of the environment,
// for Makefiles, CI and go test, which have no flags to give.
type Setting struct {
	// Flag is the flag's name, Usage what the help says of it.
	Flag, Usage string
	// Text or Yes is what is set.
	Text *string
	Yes  *bool
	// BringsUp tells that it is for commands that may bring a cluster up. The others are for all commands.
	BringsUp bool
}

// Variable is CLUSTER, or CANARYLAB_ and the flag's name in capitals with _ for -.
func (s Setting) Variable() string {
	name := strings.ToUpper(strings.ReplaceAll(s.Flag, "-", "_"))
	if name == "CLUSTER" {
		return name
	}
	return "CANARYLAB_" + name
}

// Settings are all that can be set from outside.
func (o *Options) Settings() []Setting {
	e, i := &o.Existing, &o.Istio
	return []Setting{
		{"cluster", "kind of cluster: auto, embedded, kind or existing", &o.Cluster, nil, false},
		{"name", "name of the cluster", &o.Name, nil, false},
		{"kubeconfig", "existing: file to read (default: where kubectl looks)", &e.Kubeconfig, nil, false},
		{"context", "existing: context of the kubeconfig; there is no default", &e.Context, nil, false},
		{"yes", "existing: yes, make namespaces and load on that cluster", nil, &e.Confirmed, false},
		{"owner", "existing: whose the lab's namespaces there are (default: user and machine)", &e.Owner, nil, false},
		{"namespaces", "existing: play in these namespaces, separated by commas, that an administrator made: it " +
			"takes rights in them alone", &e.Namespaces, nil, false},
		{"istio-namespace", "existing, with --namespaces: where istiod is (default: istio-system)",
			&e.IstioNamespace, nil, false},
		{"allow-exec-plugins", "existing: let the kubeconfig run programs for its credentials",
			nil, &e.ExecPlugins, false},
		{"artifacts", "look for what is built in this repository of a registry first, such as " +
			"registry.example.com/team/canarylab", &o.Artifacts, nil, true},
		{"node-image", "kind: node image (default: kind's own, or one built here)", &o.NodeImage, nil, true},
		{"retain", "kind: keep a node that could not be brought up, for a look", nil, &o.Retain, true},
		{"istio-hub", "use Istio's released images of this hub", &i.Hub, nil, true},
		{"istio-tag", "use Istio's released images with this tag", &i.Tag, nil, true},
		{"install-istio", "existing: install an Istio, where there is none", nil, &i.Install, true},
		{"istio-revision", "existing: revision of Istio, or tag of one (default: the one that injects by default)",
			&i.Revision, nil, true},
		{"image-repository", "existing: push the lab's images below this repository, for the nodes to pull",
			&e.Repository, nil, true},
		{"image-tag", "existing: the images are in the repository already, under this tag", &e.Tag, nil, true},
	}
}

// FromEnv are the options that the environment asks for. Yes is 1 there.
func FromEnv() Options {
	o := Options{Cluster: auto, Name: DefaultName}
	for _, s := range o.Settings() {
		v := os.Getenv(s.Variable())
		if s.Yes != nil {
			*s.Yes = v == "1"
		} else if v != "" {
			*s.Text = v
		}
	}
	return o
}

// Istio says which Istio a lab has. Zero means the one that go.mod names, built here.
type Istio struct {
	// Hub and Tag name released images, <Hub>/pilot:<Tag> and <Hub>/proxyv2:<Tag>.
	Hub, Tag string
	// Install puts an Istio into a borrowed cluster. Without it, the one that is there is used.
	Install bool
	// Revision picks one of the revisions of a borrowed cluster.
	Revision string
}

// released tells whether released images are used.
func (i Istio) released() bool { return i.Hub != "" }

// validate finds wishes that exclude each other.
func (o Options) validate() error {
	borrowed := o.traits().Borrowed
	errs := []error{patience.Err()}
	for _, f := range []struct {
		flag string
		set  bool
	}{
		{"install-istio", o.Istio.Install}, {"istio-revision", o.Istio.Revision != ""},
		{"context", o.Existing.Context != ""}, {"image-repository", o.Existing.Repository != ""},
		{"namespaces", o.Existing.Namespaces != ""},
	} {
		if f.set && !borrowed {
			variable := Setting{Flag: f.flag}.Variable()
			errs = append(errs, fmt.Errorf("--%s (or %s) is for CLUSTER=%s", f.flag, variable, o.borrowing()))
		}
	}
	if o.Existing.Namespaces != "" && o.Istio.Install {
		errs = append(errs, errors.New("--namespaces is for somebody with rights in these alone, and --install-istio "+
			"takes an administrator: leave one of them out"))
	}
	if o.Existing.IstioNamespace != "" && o.Existing.Namespaces == "" {
		errs = append(errs, errors.New("--istio-namespace goes with --namespaces: else Istio is found where it is"))
	}
	if o.Existing.Tag != "" && o.Existing.Repository == "" {
		errs = append(errs, errors.New("--image-tag is a tag in --image-repository, which is missing"))
	}
	if (o.Istio.Hub == "") != (o.Istio.Tag == "") {
		errs = append(errs, errors.New("--istio-hub and --istio-tag go together"))
	}
	if borrowed && o.Istio.released() && !o.Istio.Install {
		errs = append(errs, errors.New("--istio-hub is for an Istio that is installed: add --install-istio, or "+
			"leave it out and the one that is there is used"))
	}
	if o.Artifacts != "" {
		if _, err := depot.ParseRegistry(o.Artifacts); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: %w", cluster.ErrUsage, err)
	}
	return nil
}

func (o Options) withDefaults() (Options, error) {
	if err := o.validate(); err != nil {
		return o, err
	}
	if o.Name == "" {
		o.Name = DefaultName
	}
	if o.Home == "" {
		home, err := Home()
		if err != nil {
			return o, err
		}
		o.Home = home
	}
	return o, nil
}
