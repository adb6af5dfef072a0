package mesh

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

// withRoute is the namespace with an HTTPRoute of the mesh and the gateway in the place of the VirtualService.
func withRoute(t *testing.T, weight string) objects {
	t.Helper()
	o := cluster95()
	o.configs = nil
	for name, selector := range map[string]map[string]string{
		"canary": {"app": "my-service", "version": "v2"}, "ingress": {"app": "ingress"},
	} {
		o.services = append(o.services, corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "km"},
			Spec: corev1.ServiceSpec{
				ClusterIP: "10.96.120.140", Selector: selector,
				Ports: []corev1.ServicePort{{
					Name: "http", Port: 80, TargetPort: intstr.FromInt32(8080), Protocol: corev1.ProtocolTCP,
				}},
			},
		})
	}
	gateway := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "ingress", Namespace: "km", Labels: map[string]string{
		"app": "ingress"}}}
	gateway.Spec.Containers = []corev1.Container{{Name: proxyName, Args: []string{"proxy", "router"}}}
	gateway.Status.PodIP, gateway.Status.PodIPs = "10.0.0.9", []corev1.PodIP{{IP: "10.0.0.9"}}
	o.pods = append(o.pods, gateway)
	route := &gatewayv1.HTTPRoute{}
	read(t, route, `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: split, namespace: km, generation: 1, resourceVersion: "`+weight+`"}
spec:
  parentRefs:
  - {group: "", kind: Service, name: my-service, port: 80}
  - {name: edge}
  rules:
  - matches: [{path: {type: PathPrefix, value: /}}]
    backendRefs:
    - {group: "", kind: Service, name: my-service, port: 80, weight: 90}
    - {group: "", kind: Service, name: canary, port: 80, weight: `+weight+`}
`)
	edge := &gatewayv1.Gateway{}
	read(t, edge, `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: km, generation: 1}
spec:
  gatewayClassName: istio
  addresses: [{type: Hostname, value: ingress.km.svc.cluster.local}]
  listeners: [{name: http, port: 80, protocol: HTTP}]
`)
	o.kube = append(o.kube, route, edge)
	return o
}

func read(t *testing.T, into any, text string) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// What a proxy should have follows from an HTTPRoute: Istio's own controller says what of it, for sidecars where its
// parent is a Service, and for the gateway where that is its parent's address.
func TestHTTPRoutesAreAwaited(t *testing.T) {
	var made kubeConfigs
	routes := func(weight string, p Proxy, host string) string {
		o := withRoute(t, weight)
		more, err := made.made(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		o.configs = append(o.configs, more...)
		g, err := newGenerator(context.Background(), o, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, err := g.expect(p, namespaces{"km"})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(want.routes[host], "\n")
	}
	for p, host := range map[Proxy]string{
		client: "my-service.km.svc.cluster.local:80", {Namespace: "km", Pod: "ingress"}: "*:80",
	} {
		got := routes("10", p, host)
		for _, host := range []string{"canary", "my-service"} {
			if want := "outbound|80||" + host + ".km.svc.cluster.local"; !strings.Contains(got, want) {
				t.Errorf("%s: got routes %s, want one to %s", p, got, want)
			}
		}
		if other := routes("30", p, host); other == got {
			t.Errorf("%s: got the same routes with another weight: %s", p, got)
		}
	}
}

// Whoever gives up is not kept waiting for a conversion.
func TestConversionEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := convert(ctx, withRoute(t, "10")); err == nil {
		t.Error("got no error though the context had ended")
	}
}
