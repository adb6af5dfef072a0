package standin

import (
	"fmt"
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A Caller is what routes and policies know a workload of the manifests by when it calls others.
type Caller struct {
	Namespace, Name string
	// Labels are those of its pods as they are written, and Account is their service account, "default" where they name
	// none.
	Labels  map[string]string
	Account string
	// Sidecar tells whether its pods get one.
	Sidecar bool
}

// DefaultAccount is the service account of pods that name none.
const DefaultAccount = "default"

// readCallers notes every workload as a caller, also those that no Service selects.
func (b *builder) readCallers() {
	for _, p := range b.pods {
		c := Caller{
			Namespace: p.Namespace, Name: p.Name, Labels: maps.Clone(p.labels), Account: p.account,
			Sidecar: b.injects(p),
		}
		if c.Account == "" {
			c.Account = DefaultAccount
		}
		b.plan.Callers = append(b.plan.Callers, c)
	}
}

// StandinLabel is a label that a stand-in's pods have, and a Service asks for, where a caller of the lab's has the
// labels that the Service selects by.
const StandinLabel = "canarylab.io/standin"

// Reserve makes room for a pod that calls and answers nobody: no Service takes it for one of its own, though it has the
// labels of the workload that it calls for. Where a Service selects such labels, it asks for StandinLabel too, and a
// note says so. why is not empty where that can't be done: a ServiceEntry selects the labels, and is applied as it is
// written.
func (p *Plan) Reserve(namespace string, labels map[string]string) (why string) {
	for _, e := range p.entries {
		if e.Namespace == namespace && matches(e.Selector, labels) {
			return fmt.Sprintf("the ServiceEntry of %s would take it for one of the pods that it selects", e.Name)
		}
	}
	for i, s := range p.Services {
		if s.Namespace != namespace || len(s.Selector) == 0 || !matches(s.Selector, labels) {
			continue
		}
		if set(p.services[i].Unstructured, "spec", "selector") {
			p.Notes = append(p.Notes, p.services[i].note(Changed, "Its selector asks for the label %s too: a caller "+
				"of the lab's has the labels of its pods, and answers nobody.", StandinLabel))
		}
	}
	for _, d := range p.deployments {
		if d.GetNamespace() == namespace {
			set(d.Unstructured, "spec", "template", "metadata", "labels")
		}
	}
	return ""
}

// set puts StandinLabel among some labels, and tells whether it was not there.
func set(o *unstructured.Unstructured, path ...string) bool {
	labels, _, _ := unstructured.NestedMap(o.Object, path...)
	if _, ok := labels[StandinLabel]; ok || labels == nil {
		return false
	}
	labels[StandinLabel] = "app"
	_ = unstructured.SetNestedMap(o.Object, labels, path...) // it was read from there
	return true
}

// Injects tells whether pods of a namespace get a sidecar.
func (p *Plan) Injects(namespace string) bool {
	for _, o := range p.namespaces {
		if o.GetName() == namespace {
			return o.GetLabels()[injectionLabel] != "disabled"
		}
	}
	return true
}
