package standin

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/manifest"
)

// A pod is a workload that may become a stand-in.
type pod struct {
	Workload
	// object is what it stands in for, or what it was invented for.
	object Object
	// meta has the annotations for the mesh, account the service account.
	annotations map[string]string
	labels      map[string]string
	account     string
	// declared tells that the containers name their ports.
	declared bool
	// probed tells that the containers have probes, chosen that something is sent to the pods.
	probed, chosen bool
}

// readPods reads the workloads of the manifests.
func (b *builder) readPods() {
	for _, o := range b.of(workload, "") {
		if o.GetKind() == "Rollout" {
			if ref := text(o.Object, "spec", "workloadRef", "name"); ref != "" {
				b.note(o.note(LeftOut, "%s, which it refers to, is stood in. Its steps are not played: the routes "+
					"are as they are written.", ref))
				continue
			}
			b.note(o.note(Changed, "Its steps are not played: the routes are as they are written."))
		}
		spec := append(o.podPath(), "spec")
		p := &pod{object: o, Workload: Workload{
			Namespace: o.GetNamespace(), Name: o.GetName(), Kind: o.GetKind(), Labels: o.podMeta(), Source: o.Source,
			Replicas: 1,
		}}
		p.labels = maps.Clone(p.Labels)
		annotations := texts(o.Object, append(o.podPath(), "metadata", "annotations")...)
		if t := annotations["inject.istio.io/templates"]; strings.Contains(t, "gateway") {
			b.note(o.note(LeftOut, "It is a gateway of Istio: the lab's own ingress gateway stands in for it."))
			continue
		}
		if p.annotations = b.meshAnnotations(o, annotations); p.labels == nil {
			p.labels = map[string]string{}
		}
		for _, name := range ambient {
			delete(p.labels, name)
		}
		p.account = text(o.Object, append(spec, "serviceAccountName")...)
		top, _ := o.Object["spec"].(map[string]any)
		if _, ok := top["replicas"]; ok && o.GetKind() != "DaemonSet" && o.GetKind() != "Pod" {
			p.Replicas = number(top, "replicas")
			if p.Replicas == 0 {
				b.note(o.note(Unshown, "It asks for 0 replicas, so that it answers nothing here either."))
			}
		}
		if want := b.o.maxReplicas(); p.Replicas > want {
			b.note(o.note(Changed, "It has %d replicas in the lab, not %d.", want, p.Replicas))
			p.Replicas = want
		}
		b.readContainers(p, spec)
		b.pods = append(b.pods, p)
	}
}

// firstProxyPort and lastProxyPort are the ports of Istio's proxy in a pod
// (https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio).
const firstProxyPort, lastProxyPort = 15000, 15099

// readContainers reads the ports of a pod's containers, and says what the sample app can't do as they would.
func (b *builder) readContainers(p *pod, spec []string) {
	containers := list(p.object.Object, append(slices.Clone(spec), "containers")...)
	for _, c := range list(p.object.Object, append(slices.Clone(spec), "initContainers")...) {
		if text(c, "restartPolicy") == "Always" {
			containers = append(containers, c)
		}
	}
	probes := false
	for _, c := range containers {
		if text(c, "name") == "istio-proxy" {
			continue // somebody has injected it by hand
		}
		for _, probe := range []string{"readinessProbe", "livenessProbe", "startupProbe"} {
			_, ok := c[probe]
			probes = probes || ok
		}
		for _, port := range list(c, "ports") {
			n, name := number(port, "containerPort"), text(port, "name")
			switch protocol := text(port, "protocol"); {
			case protocol != "" && protocol != "TCP":
				b.note(p.object.note(Unshown, "Nobody answers on its port %d: the stand-in speaks no %s.", n, protocol))
				continue
			case n >= firstProxyPort && n <= lastProxyPort:
				b.note(p.object.note(Changed, "Its port %d is left out: it is one of Istio's proxy.", n))
				continue
			}
			p.declared = true
			p.port(n, name)
		}
	}
	p.probed = probes
}

