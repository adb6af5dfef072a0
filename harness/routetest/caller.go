package routetest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/authz"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/harness/routes"
	"github.com/canarylab/canarylab/harness/standin"
	"github.com/canarylab/canarylab/internal/kebab"
)

// maxCallers bounds the callers beside the usual one: each is a pod with a sidecar, of some 60 MB, and all of them have
// to start before the test begins.
const maxCallers = 6

// usual returns the lab's own caller in a namespace. It has no name.
func usual(namespace string) addons.Caller {
	return addons.Caller{Namespace: namespace, Labels: map[string]string{"app": addons.SidecarCaller}}
}

// identity is who a caller is to the mesh.
func identity(c addons.Caller) authz.Identity {
	if c.Account == "" {
		return authz.Identity{Namespace: c.Namespace, Account: standin.DefaultAccount}
	}
	return authz.Identity{Namespace: c.Namespace, Account: c.Account}
}

// callerInWords names a caller in a report, "" for the usual one.
func callerInWords(c addons.Caller) string {
	switch {
	case c.Name == "":
		return ""
	case c.Account != "" && c.Account != standin.DefaultAccount:
		return identity(c).String()
	}
	var labels []string
	for _, k := range slices.Sorted(maps.Keys(c.Labels)) {
		labels = append(labels, k+": "+c.Labels[k])
	}
	if len(labels) == 0 {
		return "a pod of " + c.Namespace
	}
	return fmt.Sprintf("a pod of %s with %s", c.Namespace, strings.Join(labels, ", "))
}

// workloads are the callers that the manifests of all sides have, each once.
func (s *sender) workloads() []addons.Caller {
	var all []addons.Caller
	for _, side := range s.sides {
		for _, c := range side.Plan.Callers {
			if !c.Sidecar {
				continue
			}
			one := addons.Caller{Namespace: c.Namespace, Labels: c.Labels, Account: c.Account}
			if !slices.ContainsFunc(all, func(have addons.Caller) bool { return same(have, one) }) {
				one.Name = s.nameFor(c.Name, all)
				all = append(all, one)
			}
		}
	}
	return all
}

// nameFor makes a name that no other caller has.
func (s *sender) nameFor(name string, others []addons.Caller) string {
	// The longest name of a Deployment that Kubernetes makes pods of well, with what the lab puts before it.
	name = kebab.Of(name)
	name = strings.Trim(name[:min(len(name), 36)], "-")
	if name == "" {
		name = "caller"
	}
	got := name
	for n := 2; slices.ContainsFunc(others, func(c addons.Caller) bool { return c.Name == got }); n++ {
		got = fmt.Sprintf("%s-%d", name, n)
	}
	return got
}

// same tells whether two callers are one to the mesh.
func same(a, b addons.Caller) bool {
	return identity(a) == identity(b) && maps.Equal(a.Labels, b.Labels)
}

// known adds a caller to those that there may be, unless it is among them, and returns it with its name.
func (s *sender) known(c addons.Caller, name string) addons.Caller {
	if same(c, s.callers[0]) {
		return s.callers[0]
	}
	for _, have := range s.callers {
		if same(have, c) {
			return have
		}
	}
	c.Name = s.nameFor(name, s.callers)
	s.callers = append(s.callers, c)
	return c
}

// as returns a caller that is somebody to the mesh: a workload of the manifests, or else a pod without labels of its
// own.
func (s *sender) as(id authz.Identity) addons.Caller {
	for _, c := range s.callers {
		if identity(c) == id {
			return c
		}
	}
	labels := map[string]string{"app": addons.SidecarCaller}
	return s.known(addons.Caller{Namespace: id.Namespace, Labels: labels, Account: id.Account},
		id.Account+"-"+id.Namespace)
}

// candidates are the callers that may send a class, in the order in which they are preferred.
func (s *sender) candidates(c routes.Class) []addons.Caller {
	q := c.Request
	all := slices.Clone(s.callers)
	if q.SourceNamespace == "" && len(q.SourceLabels) == 0 {
		return all
	}
	ns := q.SourceNamespace
	if ns == "" {
		ns = s.home
	}
	own := addons.Caller{Namespace: ns, Labels: q.SourceLabels}
	if len(own.Labels) == 0 {
		own = usual(ns)
	}
	name := ns
	for _, k := range slices.Sorted(maps.Keys(q.SourceLabels)) {
		name += "-" + q.SourceLabels[k]
	}
	own.Name = s.nameFor(name, s.callers)
	if !slices.ContainsFunc(all, func(have addons.Caller) bool { return same(have, own) }) {
		all = append(all, own)
	}
	return all
}

