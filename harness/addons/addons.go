// Package addons has the manifests that the engine adds to a scenario's namespace: the collector of access
// logs, those who send the load, the gateway and the Prometheus that a scenario asks for. It names what is in
// them.
package addons

import (
	"cmp"
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/sampleapp"
)

//go:embed manifests
var manifests embed.FS

// What the manifests name. Each name is that of a Deployment (or Job), and the value of its pods' label app.
const (
	// Collector takes the access logs, also as a Service. EntriesPort is where it hands them out.
	Collector   = "canarylab-accesslog"
	EntriesPort = 9001
	// Volume is the folder that a pod shares with its node, and what is in it: the socket at which a caller waits, and
	// the one at which the collector hands entries out.
	Volume       = "canarylab"
	AgentSocket  = "agent"
	ReaderSocket = "readers"
	// Gateway is the namespace's own ingress gateway, also as a Service.
	Gateway = "ingress"
	// GatewayLabel is a label that the gateway's pods alone have: their label app may be another one.
	GatewayLabel = "canarylab.io/gateway"
	// CallerLabel is a label that the pods of a Site's named callers alone have: their label app may be another one.
	CallerLabel = "canarylab.io/caller"
	// SidecarCaller and PlainCaller send the load, with and without a sidecar, from their container CallerContainer.
	SidecarCaller   = "load-client"
	PlainCaller     = "load-client-plain"
	CallerContainer = "loadgen"
	// Prometheus is the namespace's own, also as a Service. PrometheusPort is where it answers.
	Prometheus     = "canarylab-prometheus"
	PrometheusPort = 9090
	// PrometheusImage is not among those that every cluster has.
	PrometheusImage = "canarylab/prometheus:dev"
)

// The headers of answers that proxies log, in the case that Envoy has them in.
var (
	VersionHeader = strings.ToLower(sampleapp.VersionHeader)
	SerialHeader  = strings.ToLower(sampleapp.SerialHeader)
)

// CallerOf returns which of the lab's own callers sends the load of an entry.
func CallerOf(e loadgen.Entry) string {
	if e == loadgen.Sidecar {
		return SidecarCaller
	}
	return PlainCaller
}

// Addons are the objects that are added to a namespace.
type Addons struct {
	// Recorder has to be there before the first proxy: a proxy that starts with its access log on loses nothing.
	Recorder []environment.Object
	// Callers are who sends the load, the gateway if there is load that comes through it, and the Prometheus if one is
	// asked for.
	Callers []environment.Object
}

// A Site says where the addons go.
type Site struct {
	// Namespaces are those whose proxies are recorded. Who sends the load, and what records it, is in the first.
	Namespaces []string
	// Ingress is how the ingress gateway is made.
	Ingress Ingress `json:",omitzero"`
	// Callers are those that cohorts name, beside the usual ones.
	Callers []Caller `json:",omitzero"`
}

// In is the site of a namespace alone.
func In(ns string) Site { return Site{Namespaces: []string{ns}} }

// Home is the namespace of who sends the load.
func (s Site) Home() string { return s.Namespaces[0] }

// An Ingress is an ingress gateway. Zero is that of a scenario.
type Ingress struct {
	// Namespace is where it is. Empty is Home.
	Namespace string `json:",omitzero"`
	// Labels are what its pods have beside istio: ingressgateway, for the Gateway objects that select others.
	Labels map[string]string `json:",omitzero"`
	// Ports are those that it listens on beside 80.
	Ports []int `json:",omitzero"`
}

// Gateway is the namespace of the ingress gateway.
func (s Site) Gateway() string { return cmp.Or(s.Ingress.Namespace, s.Home()) }

// New returns what a load needs at a site, with a Prometheus where it is asked for.
func New(site Site, plan loadgen.Plan, prometheus bool) (a Addons, err error) {
	ns := site.Home()
	if a.Recorder, err = read(ns, "accesslog.yaml"); err != nil {
		return a, err
	}
	for _, of := range site.Namespaces {
		log := mesh.AccessLogFilter(of, Collector+"."+ns, plan.HasTCP(), VersionHeader, SerialHeader)
		filter, err := kube.Objects(log)
		if err != nil {
			return a, err
		}
		a.Recorder = append(a.Recorder, filter...)
	}
	var files []string
	for _, stand := range plan.Stands() {
		if stand.Caller != "" {
			named, err := site.caller(stand.Caller)
			if err != nil {
				return a, err
			}
			a.Callers = append(a.Callers, named...)
			continue
		}
		files = append(files, CallerOf(stand.Entry)+".yaml")
		if stand.Entry == loadgen.Gateway {
			gateway, err := site.ingress()
			if err != nil {
				return a, err
			}
			a.Callers = append(a.Callers, gateway...)
		}
	}
	if prometheus {
		files = append(files, "prometheus.yaml")
	}
	slices.Sort(files)
	callers, err := read(ns, slices.Compact(files)...)
	a.Callers = append(a.Callers, callers...)
	if err != nil || plan.Agents < 2 {
		return a, err
	}
	return a, shareLoad(a.Callers, plan.Agents)
}

