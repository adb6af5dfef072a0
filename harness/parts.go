package harness

import (
	"embed"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/sampleapp"
)

//go:embed manifests
var partsFS embed.FS

const (
	// collector is the Service and the Deployment that access logs are sent to.
	collector = "canarylab-accesslog"
	// gateway is the Service and the Deployment of the namespace's own ingress gateway.
	gateway = "ingress"
	// insideClient and plainClient are the Deployments, and the values of the label app, of who sends the load.
	insideClient, plainClient = "load-client", "load-client-plain"
	clientContainer           = "loadgen"
)

// The headers of answers that proxies log, in the case that Envoy has them in.
var versionHeader, serialHeader = strings.ToLower(sampleapp.VersionHeader), strings.ToLower(sampleapp.SerialHeader)

// parts are the manifests that the engine adds to a scenario's namespace, each as a file of its own.
type parts struct {
	// recorder has to be there before the first proxy: a proxy that starts with its access log on loses nothing.
	recorder []object
	// callers are who sends the load, and the gateway if there is load that comes through it.
	callers []object
}

// newParts makes the parts for a load, with a Prometheus where it is asked for.
func newParts(ns string, plan loadgen.Plan, prometheus bool) (p parts, err error) {
	if p.recorder, err = part(ns, "accesslog.yaml"); err != nil {
		return p, err
	}
	filter, err := kube.Objects(mesh.AccessLogFilter(ns, collector, versionHeader, serialHeader))
	if err != nil {
		return p, err
	}
	p.recorder = append(p.recorder, filter...)
	var files []string
	for _, e := range entries(plan) {
		switch e {
		case loadgen.Sidecar:
			files = append(files, "load-client.yaml")
		case loadgen.Plain:
			files = append(files, "load-client-plain.yaml")
		case loadgen.Gateway:
			files = append(files, "load-client-plain.yaml", "gateway.yaml")
		}
	}
	if prometheus {
		files = append(files, "prometheus.yaml")
	}
	slices.Sort(files)
	if p.callers, err = part(ns, slices.Compact(files)...); err != nil || plan.Agents < 2 {
		return p, err
	}
	return p, asJobs(p.callers, plan.Agents)
}

// part is some of the files in manifests, put into ns.
func part(ns string, files ...string) ([]object, error) {
	var parts []object
	for _, file := range files {
		b, err := partsFS.ReadFile("manifests/" + file)
		if err != nil {
			return nil, err
		}
		all, err := kube.Objects(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, o := range all {
			o.SetNamespace(ns)
		}
		parts = append(parts, all...)
	}
	return parts, nil
}

// asJobs makes an Indexed Job of n pods of each Deployment of callers.
func asJobs(all []object, n int) error {
	for _, o := range all {
		if name := o.GetName(); o.GetKind() == "Deployment" && (name == insideClient || name == plainClient) {
			template, _, err := unstructured.NestedMap(o.Object, "spec", "template")
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if err := unstructured.SetNestedField(template, "Never", "spec", "restartPolicy"); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			o.Object["apiVersion"], o.Object["kind"] = "batch/v1", "Job"
			o.Object["spec"] = map[string]any{
				"completionMode": "Indexed", "completions": int64(n), "parallelism": int64(n),
				"backoffLimit": int64(0), // a pod that is lost is a load that is lost: the run says so
				"template":     template,
			}
		}
	}
	return nil
}

// entries are those that the plan's cohorts take, each once, in the order of their names.
func entries(plan loadgen.Plan) []loadgen.Entry {
	var all []loadgen.Entry
	for _, c := range plan.Cohorts {
		all = append(all, c.Via())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// by is the part of a plan that one agent sends: the cohorts of one entry.
func by(plan loadgen.Plan, e loadgen.Entry) (loadgen.Plan, error) {
	all := plan.Cohorts
	plan.Cohorts = nil
	for _, c := range all {
		if c.Via() == e {
			plan.Cohorts = append(plan.Cohorts, c)
		}
	}
	if len(plan.Cohorts) < len(all) && plan.Rate > 0 {
		// Each agent has a plan of its own.
		whole := loadgen.Plan{Rate: plan.Rate, Cohorts: all}
		plan.Rate = 0
		for i, c := range plan.Cohorts {
			rate := whole.RateOf(c.Name)
			if rate != float64(int(rate)) {
				return plan, fmt.Errorf("cohort %s gets %g of the plan's %d requests a second: where cohorts take different entries, each needs a whole number",
					c.Name, rate, whole.Rate)
			}
			plan.Cohorts[i].Rate, plan.Cohorts[i].Weight = int(rate), 0
		}
	}
	if e != loadgen.Gateway {
		return plan, nil
	}
	// Whoever comes through the gateway asks it for the host that the plan names.
	u, err := url.Parse(plan.URL)
	if err != nil {
		return plan, err
	}
	host := u.Host
	u.Host = gateway
	plan.URL = u.String()
	for i, c := range plan.Cohorts {
		header := maps.Clone(c.Header)
		if !slices.ContainsFunc(slices.Collect(maps.Keys(header)), func(name string) bool { return strings.EqualFold(name, "Host") }) {
			if header == nil {
				header = map[string]string{}
			}
			header["Host"] = host
		}
		plan.Cohorts[i].Header = header
	}
	return plan, nil
}