// port adds a port, if there is none of the number. A name that another one has is left out.
func (p *pod) port(n int, name string) {
	if n < 1 || n > 65535 || slices.ContainsFunc(p.Ports, func(have Port) bool {
		return have.Number == n && (name == "" || have.Name == name)
	}) {
		return
	}
	for i, have := range p.Ports {
		if have.Number == n && have.Name == "" {
			p.Ports[i].Name = name
			return
		}
		if name != "" && have.Name == name {
			return
		}
	}
	p.Ports = append(p.Ports, Port{name, n})
}

// meshPrefixes begin the annotations of pods that concern the mesh
// (https://istio.io/latest/docs/reference/config/annotations/).
var meshPrefixes = []string{"sidecar.istio.io/", "proxy.istio.io/", "traffic.sidecar.istio.io/"}

// unfit has the annotations that would keep a stand-in from starting, and why.
var unfit = map[string]string{
	"sidecar.istio.io/status":                "", // a mark of injection, which would be done again
	"sidecar.istio.io/userVolume":            "the stand-in has no volumes",
	"sidecar.istio.io/userVolumeMount":       "the stand-in has no volumes",
	"sidecar.istio.io/bootstrapOverride":     "the stand-in has no volumes",
	"sidecar.istio.io/proxyImage":            "the lab has its own proxy",
	"sidecar.istio.io/proxyImageType":        "the lab has its own proxy",
	"sidecar.istio.io/discoveryAddress":      "the lab has its own istiod",
	"sidecar.istio.io/proxyCPU":              "the lab's machine is small",
	"sidecar.istio.io/proxyCPULimit":         "the lab's machine is small",
	"sidecar.istio.io/proxyMemory":           "the lab's machine is small",
	"sidecar.istio.io/proxyMemoryLimit":      "the lab's machine is small",
	"sidecar.istio.io/interceptionMode":      "the lab's nodes redirect with nft",
	"sidecar.istio.io/rewriteAppHTTPProbers": "the kubelet could not ask the stand-in under STRICT mTLS",
}

// meshAnnotations returns the annotations that a stand-in keeps, and says which it does not.
func (b *builder) meshAnnotations(o Object, all map[string]string) map[string]string {
	kept := map[string]string{}
	var dropped []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch why, no := unfit[name]; {
		case no && why != "":
			dropped = append(dropped, fmt.Sprintf("%s (%s)", name, why))
		case no:
		case slices.ContainsFunc(meshPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }):
			kept[name] = all[name]
		}
	}
	if len(dropped) > 0 {
		b.note(o.note(Changed, "These annotations of its pods are left out: %s.", strings.Join(dropped, ", ")))
	}
	return kept
}

// choosePods picks the workloads to which something is sent, and gives them the ports to which it is.
func (b *builder) choosePods() {
	for _, p := range b.pods {
		selects := func(s Service) bool {
			if s.Namespace != p.Namespace || len(s.Selector) == 0 || !matches(s.Selector, p.Labels) {
				return false
			}
			for _, port := range s.Ports {
				b.serve(p, s, port)
			}
			p.chosen = true
			return true
		}
		for _, s := range b.plan.Services {
			if selects(s) {
				p.Services = append(p.Services, s.Name)
			}
		}
		for _, e := range b.plan.entries {
			selects(e)
		}
		if !p.chosen {
			b.note(p.object.note(LeftOut, "No Service here selects its pods, so that nothing is sent to them."))
		}
	}
	b.pods = slices.DeleteFunc(b.pods, func(p *pod) bool { return !p.chosen })
	probed := 0
	for _, p := range b.pods {
		if p.probed {
			probed++
		}
	}
	if probed > 0 {
		b.note(Note{Kind: Changed, Text: fmt.Sprintf("The probes of %s are replaced by one that the stand-in answers "+
			"on a port of its own, so that no probe is counted as a request: a pod is ready as soon as the app "+
			"listens.", plural(probed, "workload"))})
	}
	for _, p := range b.pods {
		slices.Sort(p.Services)
		p.Services = slices.Compact(p.Services)
		p.AdminPort = environment.AdminPort
		for p.has(p.AdminPort) {
			p.AdminPort += 10000 // 18081 and up
		}
	}
}

