package live

import (
	"context"
	"fmt"
	"time"

	networking "istio.io/api/networking/v1"
	istio "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
)

// webhookEvery is how often istiod's webhook is asked whether it answers.
const webhookEvery = 50 * time.Millisecond

// istiod implements environment.Istiod.
type istiod struct {
	k    *kube.Client
	mesh mesh.Installed
}

func (i istiod) Stop(ctx context.Context) error { return mesh.StopControlPlane(ctx, i.k, i.mesh) }

func (i istiod) Stopped(ctx context.Context) (bool, error) {
	return mesh.ControlPlaneStopped(ctx, i.k, i.mesh)
}

// Start returns when istiod's webhook answers too: until then the API server denies what is applied.
func (i istiod) Start(ctx context.Context) error {
	if err := mesh.StartControlPlane(ctx, i.k, i.mesh); err != nil {
		return err
	}
	var last error
	err := wait.PollUntilContextCancel(ctx, webhookEvery, true, func(ctx context.Context) (bool, error) {
		_, last = i.k.Istio().NetworkingV1().VirtualServices(i.mesh.Namespace).Create(ctx, probe(),
			metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("wait for istiod's webhook: %w; last seen: %w", err, last)
	}
	return nil
}

// probe is an object that Istio's webhook is asked about, and that is never stored.
func probe() *istio.VirtualService {
	const host = "probe.example.com"
	return &istio.VirtualService{
		ObjectMeta: metav1.ObjectMeta{Name: "canarylab-probe"},
		Spec: networking.VirtualService{
			Hosts: []string{host},
			Http: []*networking.HTTPRoute{{
				Route: []*networking.HTTPRouteDestination{{Destination: &networking.Destination{Host: host}}},
			}},
		},
	}
}
