// Package standin makes of a team's own manifests what a lab's cluster can take without any of the team's images:
// each of their workloads behind a Service becomes a Deployment of the sample app with the same labels and ports,
// and what they say of routing and policy stays as it is. It reads files and knows no cluster.
//
// Load reads the manifests, Set.Standins makes the Plan. What a Plan leaves out or changes, its Notes say.
package standin

import (
	"cmp"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// ErrInput is wrapped by each error that is about the manifests, or about how they were named: who wrote them can
// mend it. Other errors are the machine's.
var ErrInput = errors.New("these manifests can't be played")

// A Set is what the manifests say, as it is written.
type Set struct {
	// Objects are in the order in which they were read. Each kind that the lab would refuse is refused already.
	Objects []Object
	// Notes are about what was left out already while it was read.
	Notes []Note
}

// An Object is one object of a Set, with the place where it is written.
type Object struct {
	*unstructured.Unstructured
	Source Source
	// fields are where its fields are written, nil for what the plan has made.
	fields *fields
}

// A Source is where an object comes from.
type Source struct {
	// File is the path as it was given or found, "stdin", or the folder of a kustomization.
	File string
	// Line counts from 1, and is that of the object's first field. It is 0 for what kustomize has made.
	Line int
	// Document counts from 1 in the stream.
	Document int
	// Template is the file that Helm made the object of, by Helm's comment "# Source: ...". It is empty for others.
	Template string
}

// String is "reviews.yaml:12", "stdin document 3 (shop/templates/service.yaml)" or "overlays/prod document 3".
func (s Source) String() string {
	switch {
	case s.File == "":
		return ""
	case s.Template != "":
		return fmt.Sprintf("%s document %d (%s)", s.File, s.Document, s.Template)
	case s.File == Stdin || s.Line == 0:
		return fmt.Sprintf("%s document %d", s.File, s.Document)
	}
	return fmt.Sprintf("%s:%d", s.File, s.Line)
}

// Stdin is the File of what was read from standard input.
const Stdin = "stdin"

// A Note says what a Plan does otherwise than the manifests, or what the lab does not show.
type Note struct {
	// Source is the object's that the note is about. It is zero for the set as a whole.
	Source Source
	// Object is such as "Deployment shop/reviews-v2". It is empty for the set as a whole.
	Object string
	// Kind tells notes of one sort from others.
	Kind NoteKind
	// Text is one sentence or two, with their full stops.
	Text string
}

// String is "reviews.yaml:12: Deployment shop/reviews-v2: ...".
func (n Note) String() string {
	text := n.Text
	if n.Object != "" {
		text = n.Object + ": " + text
	}
	if n.Source.File != "" {
		text = n.Source.String() + ": " + text
	}
	return text
}

// A NoteKind is what a Note is about.
type NoteKind string

// The kinds of notes.
const (
	// LeftOut: the object is not applied.
	LeftOut NoteKind = "left out"
	// Changed: a part of the object is applied otherwise than it is written.
	Changed NoteKind = "changed"
	// Invented: an object was made that is not in the manifests.
	Invented NoteKind = "invented"
	// Missing: the manifests name something that is not in them, and nothing was made for it.
	Missing NoteKind = "missing"
	// Unshown: the lab applies it and can't show all of it.
	Unshown NoteKind = "unshown"
)

// Options say what a Plan is made for. Only Image is required.
type Options struct {
	// Image is the sample app's, such as canarylab/sampleapp:dev.
	Image string
	// Namespace is for objects that name none, and for those in the namespace "default", which nobody can delete and
	// make anew for a run. Hosts such as reviews.default.svc.cluster.local are written with it. Empty is
	// DefaultNamespace.
	Namespace string
	// MaxReplicas bounds the replicas of each workload. 0 is 3.
	MaxReplicas int
	// MaxPods bounds the pods of the whole plan. 0 is 90: a node takes 110 by the kubelet's default, and the lab has
	// pods of its own.
	MaxPods int
}

// DefaultNamespace is that of objects which name none.
const DefaultNamespace = "canarylab-own"

func (o Options) maxReplicas() int { return cmp.Or(o.MaxReplicas, 3) }
func (o Options) maxPods() int     { return cmp.Or(o.MaxPods, 90) }

// A Plan is what is applied to the lab's cluster.
type Plan struct {
	// Namespaces has the name of each namespace that Objects needs, sorted.
	Namespaces []string
	// Workloads are the stand-ins, in the order of the manifests.
	Workloads []Workload
	// Callers has every workload of the manifests, whether a Service selects it or not: each may call others.
	Callers []Caller
	// Services has every Service that is applied.
	Services []Service
	// Gateways has every Gateway that is applied, of networking.istio.io and of the Gateway API.
	Gateways []Gateway
	// GatewayNamespace is where the lab's ingress gateway has to be, because a gateway reads the Secrets of its own
	// namespace only. GatewayLabels are what its pods need beside the label istio: ingressgateway, or in its place.
	// Both are empty where no Gateway is applied.
	GatewayNamespace string
	GatewayLabels    map[string]string
	// Notes begins with those of the Set.
	Notes []Note

	// unused are the team's Namespaces into which nothing is put.
	unused []Object

	namespaces, accounts, secrets, services, deployments []Object
	routing                                              []Object
	subsets                                              []subsetRule
	// entries are the hosts of ServiceEntries that select pods. Their Name is the whole host.
	entries []Service
}

// A Workload is one Deployment of the sample app.
type Workload struct {
	Namespace, Name string
	// Kind is what it stands in for, such as Deployment or Rollout. It is empty for one that was invented.
	Kind string
	// Labels are those of its pods as the team has written them.
	Labels map[string]string
	// Version is what its pods answer with, in the header sampleapp.VersionHeader. No other workload has it. It is
	// the name, or name.namespace where several workloads have one name.
	Version string
	// Services are the names of the Services in its namespace that select its pods, sorted.
	Services []string
	// Replicas is how many pods it has.
	Replicas int
	// Ports are where the sample app answers.
	Ports []Port
	// AdminPort is where it takes faults and tells counters: environment.AdminPort, unless the team has its app there.
	AdminPort int
	// Sidecar tells whether its pods get one.
	Sidecar bool
	// Source is the object's that it stands in for, or the one that it was invented for.
	Source Source
}

// Selector is a label selector that its pods alone match.
func (w Workload) Selector() string { return WorkloadLabel + "=" + w.Version }

// WorkloadLabel is the label of a stand-in's pods that has its Version.
const WorkloadLabel = "canarylab.io/workload"

// A Port is one of a Workload. Name is empty where it has none.
type Port struct {
	Name   string
	Number int
}

// A Service is one that is applied.
type Service struct {
	Namespace, Name string
	// Selector is empty for a Service that selects no pods.
	Selector map[string]string
	Ports    []ServicePort
	// Headless tells that its clusterIP is None. External is the externalName of a Service of that type.
	Headless bool
	External string
	// Invented tells that it is not in the manifests.
	Invented bool
	Source   Source
}

// Host is "reviews.shop.svc.cluster.local".
func (s Service) Host() string { return s.Name + "." + s.Namespace + ".svc.cluster.local" }

// A ServicePort is one of a Service. Of Target and TargetName one is set.
type ServicePort struct {
	Name       string
	Number     int
	Target     int
	TargetName string
	// Protocol is what Istio takes it for, in lower case, by appProtocol or the name's first word: http, http2, grpc,
	// https, tls, tcp, mongo, udp... Empty is found out from the traffic
	// (https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/).
	Protocol string
}

// A Gateway is a Gateway of networking.istio.io, or of the Gateway API, which has no Selector.
type Gateway struct {
	Namespace, Name string
	Selector        map[string]string
	// Met tells that the lab's ingress gateway serves it: with GatewayLabels it has the labels of Selector, or it is
	// the Gateway's address.
	Met     bool
	Servers []Server
	Source  Source
}

// A Server is one of a Gateway.
type Server struct {
	Port int
	// Protocol is as it is written: HTTP, HTTPS, GRPC, TLS, TCP...
	Protocol string
	// Hosts are without the part before a slash, which names a namespace.
	Hosts []string
	// TLSMode is, in the words of networking.istio.io, SIMPLE, MUTUAL, PASSTHROUGH... and empty without TLS. Redirect
	// tells that plain HTTP is redirected.
	TLSMode  string
	Redirect bool
	// File tells that its certificate is in a file of the gateway's pod, where the lab has none.
	File bool
}

// Objects returns everything in the order in which it can be applied: namespaces, service accounts, secrets,
// services, workloads, and then routing and policy as they are written. Secrets have a private key that was made for
// this plan: nobody may print them.
func (p *Plan) Objects() []*unstructured.Unstructured {
	var all []*unstructured.Unstructured
	for _, o := range p.inOrder() {
		all = append(all, o.Unstructured)
	}
	return all
}

// Routing returns the objects of Istio, with their namespaces and sources, in the order of the manifests. Objects has
// them too.
func (p *Plan) Routing() []Object { return p.routing }

// Unused returns the team's Namespaces that are not applied because nothing is put into them. What they say of their
// callers counts all the same.
func (p *Plan) Unused() []Object { return p.unused }

// Pods returns how many pods the workloads have.
func (p *Plan) Pods() int {
	n := 0
	for _, w := range p.Workloads {
		n += w.Replicas
	}
	return n
}

func (p *Plan) inOrder() []Object {
	var all []Object
	for _, part := range [][]Object{p.namespaces, p.accounts, p.secrets, p.services, p.deployments, p.routing} {
		all = append(all, part...)
	}
	return all
}
