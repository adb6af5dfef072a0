package harness

import "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

// guest tells whether the cluster is somebody else's: there the lab labels what it makes.
func (c Cluster) guest() bool { return len(c.Labels) > 0 }

// adapts tells whether adapt changes anything.
func (c Cluster) adapts() bool {
	const ours = "canarylab/loadgen:dev" // in harness/manifests
	return c.guest() || c.Mesh.Injection != "" || c.Reference != nil && c.Reference(ours) != ours
}

// adapt makes an object of a scenario fit the cluster: its images are named as the cluster knows them, and a namespace asks for
// injection in the way that this Istio listens to. On a cluster of the lab's own it changes nothing.
func (c Cluster) adapt(o *unstructured.Unstructured) {
	if o.GetKind() == "Namespace" {
		c.Mesh.Inject(o)
		labels := o.GetLabels()
		for name, value := range c.Labels {
			if labels == nil {
				labels = map[string]string{}
			}
			labels[name] = value
		}
		o.SetLabels(labels)
	}
	if c.Reference == nil {
		return
	}
	for _, pod := range [][]string{{"spec"}, {"spec", "template", "spec"}} {
		for _, containers := range []string{"containers", "initContainers"} {
			at := append(append([]string(nil), pod...), containers)
			list, found, err := unstructured.NestedSlice(o.Object, at...)
			if err != nil || !found {
				continue
			}
			for _, item := range list {
				if container, ok := item.(map[string]any); ok {
					if image, ok := container["image"].(string); ok {
						container["image"] = c.Reference(image)
					}
				}
			}
			// The path was just read, so that it can be written.
			_ = unstructured.SetNestedSlice(o.Object, list, at...)
		}
	}
}
