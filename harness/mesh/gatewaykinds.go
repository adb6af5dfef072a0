package mesh

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/canarylab/canarylab/harness/kube"
)

// GatewayAPIDefinitions reads the definitions of the Gateway API's kinds from the files of a pattern, and labels them
// as the lab's own. What else is in the files is left out.
func GatewayAPIDefinitions(pattern string) ([]*unstructured.Unstructured, error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	var all []*unstructured.Unstructured
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the definitions of the Gateway API: %w", err)
		}
		objects, err := kube.Objects(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, o := range objects {
			if o.GetKind() == "CustomResourceDefinition" {
				o.SetLabels(map[string]string{ManagedBy: Manager})
				all = append(all, o)
			}
		}
	}
	return all, nil
}

// AwaitGatewayClass waits until istiod has made its GatewayClass, by which it shows that it watches the Gateway API's
// kinds (istio.io/istio, pilot/pkg/config/kube/gatewaycommon: ClassController). An istiod that had the kinds before,
// and lost them, looks for them again less and less often, so that it may have to be begun anew.
func AwaitGatewayClass(ctx context.Context, k *kube.Client, within time.Duration) error {
	class := kube.Ref{Name: "istio", GroupVersionKind: schema.GroupVersionKind{
		Group: "gateway.networking.k8s.io", Version: "v1", Kind: "GatewayClass",
	}}
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, within, true,
		func(ctx context.Context) (bool, error) {
			got, err := k.Find(ctx, class)
			return got != nil, err
		})
	if err != nil {
		return fmt.Errorf("wait for istiod to make GatewayClass istio: %w", err)
	}
	return nil
}