// ingress returns the objects of the ingress gateway.
func (s Site) ingress() ([]environment.Object, error) {
	all, err := read(s.Gateway(), "gateway.yaml")
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		switch o.GetKind() {
		case "Service":
			ports, _, err := unstructured.NestedSlice(o.Object, "spec", "ports")
			if err != nil {
				return nil, fmt.Errorf("the gateway's Service: %w", err)
			}
			for _, port := range s.Ingress.Ports {
				ports = append(ports, map[string]any{
					"name": fmt.Sprintf("http-%d", port), "port": int64(port), "targetPort": int64(port),
				})
			}
			if err := unstructured.SetNestedSlice(o.Object, ports, "spec", "ports"); err != nil {
				return nil, fmt.Errorf("the gateway's Service: %w", err)
			}
		case "Deployment":
			path := []string{"spec", "template", "metadata", "labels"}
			labels, _, err := unstructured.NestedStringMap(o.Object, path...)
			if err != nil {
				return nil, fmt.Errorf("the gateway's Deployment: %w", err)
			}
			maps.Copy(labels, s.Ingress.Labels)
			if err := unstructured.SetNestedStringMap(o.Object, labels, path...); err != nil {
				return nil, fmt.Errorf("the gateway's Deployment: %w", err)
			}
		}
	}
	return all, nil
}

// read returns the objects of some manifests, put into ns.
func read(ns string, files ...string) ([]environment.Object, error) {
	var all []environment.Object
	for _, file := range files {
		b, err := manifests.ReadFile("manifests/" + file)
		if err != nil {
			return nil, err
		}
		objects, err := kube.Objects(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, o := range objects {
			o.SetNamespace(ns)
		}
		all = append(all, objects...)
	}
	return all, nil
}

// shareLoad makes an Indexed Job of n pods of each caller's Deployment.
func shareLoad(objects []environment.Object, n int) error {
	for _, o := range objects {
		name := o.GetName()
		if o.GetKind() != "Deployment" || name != SidecarCaller && name != PlainCaller {
			continue
		}
		template, _, err := unstructured.NestedMap(o.Object, "spec", "template")
		if err == nil {
			err = unstructured.SetNestedField(template, "Never", "spec", "restartPolicy")
		}
		if err == nil {
			err = askForLess(template, n)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		o.Object["apiVersion"], o.Object["kind"] = "batch/v1", "Job"
		o.Object["spec"] = map[string]any{
			"completionMode": "Indexed", "completions": int64(n), "parallelism": int64(n),
			"backoffLimit": int64(0), // a pod that is lost is a load that is lost: the run says so
			"template":     template,
		}
	}
	return nil
}

// askForLess has each of n pods ask for an n-th of the processor time that a pod which sends the whole load asks for:
// what all of them ask for has to fit on a small node.
func askForLess(template map[string]any, n int) error {
	containers, _, err := unstructured.NestedSlice(template, "spec", "containers")
	if err != nil {
		return err
	}
	for _, c := range containers {
		container, ok := c.(map[string]any)
		if !ok {
			return fmt.Errorf("a container is %T", c)
		}
		cpu, _, err := unstructured.NestedString(container, "resources", "requests", "cpu")
		if err != nil {
			return err
		}
		asked, err := resource.ParseQuantity(cpu)
		if err != nil {
			return fmt.Errorf("cpu %q: %w", cpu, err)
		}
		less := resource.NewMilliQuantity(max(asked.MilliValue()/int64(n), 1), resource.DecimalSI)
		if err := unstructured.SetNestedField(container, less.String(), "resources", "requests", "cpu"); err != nil {
			return err
		}
	}
	return unstructured.SetNestedSlice(template, containers, "spec", "containers")
}