func (p *pod) has(n int) bool {
	return slices.ContainsFunc(p.Ports, func(have Port) bool { return have.Number == n })
}

// serve has a workload answer on the port that a Service's port leads to.
func (b *builder) serve(p *pod, s Service, port ServicePort) {
	if slices.Contains([]string{"udp", "sctp"}, port.Protocol) {
		return
	}
	if port.TargetName != "" {
		if !slices.ContainsFunc(p.Ports, func(have Port) bool { return have.Name == port.TargetName }) {
			if p.Kind == "" { // it was invented, and nobody knows the number
				n := 8080
				for p.has(n) {
					n++
				}
				p.port(n, port.TargetName)
				return
			}
			b.note(p.object.note(Missing, "Service %s leads its port %d to a port %q, and no container here has one "+
				"of that name: nobody answers there.", s.Name, port.Number, port.TargetName))
		}
		return
	}
	if p.declared && !p.has(port.Target) {
		b.note(p.object.note(Unshown, "Service %s leads its port %d to %d, which no container here declares. The "+
			"stand-in answers on it; whether your app does can't be seen here.", s.Name, port.Number, port.Target))
	}
	p.port(port.Target, "")
}

// namePods gives each workload a version that no other has, and a name that no other Deployment has.
func (b *builder) namePods() {
	names, versions, count := map[string]bool{}, map[string]bool{}, map[string]int{}
	for _, p := range b.pods {
		key := p.Namespace + "/" + p.Name
		if names[key] {
			was := p.Name
			p.Name += "-" + cmp.Or(strings.ToLower(p.Kind), "2")
			b.note(p.object.note(Changed, "It is called %s in the lab, because there is another workload %s.",
				p.Name, was))
			key = p.Namespace + "/" + p.Name
		}
		names[key] = true
		count[p.Name]++
	}
	for _, p := range b.pods {
		v := p.Name
		if count[p.Name] > 1 {
			v += "." + p.Namespace
		}
		if len(v) > 63 { // a label's value
			h := fnv.New32a()
			_, _ = h.Write([]byte(v))
			v = fmt.Sprintf("%s-%08x", strings.TrimRight(v[:54], "-."), h.Sum32())
		}
		for base, n := v, 2; versions[v]; n++ {
			v = fmt.Sprintf("%s-%d", base, n)
		}
		versions[v], p.Version = true, v
	}
}

// ours are the names of what the lab puts into a namespace, and the values of its pods' label app.
var ours = []string{addons.Collector, addons.Gateway, addons.SidecarCaller, addons.PlainCaller, addons.Prometheus}

// refuseOurs refuses what would be taken for a part of the lab.
func (b *builder) refuseOurs() {
	const why = "%s: the lab has a part of its own that is called %s, and could not tell them apart: give it another " +
		"name or label app for the test"
	for _, s := range b.plan.Services {
		if slices.Contains(ours, s.Name) {
			b.add(problemAt(s.Source, why, "Service "+s.Namespace+"/"+s.Name, s.Name))
		}
	}
	for _, p := range b.pods {
		for _, name := range []string{p.Name, p.Labels["app"]} {
			if slices.Contains(ours, name) {
				b.add(p.object.problem("metadata.name", why, p.object.title(), name))
				break
			}
		}
	}
}

// boundPods has the pods fit on the lab's node.
func (b *builder) boundPods() {
	all, least := 0, 0
	for _, p := range b.pods {
		all, least = all+p.Replicas, least+min(p.Replicas, 1)
	}
	if all <= b.o.maxPods() {
		return
	}
	if least > b.o.maxPods() {
		b.add(manifest.Problem{File: b.pods[0].Source.File, Text: fmt.Sprintf("there are %d workloads, and the lab's "+
			"node has room for %d pods: name only the files of the service that is to be tried, and of those that it "+
			"calls", least, b.o.maxPods())})
		return
	}
	for _, p := range b.pods {
		p.Replicas = min(p.Replicas, 1)
	}
	b.note(Note{Kind: Changed, Text: fmt.Sprintf("Each workload has one pod in the lab: all %d would not fit on its "+
		"node.", all)})
}
