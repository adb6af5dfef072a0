package standin

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/canarylab/canarylab/harness/mesh"
)

// makeDeployments makes the stand-ins.
func (b *builder) makeDeployments() {
	for _, p := range b.pods {
		p.Sidecar = b.injects(p)
		b.plan.Workloads = append(b.plan.Workloads, p.Workload)
		d := made("apps/v1", "Deployment", p.Namespace, p.Name, p.Source)
		d.SetLabels(map[string]string{mesh.ManagedBy: mesh.Manager})
		labels := maps.Clone(p.labels)
		labels[WorkloadLabel] = p.Version
		meta := map[string]any{"labels": anyMap(labels)}
		if len(p.annotations) > 0 {
			meta["annotations"] = anyMap(p.annotations)
		}
		spec := map[string]any{"containers": []any{b.container(p)}}
		if slices.ContainsFunc(p.Ports, func(have Port) bool { return have.Number < 1024 }) {
			// The sample app is not root. The sysctl is one that Kubernetes calls safe.
			spec["securityContext"] = map[string]any{"sysctls": []any{
				map[string]any{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"},
			}}
		}
		if p.account != "" && p.account != "default" {
			spec["serviceAccountName"] = p.account
		}
		d.Object["spec"] = map[string]any{
			"replicas": int64(p.Replicas),
			"selector": map[string]any{"matchLabels": map[string]any{WorkloadLabel: p.Version}},
			"template": map[string]any{"metadata": meta, "spec": spec},
		}
		b.plan.deployments = append(b.plan.deployments, d)
	}
}

// container is the sample app's, which answers on all ports of the pod.
func (b *builder) container(p *pod) map[string]any {
	var addresses []string
	var ports []any
	seen := map[int]bool{}
	for _, port := range p.Ports {
		one := map[string]any{"containerPort": int64(port.Number)}
		if port.Name != "" {
			one["name"] = port.Name
		}
		ports = append(ports, one)
		if !seen[port.Number] {
			addresses = append(addresses, ":"+strconv.Itoa(port.Number))
		}
		seen[port.Number] = true
	}
	ports = append(ports, map[string]any{"containerPort": int64(p.AdminPort)})
	args := []any{"--version=" + p.Version}
	if len(addresses) > 0 {
		args = append(args, "--addr="+strings.Join(addresses, ","))
	}
	return map[string]any{
		"name": "app", "image": b.o.Image,
		"args":  append(args, fmt.Sprintf("--admin-addr=:%d", p.AdminPort)),
		"ports": ports,
		"readinessProbe": map[string]any{
			"httpGet": map[string]any{"path": "/readyz", "port": int64(p.AdminPort)}, "periodSeconds": int64(1),
		},
		// As the scenarios' own apps have them.
		"resources": map[string]any{"requests": map[string]any{"cpu": "10m", "memory": "16Mi"}},
	}
}

const (
	injectLabel    = "sidecar.istio.io/inject"
	injectionLabel = "istio-injection"
)

// injects tells whether a pod gets a sidecar
// (https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy).
func (b *builder) injects(p *pod) bool {
	for _, o := range b.of(namespace, "") {
		if o.GetName() == p.Namespace && o.GetLabels()[injectionLabel] == "disabled" {
			return false
		}
	}
	return p.labels[injectLabel] != "false" && (p.labels[injectLabel] != "" || p.annotations[injectLabel] != "false")
}

// makeAccounts makes the service accounts of the stand-ins, and those of the manifests.
func (b *builder) makeAccounts() {
	seen := map[string]bool{}
	account := func(ns, name string, s Source) {
		if key := ns + "/" + name; !seen[key] && name != "" && name != "default" {
			seen[key] = true
			o := made("v1", "ServiceAccount", ns, name, s)
			o.SetLabels(map[string]string{mesh.ManagedBy: mesh.Manager})
			b.plan.accounts = append(b.plan.accounts, o)
		}
	}
	for _, p := range b.pods {
		account(p.Namespace, p.account, p.Source)
	}
}

// makeNamespaces makes the namespaces of everything that is applied.
func (b *builder) makeNamespaces() {
	theirs := map[string]Object{}
	for _, o := range b.of(namespace, "") {
		theirs[o.GetName()] = o
	}
	needed := map[string]Source{}
	need := func(ns string, s Source) {
		if _, ok := needed[ns]; !ok {
			needed[ns] = s
		}
	}
	for _, o := range b.plan.routing {
		need(o.GetNamespace(), o.Source)
	}
	for _, s := range b.plan.Services {
		need(s.Namespace, s.Source)
	}
	for _, p := range b.pods {
		need(p.Namespace, p.Source)
	}
	b.plan.Namespaces = slices.Sorted(maps.Keys(needed))
	for _, o := range b.of(namespace, "") {
		if _, ok := needed[o.GetName()]; !ok {
			b.note(o.note(LeftOut, "Nothing is put into it."))
			b.plan.unused = append(b.plan.unused, o)
		}
	}
	for _, ns := range b.plan.Namespaces {
		labels := map[string]string{mesh.ManagedBy: mesh.Manager, injectionLabel: "enabled"}
		s := needed[ns]
		if o, ok := theirs[ns]; ok {
			s = o.Source
			b.dropRevision(o)
			b.namespaceLabels(o, labels)
		}
		n := made("v1", "Namespace", "", ns, s)
		n.SetLabels(labels)
		b.plan.namespaces = append(b.plan.namespaces, n)
	}
}

// namespaceLabels adds the labels of their Namespace that the lab can have.
func (b *builder) namespaceLabels(o Object, labels map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(o.GetLabels())) {
		v := o.GetLabels()[name]
		switch {
		case name == mesh.ManagedBy, name == "kubernetes.io/metadata.name":
		case name == injectionLabel && v != "disabled" && v != "enabled":
			b.note(o.note(Changed, "Its label %s: %s is taken for enabled.", name, v))
		case strings.HasPrefix(name, "pod-security.kubernetes.io/"):
			b.note(o.note(Changed, "Its label %s is left out: it could keep the sidecar from setting up its "+
				"redirection.", name))
		default:
			labels[name] = v
		}
	}
	if labels[injectionLabel] == "disabled" {
		b.note(o.note(Unshown, "It has no sidecars, so that its pods call without the mesh."))
	}
}

func anyMap(m map[string]string) map[string]any {
	all := map[string]any{}
	for k, v := range m {
		all[k] = v
	}
	return all
}
