package standin

// Resolve returns the Service that host names for somebody in a namespace, as Istio does: "reviews" is the namespace's
// own, "reviews.shop" and "reviews.shop.svc.cluster.local" are shop's. ok is false where the plan has no such Service.
func (p *Plan) Resolve(host, namespace string) (s Service, ok bool) { return Service{}, false }

// Behind returns the workloads whose pods a destination of a route stands for, in the order of Workloads: those that
// the Service's selector and the subset's labels both select. host is resolved as Resolve does; namespace is that of
// the rule that names it. An empty subset is the whole Service. A port of 0 is any; for another one, workloads without
// the port that it leads to are left out. Nil means that nobody is there: no such Service, port or subset, or no pods
// with such labels. A host of a ServiceEntry with a workloadSelector stands for what that selects.
func (p *Plan) Behind(host, namespace, subset string, port int) []Workload { return nil }

// HasSubset tells whether a DestinationRule defines a subset of a host, and returns the labels that it asks for.
func (p *Plan) HasSubset(host, namespace, subset string) (labels map[string]string, ok bool) {
	return nil, false
}

// ByVersion returns the workload that answers with a version.
func (p *Plan) ByVersion(version string) (w Workload, ok bool) { return Workload{}, false }
