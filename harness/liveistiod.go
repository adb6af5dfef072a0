package harness

import (
	"context"
	"fmt"

	networking "istio.io/api/networking/v1"
	istio "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
)

type liveIstiod struct {
	k    *kube.Client
	mesh mesh.Installed
}

func (l liveIstiod) Stop(ctx context.Context) error { return mesh.StopControlPlane(ctx, l.k, l.mesh) }

func (l liveIstiod) Stopped(ctx context.Context) (bool, error) {
	return mesh.ControlPlaneStopped(ctx, l.k, l.mesh)
}

// Start returns when istiod's webhook answers too: what is applied before is refused.
func (l liveIstiod) Start(ctx context.Context) error {
	if err := mesh.StartControlPlane(ctx, l.k, l.mesh); err != nil {
		return err
	}
	var last error
	err := wait.PollUntilContextCancel(ctx, pollEvery, true, func(ctx context.Context) (bool, error) {
		_, last = l.k.Istio().NetworkingV1().VirtualServices(l.mesh.Namespace).Create(ctx, probe(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("wait for istiod's webhook: %w; last seen: %w", err, last)
	}
	return nil
}

// probe is an object that Istio's webhook is asked about, and that is never stored.
func probe() *istio.VirtualService {
	return &istio.VirtualService{
		ObjectMeta: metav1.ObjectMeta{Name: "canarylab-probe"},
		Spec: networking.VirtualService{
			Hosts: []string{"probe.example.com"},
			Http:  []*networking.HTTPRoute{{Route: []*networking.HTTPRouteDestination{{Destination: &networking.Destination{Host: "probe.example.com"}}}}},
		},
	}
}
