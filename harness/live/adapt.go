package live

import (
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/fleet"
	"github.com/canarylab/canarylab/harness/mesh"
)

// borrowed tells whether the cluster is somebody else's: there the lab labels what it makes.
func (c Cluster) borrowed() bool { return len(c.Labels) > 0 }

// adapts tells whether adapt changes anything.
func (c Cluster) adapts() bool {
	renames := c.Reference != nil && c.Reference(agentImage) != agentImage
	return c.borrowed() || c.elsewhere() || c.Mesh.Injection != "" || renames
}

// elsewhere tells that istiod is not where the lab's own is.
func (c Cluster) elsewhere() bool { return c.Mesh.Namespace != "" && c.Mesh.XDS() != mesh.Own.XDS() }

// adaptFleet has simulated proxies find istiod. Of a flag that is given twice the last counts.
func (c Cluster) adaptFleet(container map[string]any) {
	if !c.elsewhere() {
		return
	}
	args, _ := container["args"].([]any)
	container["args"] = append(args, "-istiod="+c.Mesh.XDS())
}

// agentImage is the load agent's, as the manifests in harness/addons name it.
const agentImage = "canarylab/loadgen:dev"

// adapt makes an object of a scenario fit the cluster: it names images as the cluster knows them, and has a
// namespace ask for injection in the way that this Istio listens to. On a cluster of the lab's own it changes
// nothing.
func (c Cluster) adapt(o environment.Object) {
	if o.GetKind() == "Namespace" {
		c.Mesh.Inject(o)
		if c.borrowed() {
			labels := map[string]string{}
			maps.Copy(labels, o.GetLabels())
			maps.Copy(labels, c.Labels)
			o.SetLabels(labels)
		}
	}
	if c.Reference == nil && !c.borrowed() && !c.elsewhere() {
		return
	}
	for _, path := range [][]string{{"spec"}, {"spec", "template", "spec"}} {
		pod, found, err := unstructured.NestedMap(o.Object, path...)
		if err != nil || !found || pod["containers"] == nil {
			continue
		}
		for _, of := range []string{"containers", "initContainers"} {
			list, _ := pod[of].([]any)
			for _, item := range list {
				if container, ok := item.(map[string]any); ok {
					c.adaptContainer(container)
				}
			}
		}
		if c.borrowed() {
			restrictPod(pod)
		}
		// The path was just read, so that it can be written.
		_ = unstructured.SetNestedMap(o.Object, pod, path...)
	}
}

// adaptContainer names the image as the cluster knows it. On somebody else's cluster it does without what policies may
// forbid, and within bounds.
func (c Cluster) adaptContainer(container map[string]any) {
	image, _ := container["image"].(string)
	if c.borrowed() {
		if image == agentImage {
			// The agent does without the real-time class, which takes root and CAP_SYS_NICE.
			delete(container, "securityContext")
		}
		restrictContainer(container)
		bound(container)
	}
	if image == fleet.Image {
		c.adaptFleet(container)
	}
	if image != "" && c.Reference != nil {
		container["image"] = c.Reference(image)
	}
}
