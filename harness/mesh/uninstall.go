package mesh

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apilabels "k8s.io/apimachinery/pkg/labels"

	"github.com/canarylab/canarylab/harness/kube"
)

// Uninstall removes the cluster-wide objects of an Istio that was installed with Options.Labels.
// Objects in namespaces go with these. Objects without the labels belong to somebody else and stay,
// whatever their names are.
func Uninstall(ctx context.Context, k *kube.Client, labels map[string]string) error {
	if len(labels) == 0 {
		return errors.New("uninstall Istio: no labels to tell the lab's objects by")
	}
	m, err := Render(Options{Gateway: true})
	if err != nil {
		return err
	}
	var mine []kube.Ref
	for _, all := range [][]*unstructured.Unstructured{m.Core, m.Gateway} {
		for _, o := range all {
			if o.GetNamespace() != "" {
				continue
			}
			ref := kube.Ref{GroupVersionKind: o.GroupVersionKind(), Name: o.GetName()}
			got, found, err := k.Labels(ctx, ref)
			if err != nil {
				return err
			}
			if found && apilabels.SelectorFromSet(labels).Matches(apilabels.Set(got)) {
				mine = append(mine, ref)
			}
		}
	}
	return k.Delete(ctx, mine...)
}
