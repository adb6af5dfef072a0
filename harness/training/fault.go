package training

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness"
)

// misbehave gives the pods of a version the faults that a story injects into them while they run, as arguments: those a
// learner can see, and take out.
func misbehave(all []object, do harness.Inject) error {
	if do.Pods > 0 {
		return fmt.Errorf("a fault of some pods of a deployment is no object: %s", do)
	}
	found := false
	for _, o := range all {
		version, _, _ := unstructured.NestedString(o.Object, "spec", "template", "metadata", "labels", "version")
		if o.GetKind() != "Deployment" || version != do.Version {
			continue
		}
		containers, _, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
		if err != nil {
			return fmt.Errorf("deployment %s: %w", o.GetName(), err)
		}
		if len(containers) == 0 {
			return fmt.Errorf("deployment %s has no container", o.GetName())
		}
		app, ok := containers[0].(map[string]any)
		if !ok {
			return fmt.Errorf("deployment %s: a container is %T", o.GetName(), containers[0])
		}
		args, _ := app["args"].([]any)
		args = slices.Clone(args)
		for _, arg := range do.Faults.Args() {
			args = append(args, arg)
		}
		app["args"] = args
		err = unstructured.SetNestedSlice(o.Object, containers, "spec", "template", "spec", "containers")
		if err != nil {
			return err
		}
		found = true
	}
	if !found {
		return fmt.Errorf("no deployment has pods of version %s: %s", do.Version, do)
	}
	return nil
}
