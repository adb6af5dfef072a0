package standin

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

// suffix ends the full name of a Service. Istio's default trustDomain and the lab's clusters have this domain.
const suffix = ".svc.cluster.local"

// fullHost is what Istio takes a host in a rule of a namespace for: a name without a dot is completed, any other one is
// taken as it is, so that "reviews.shop" is not shop's Service reviews (ResolveShortnameToFQDN in Istio's pilot).
func fullHost(host, namespace string) string {
	if host == "" || strings.ContainsAny(host, ".*") {
		return host
	}
	return host + "." + namespace + suffix
}

// serviceOf is the Service that a full name is that of.
func serviceOf(full string) (name, namespace string, ok bool) {
	front, ok := strings.CutSuffix(full, suffix)
	if !ok {
		return "", "", false
	}
	name, namespace, ok = strings.Cut(front, ".")
	return name, namespace, ok && name != "" && name != "*" && !strings.Contains(namespace, ".")
}

// Resolve returns the Service that a host in a rule of a namespace names, as Istio does: "reviews" is the namespace's
// own, and "reviews.shop.svc.cluster.local" is shop's. "reviews.shop" is none in a rule, though it is one for DNS. ok
// is false where the plan has no such Service.
func (p *Plan) Resolve(host, namespace string) (s Service, ok bool) {
	name, ns, ok := serviceOf(fullHost(host, namespace))
	if !ok {
		return Service{}, false
	}
	for _, s := range p.Services {
		if s.Name == name && s.Namespace == ns {
			return s, true
		}
	}
	return Service{}, false
}

// Behind returns the workloads whose pods a destination of a route stands for, in the order of Workloads: those that
// the Service's selector and the subset's labels both select. host is resolved as Resolve does; namespace is that of
// the rule that names it. An empty subset is the whole Service. A port of 0 is any; for another one, workloads without
// the port that it leads to are left out. Nil means that nobody is there: no such Service, port or subset, or no pods
// with such labels. Workloads of 0 replicas are among them. A host of a ServiceEntry with a workloadSelector stands for
// what that selects.
func (p *Plan) Behind(host, namespace, subset string, port int) []Workload {
	var asked map[string]string
	if subset != "" {
		var ok bool
		if asked, ok = p.HasSubset(host, namespace, subset); !ok {
			return nil
		}
	}
	s, ok := p.Resolve(host, namespace)
	if !ok {
		i := slices.IndexFunc(p.entries, func(e Service) bool { return e.Name == fullHost(host, namespace) })
		if i < 0 {
			return nil
		}
		s = p.entries[i]
	}
	if len(s.Selector) == 0 {
		return nil
	}
	var all []Workload
	for _, w := range p.Workloads {
		selected := w.Namespace == s.Namespace && matches(s.Selector, w.Labels) && matches(asked, w.Labels)
		if selected && w.serves(s, port) {
			all = append(all, w)
		}
	}
	return all
}

// serves tells whether the workload has the port that a Service's port leads to.
func (w Workload) serves(s Service, port int) bool {
	if port == 0 {
		return true
	}
	for _, sp := range s.Ports {
		if sp.Number == port {
			return slices.ContainsFunc(w.Ports, func(have Port) bool {
				if sp.TargetName != "" {
					return have.Name == sp.TargetName
				}
				return have.Number == sp.Target
			})
		}
	}
	return false
}

// A subsetRule is what a DestinationRule says of subsets.
type subsetRule struct {
	namespace, host string
	subsets         map[string]map[string]string
}

// HasSubset tells whether a DestinationRule defines a subset of a host, and returns the labels that it asks for. Rules
// of the asking namespace come first, then those of the Service's, and none of a third one. A rule for the host itself
// comes before one with a wildcard, as istiod looks for them
// (https://istio.io/latest/docs/ops/best-practices/traffic-management/#cross-namespace-configuration).
func (p *Plan) HasSubset(host, namespace, subset string) (labels map[string]string, ok bool) {
	full := fullHost(host, namespace)
	_, of, _ := serviceOf(full)
	for _, ns := range []string{namespace, of} {
		// istiod merges the rules of one host and namespace, and takes the most specific host.
		best := ""
		found := map[string]map[string]string{}
		for _, r := range p.subsets {
			if r.namespace != ns || !covers(r.host, full) || len(r.host) < len(best) {
				continue
			}
			if r.host != best {
				best, found = r.host, map[string]map[string]string{}
			}
			for name, l := range r.subsets {
				if _, there := found[name]; !there {
					found[name] = l
				}
			}
		}
		if best != "" {
			l, ok := found[subset]
			return maps.Clone(l), ok
		}
	}
	return nil, false
}

// covers tells whether a rule's host is, or has with its wildcard, a full name.
func covers(host, full string) bool {
	if rest, ok := strings.CutPrefix(host, "*"); ok {
		return strings.HasSuffix(full, rest)
	}
	return host == full
}

func matches(selector, have map[string]string) bool {
	return labels.SelectorFromSet(selector).Matches(labels.Set(have))
}

// ByVersion returns the workload that answers with a version.
func (p *Plan) ByVersion(version string) (w Workload, ok bool) {
	i := slices.IndexFunc(p.Workloads, func(w Workload) bool { return w.Version == version })
	if i < 0 {
		return Workload{}, false
	}
	return p.Workloads[i], true
}
