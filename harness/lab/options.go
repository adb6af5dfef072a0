package lab

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/cluster/existing"
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

	// NodeImage is a kind cluster's; empty means the best that can be had.
	NodeImage string
	// Retain keeps a kind node that could not be brought up.
	Retain bool
	// Existing says which cluster existing means.
	Existing existing.Access
	// Istio says which Istio there is to be.
	Istio Istio
}

// FromEnv are the options that the environment asks for: CLUSTER, and CANARYLAB_ with the name of the command
// line's flag, in capitals and with _ for -. The variable of a flag for a yes or no is 1 for yes. Makefiles, CI
// and go test have no flags to give.
func FromEnv() Options {
	env := func(name, otherwise string) string {
		if v := os.Getenv(name); v != "" {
			return v
		}
		return otherwise
	}
	yes := func(name string) bool { return os.Getenv(name) == "1" }
	return Options{
		Cluster: env("CLUSTER", auto), Name: env("CANARYLAB_NAME", DefaultName),
		NodeImage: os.Getenv("CANARYLAB_NODE_IMAGE"), Retain: yes("CANARYLAB_RETAIN"),
		Existing: existing.Access{
			Kubeconfig: os.Getenv("CANARYLAB_KUBECONFIG"), Context: os.Getenv("CANARYLAB_CONTEXT"),
			Confirmed: yes("CANARYLAB_YES"), ExecPlugins: yes("CANARYLAB_ALLOW_EXEC_PLUGINS"),
			Repository: os.Getenv("CANARYLAB_IMAGE_REPOSITORY"), Tag: os.Getenv("CANARYLAB_IMAGE_TAG"),
		},
		Istio: Istio{
			Hub: os.Getenv("CANARYLAB_ISTIO_HUB"), Tag: os.Getenv("CANARYLAB_ISTIO_TAG"),
			Revision: os.Getenv("CANARYLAB_ISTIO_REVISION"), Install: yes("CANARYLAB_INSTALL_ISTIO"),
		},
	}
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
	var errs []error
	for _, f := range []struct {
		set  bool
		flag string
	}{
		{o.Istio.Install, "--install-istio"}, {o.Istio.Revision != "", "--istio-revision"},
		{o.Existing.Context != "", "--context"}, {o.Existing.Repository != "", "--image-repository"},
	} {
		if f.set && !borrowed {
			variable := strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(f.flag, "--"), "-", "_"))
			errs = append(errs, fmt.Errorf("%s (or CANARYLAB_%s) is for CLUSTER=%s", f.flag, variable, o.borrowing()))
		}
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
