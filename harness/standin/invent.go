package standin

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// hasPods tells whether the manifests have a workload in a namespace. Where they have one, labels that match no pod are
// what the lab is to show, and nothing is invented for them.
func (b *builder) hasPods(ns string) bool {
	return slices.ContainsFunc(b.of(workload, ""), func(o Object) bool { return o.GetNamespace() == ns })
}

// inventPods makes workloads for the Services that select pods of a namespace in which the manifests have none at all.
func (b *builder) inventPods() {
	for _, s := range b.plan.Services {
		if len(s.Selector) == 0 || slices.ContainsFunc(b.pods, func(p *pod) bool {
			return p.Namespace == s.Namespace && matches(s.Selector, p.Labels)
		}) {
			continue
		}
		o := b.find(service, "Service", s.Namespace, s.Name)
		if b.hasPods(s.Namespace) {
			b.note(o.note(Missing, "It selects %s, and no workload here has such pods: its requests get no answer.",
				labelText(s.Selector)))
			continue
		}
		names := b.inventFor(o, s)
		if len(names) > 0 {
			b.note(o.note(Invented, "No workload here has its pods, so that its selector made %s%s.", workloads(names),
				fromSubsets(names, s.Name)))
		}
	}
}

// inventFor makes a workload for each subset of a Service, or one where there is none, and returns their names.
func (b *builder) inventFor(o Object, s Service) (names []string) {
	subsets := b.subsetsOf(s.Host())
	if len(subsets) == 0 {
		return []string{b.invent(o, s.Namespace, s.Name, s.Selector)}
	}
	var seen []map[string]string
	for _, name := range slices.Sorted(maps.Keys(subsets)) {
		labels := maps.Clone(s.Selector)
		contradicts := false
		for k, v := range subsets[name] {
			had, ok := labels[k]
			contradicts = contradicts || ok && had != v
			labels[k] = v
		}
		if contradicts || slices.ContainsFunc(seen, func(l map[string]string) bool { return maps.Equal(l, labels) }) {
			continue
		}
		seen = append(seen, labels)
		names = append(names, b.invent(o, s.Namespace, s.Name+"-"+inName(name), labels))
	}
	return names
}

// invent makes one workload.
func (b *builder) invent(o Object, ns, name string, labels map[string]string) string {
	taken := func(name string) bool {
		return slices.ContainsFunc(b.pods, func(p *pod) bool { return p.Namespace == ns && p.Name == name })
	}
	for base, n := name, 2; taken(name); n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	b.pods = append(b.pods, &pod{
		object: o, labels: maps.Clone(labels),
		Workload: Workload{Namespace: ns, Name: name, Labels: maps.Clone(labels), Replicas: 1, Source: o.Source},
	})
	return name
}

// inventServices makes a Service and its workloads for each host of the mesh that a rule names, in a namespace of which
// the manifests have no Service and no workload: people name their routes only. Elsewhere a host that is not there is
// what the lab is to show.
func (b *builder) inventServices() {
	theirs := slices.Clone(b.plan.Services)
	for _, u := range b.hostsOf() {
		name, ns, ok := serviceOf(u.full)
		switch {
		case !ok:
			b.sayUnresolved(u)
			continue
		case slices.ContainsFunc(theirs, func(s Service) bool { return s.Name == name && s.Namespace == ns }),
			slices.ContainsFunc(b.plan.entries, func(e Service) bool { return e.Name == u.full }):
			continue
		case refusedNamespace(ns) != "":
			b.note(u.object.note(Missing, "Host %s is in a namespace that the lab can't make: its requests get no "+
				"answer.", u.full))
			continue
		case b.hasPods(ns), slices.ContainsFunc(theirs, func(s Service) bool { return s.Namespace == ns }):
			b.note(u.object.note(Missing, "There is no Service %s in namespace %s here: what is sent to host %s gets "+
				"no answer. If it is another team's, name its manifests, too.", name, ns, u.full))
			continue
		}
		b.inventService(u, name, ns)
	}
}

func (b *builder) inventService(u *hostUse, name, ns string) {
	s := Service{Namespace: ns, Name: name, Invented: true, Source: u.object.Source}
	for _, n := range slices.Sorted(maps.Keys(u.ports)) {
		p := ServicePort{Number: n, Target: n, Protocol: u.ports[n], Name: u.ports[n]}
		if len(u.ports) > 1 {
			p.Name = fmt.Sprintf("%s-%d", p.Name, n)
		}
		s.Ports = append(s.Ports, p)
	}
	if len(s.Ports) == 0 {
		s.Ports = []ServicePort{{Name: "http", Number: 80, Target: 80, Protocol: "http"}}
	}
	key := "app"
	for _, labels := range b.subsetsOf(u.full) {
		if _, ok := labels[key]; ok {
			key = "canarylab.io/service"
		}
	}
	s.Selector = map[string]string{key: name}
	names := b.inventFor(u.object, s)
	b.plan.Services = append(b.plan.Services, s)
	b.note(u.object.note(Invented, "No Service and no workload of namespace %s is here, so that Service %s and %s "+
		"were made for host %s%s.", ns, name, workloads(names), u.full, fromSubsets(names, name)))
}

// sayUnresolved says where a host is no Service for Istio though it looks like one.
func (b *builder) sayUnresolved(u *hostUse) {
	for _, s := range b.plan.Services {
		short := s.Name + "." + s.Namespace
		if u.full == short || u.full == short+".svc" || u.full == short+".svc.cluster" {
			b.note(u.object.note(Missing, "Istio takes host %s for a name outside of the mesh, because it completes "+
				"only names without a dot: write %s.", u.full, s.Host()))
			return
		}
	}
}

func (b *builder) find(c class, kind, ns, name string) Object {
	for _, o := range b.of(c, kind) {
		if o.GetNamespace() == ns && o.GetName() == name {
			return o
		}
	}
	return Object{}
}

// notInNames finds what a name of Kubernetes can't have.
var notInNames = regexp.MustCompile(`[^a-z0-9-]+`)

func inName(subset string) string {
	return cmp.Or(strings.Trim(notInNames.ReplaceAllString(strings.ToLower(subset), "-"), "-"), "subset")
}

func labelText(labels map[string]string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, k+"="+labels[k])
	}
	return strings.Join(all, ",")
}

func workloads(names []string) string {
	switch len(names) {
	case 0:
		return "no workload"
	case 1:
		return "workload " + names[0]
	}
	return "workloads " + strings.Join(names, ", ")
}

func fromSubsets(names []string, service string) string {
	if len(names) == 0 || len(names) == 1 && names[0] == service {
		return ""
	}
	return ", one for each subset of the DestinationRule"
}