// pick finds who sends a class: the first caller of whom the class is true, and by preference one that no policy keeps
// from getting an answer, so that where the requests go can be seen. here is the request as that caller sends it.
func (s *sender) pick(side *Side, c routes.Class) (from addons.Caller, here routes.Request, unsent string) {
	found := false
	for _, one := range s.candidates(c) {
		q, fits := side.sentBy(one, c)
		if !fits || s.unfit(side, one) != "" {
			continue
		}
		denied := side.denies(q, one)
		if !found || !denied {
			from, here, found = one, q, true
		}
		if !denied {
			break
		}
	}
	if !found {
		return from, c.Request, s.noCaller(side, c)
	}
	return s.stand(from, here)
}

// sentBy returns a class's request as a caller sends it, and whether it is the class's all the same: the same rule
// takes it, and it is to go to the same places.
func (s *Side) sentBy(from addons.Caller, c routes.Class) (here routes.Request, fits bool) {
	here = c.Request
	asked := here.SourceNamespace
	if asked == "" {
		asked = from.Namespace
	}
	if to, known := s.Plan.Resolve(here.Host, asked); known && asked != from.Namespace {
		here.Host = to.Host()
	}
	here.SourceNamespace, here.SourceLabels = from.Namespace, from.Labels
	rule, ok := s.Table.Match(here)
	if !ok {
		rule = -1
	}
	return here, rule == c.Takes && reflect.DeepEqual(s.Table.Want(here), c.Want)
}

// unfit says why the lab can't have a caller.
func (s *sender) unfit(side *Side, c addons.Caller) string {
	if c.Name == "" {
		return ""
	}
	if ns := c.Namespace; ns == "istio-system" || ns == "canarylab-system" || strings.HasPrefix(ns, "kube-") {
		return fmt.Sprintf("its caller would be in %s, which is not the manifests' own", ns)
	}
	if !side.Plan.Injects(c.Namespace) {
		return fmt.Sprintf("its caller would be in %s, which has no sidecars", c.Namespace)
	}
	return ""
}

// stand has a caller stand up, unless there are too many already.
func (s *sender) stand(from addons.Caller, q routes.Request) (addons.Caller, routes.Request, string) {
	if from.Name == "" || slices.ContainsFunc(s.standing, func(c addons.Caller) bool { return c.Name == from.Name }) {
		return from, q, ""
	}
	if len(s.standing) == maxCallers {
		const many = "it is sent by %s, and there are %d callers already: name fewer manifests at once to have it sent"
		return from, q, fmt.Sprintf(many, callerInWords(from), maxCallers)
	}
	for _, side := range s.sides {
		if why := side.Plan.Reserve(from.Namespace, from.Labels); why != "" {
			return from, q, fmt.Sprintf("it is sent by %s: %s", callerInWords(from), why)
		}
	}
	s.known(from, from.Name)
	s.standing = append(s.standing, from)
	return from, q, ""
}

// noCaller says why nobody can send a class.
func (s *sender) noCaller(side *Side, c routes.Class) string {
	for _, one := range s.candidates(c) {
		if _, fits := side.sentBy(one, c); fits {
			return s.unfit(side, one)
		}
	}
	if len(c.Request.SourceLabels) > 0 {
		return "no pod that has the labels of its caller gets the rule"
	}
	return fmt.Sprintf("its caller is in namespace %s, and the lab's is in %s", c.Request.SourceNamespace, s.home)
}

// away are the namespaces of callers, but for those of the manifests.
func (t *Test) away() []string {
	var all []string
	for _, c := range t.callers {
		if !slices.Contains(t.known(), c.Namespace) && !slices.Contains(all, c.Namespace) {
			all = append(all, c.Namespace)
		}
	}
	return all
}

// namespaceOf is one for callers alone.
func namespaceOf(name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion("v1")
	o.SetKind(namespaceKind)
	o.SetName(name)
	o.SetLabels(map[string]string{mesh.ManagedBy: mesh.Manager, "istio-injection": "enabled"})
	return o
}

// newSender makes a sender for sides, whose usual caller is in a namespace.
func newSender(sides []*Side, home string) *sender {
	s := &sender{sides: sides, home: home, callers: []addons.Caller{usual(home)}}
	s.callers = append(s.callers, s.workloads()...)
	return s
}
