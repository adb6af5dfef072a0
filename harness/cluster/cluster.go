// Package cluster is the seam between the lab and where it runs: a Provider makes or finds clusters, a Cluster has a
// Kubernetes API and takes images.
package cluster

import (
	"context"
	"errors"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"k8s.io/client-go/rest"

	"github.com/canarylab/canarylab/harness/progress"
)

// ErrNotFound is returned by Open for a cluster that does not exist or is not running.
var ErrNotFound = errors.New("no such cluster")

// ErrUsage is wrapped by errors about options: one that is missing, that is wrong, or that does not go with another.
var ErrUsage = errors.New("usage")

// A Provider makes and finds the clusters of one kind.
type Provider interface {
	// Name is what CLUSTER= and --cluster call the provider.
	Name() string
	// Traits are what matters of it to whoever uses its clusters.
	Traits() Traits
	// Check tells whether this machine can run such a cluster: nil, or an error that says what is missing and how to
	// get it.
	Check(ctx context.Context) error
	// Prepare builds, once, what Up needs: that can take minutes, and is no part of a bring-up. Up does it if
	// nobody did.
	Prepare(ctx context.Context) error
	// Up makes the named cluster, or finds it running, and returns when its API server answers. Nodes and system pods
	// may still be starting: Cluster.Ready awaits them.
	Up(ctx context.Context, name string, o Options) (Cluster, error)
	// Open finds the named cluster running. It wraps ErrNotFound where there is none.
	Open(ctx context.Context, name string) (Cluster, error)
	// Down removes the named cluster and everything that was made for it. With keepState, what a later Up can
	// continue from is left on disk. A cluster that does not exist is no error.
	Down(ctx context.Context, name string, keepState bool) error
	// List returns every cluster of this provider that left a trace on this machine.
	List(ctx context.Context) ([]Info, error)
}

// Traits are what providers differ in, as far as somebody has to act on it who does not know which provider it is. What
// only some can do besides is in small interfaces of those who use it.
type Traits struct {
	// Borrowed tells that the clusters are somebody else's and were there before. The lab asks for its rights before it
	// makes anything there, marks what it makes with Labels, and removes that alone.
	Borrowed bool
	// Labels mark the lab's namespaces and the lab's Istio. Nil means that everything in the cluster is the lab's.
	Labels map[string]string
	// Own are further labels of the namespaces that scenarios make: of all that Labels mark, those are this user's. Nil
	// where Labels is.
	Own map[string]string
	// Namespaces are those that somebody else made for scenarios to be played in: the lab makes and deletes none, and
	// has rights in those alone. Nil means that it makes its own.
	Namespaces []string
	// NeedsImages tells that images have to be built here for pods to have them, which takes compilers and more.
	NeedsImages bool
	// KeepsHost tells that a cluster changes nothing of its machine that outlives it, kernel-wide settings among it.
	// The modules that the kernel loads for it stay loaded.
	KeepsHost bool
}

// A Cluster is a running Kubernetes API, with a way to bring images onto its nodes.
type Cluster interface {
	Name() string
	// Provider is the name of the Provider that opened it.
	Provider() string
	// Config is for clients. The caller owns the copy.
	Config() *rest.Config
	// Kubeconfig is the path of a kubeconfig file for kubectl.
	Kubeconfig() string
	// Ready waits until every node is ready for pods.
	Ready(ctx context.Context) error
	// LoadImages makes images runnable by pods, under the references they are keyed by.
	LoadImages(ctx context.Context, images map[string]v1.Image) error
	// Reference is what pods have to name an image of LoadImages by: usually what it was keyed by.
	Reference(image string) string
	// Reused tells whether Up found the cluster running.
	Reused() bool
	// About says what is particular about the cluster, a sentence each, as far as it can matter to what is
	// measured on it.
	About() []string
}

// A Logger is a Cluster that can hand out its own logs.
type Logger interface {
	// Logs copies the logs of the cluster's programs into dir, which exists.
	Logs(ctx context.Context, dir string) error
}

// Options are for Up.
type Options struct {
	// Progress is told of every step; nil means nobody is.
	Progress progress.Progress
	// Images will be needed on the nodes soon. A provider that can prepare them ahead does; LoadImages does the rest.
	Images func(ctx context.Context) (map[string]v1.Image, error)
}

// Info is what List knows of a cluster.
type Info struct {
	Name     string `json:"name"`
	Provider string `json:"provider"`
	// State is "running", "stopped" (its state is kept) or "broken" (it died; Down removes the rest).
	State      string `json:"state"`
	Kubeconfig string `json:"kubeconfig,omitempty"`
	// PID is the process on this machine that all others of a running cluster descend from; 0 where there is none.
	PID int `json:"pid,omitempty"`
	// Detail is for people, such as where the state is kept.
	Detail string `json:"detail,omitempty"`
}
