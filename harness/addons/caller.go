package addons

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/mesh"
)

// A Caller is a pod that sends load as somebody's own workload would: with its labels and its service account, which
// are what routes and policies know it by.
type Caller struct {
	// Name is in kebab case, and unique among a site's.
	Name string
	// Namespace is one of the site's. Labels are those of the pod, and Account is its service account, empty for the
	// namespace's default one.
	Namespace string
	Labels    map[string]string `json:",omitzero"`
	Account   string            `json:",omitzero"`
}

// callerCPU is what a named caller asks for, in Kubernetes' notation. Six of them have to fit on a node of two cores,
// beside the pods that they call: a quarter of what the usual one asks for, which sends the most.
const callerCPU = "50m"

// caller returns the objects of a named caller: its Deployment, and its service account if it has one.
func (s Site) caller(name string) ([]environment.Object, error) {
	i := slices.IndexFunc(s.Callers, func(c Caller) bool { return c.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("a cohort is sent by caller %s, which the site does not have", name)
	}
	c := s.Callers[i]
	if !slices.Contains(s.Namespaces, c.Namespace) {
		return nil, fmt.Errorf("caller %s is in namespace %s, which the site does not have", name, c.Namespace)
	}
	all, err := read(c.Namespace, SidecarCaller+".yaml")
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if err := c.dress(o); err != nil {
			return nil, fmt.Errorf("caller %s: %w", name, err)
		}
	}
	if c.Account != "" && c.Account != "default" {
		account := &unstructured.Unstructured{}
		account.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "ServiceAccount"})
		account.SetNamespace(c.Namespace)
		account.SetName(c.Account)
		account.SetLabels(map[string]string{mesh.ManagedBy: mesh.Manager})
		all = append([]environment.Object{account}, all...)
	}
	return all, nil
}

// dress makes the usual caller's Deployment that of a named one.
func (c Caller) dress(o environment.Object) error {
	o.SetName(SidecarCaller + "-" + c.Name)
	labels := maps.Clone(c.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[CallerLabel] = c.Name
	ours := map[string]string{CallerLabel: c.Name}
	spec := []string{"spec", "template", "spec"}
	for _, f := range []func() error{
		func() error {
			return unstructured.SetNestedStringMap(o.Object, ours, "spec", "selector", "matchLabels")
		},
		func() error {
			return unstructured.SetNestedStringMap(o.Object, labels, "spec", "template", "metadata", "labels")
		},
		func() error {
			if c.Account == "" {
				return nil
			}
			return unstructured.SetNestedField(o.Object, c.Account, append(spec, "serviceAccountName")...)
		},
		func() error {
			containers, _, err := unstructured.NestedSlice(o.Object, append(spec, "containers")...)
			if err != nil || len(containers) != 1 {
				return fmt.Errorf("its manifest has %d containers, want 1: %w", len(containers), err)
			}
			container, ok := containers[0].(map[string]any)
			if !ok {
				return fmt.Errorf("its container is %T", containers[0])
			}
			if err := unstructured.SetNestedField(container, callerCPU, "resources", "requests", "cpu"); err != nil {
				return err
			}
			return unstructured.SetNestedSlice(o.Object, containers, append(spec, "containers")...)
		},
	} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}
