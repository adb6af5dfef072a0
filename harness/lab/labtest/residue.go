package labtest

import (
	"fmt"
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
)

// Residue is what one run could leave to the next: the namespaces; Istio's own workloads, configuration and
// objects in its namespace; and the webhooks. A line for each, without what changes by itself, such as the
// numbers of revisions.
func Residue(t testing.TB, k *kube.Client, m mesh.Installed) []string {
	t.Helper()
	all := Namespaces(t, k)
	apps := schema.GroupVersion{Group: "apps", Version: "v1"}
	for _, kind := range []schema.GroupVersionKind{
		apps.WithKind("Deployment"), {Version: "v1", Kind: "Service"}, {Version: "v1", Kind: "ConfigMap"},
		{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"},
		{Group: "networking.istio.io", Version: "v1", Kind: "DestinationRule"},
		{Group: "networking.istio.io", Version: "v1alpha3", Kind: "EnvoyFilter"},
		{Group: "security.istio.io", Version: "v1", Kind: "PeerAuthentication"},
	} {
		objects, err := k.List(t.Context(), kind, m.Namespace)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			// istiod renews the annotations of its election's ConfigMaps all the time.
			spec, _, _ := unstructured.NestedMap(o.Object, "spec")
			data, _, _ := unstructured.NestedMap(o.Object, "data")
			all = append(all, fmt.Sprintf("%s %s/%s %v %v", kind.Kind, o.GetNamespace(), o.GetName(), spec, data))
		}
	}
	webhooks, err := k.Kubernetes().AdmissionregistrationV1().ValidatingWebhookConfigurations().List(t.Context(),
		metav1.ListOptions{})
	if apierrors.IsForbidden(err) {
		// A borrower may not see them, and can't have changed them.
		webhooks, err = &admissionv1.ValidatingWebhookConfigurationList{}, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range webhooks.Items {
		for _, hook := range w.Webhooks {
			all = append(all, fmt.Sprintf("webhook %s/%s fails by %s", w.Name, hook.Name, *hook.FailurePolicy))
		}
	}
	slices.Sort(all)
	return all
}
