package mesh

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/canarylab/canarylab/harness/kube"
)

// A Proxy is one Envoy that Istio runs: a sidecar or a gateway.
type Proxy struct {
	Namespace, Pod string
}

// String is "namespace/pod".
func (p Proxy) String() string { return p.Namespace + "/" + p.Pod }

// Proxies returns the proxies of the ready pods of ns that selector matches, by pod name. It leaves
// out pods without a proxy.
func Proxies(ctx context.Context, k *kube.Client, ns, selector string) ([]Proxy, error) {
	pods, err := k.Pods(ctx, ns, selector)
	if err != nil {
		return nil, err
	}
	var proxies []Proxy
	for _, pod := range pods {
		if proxyContainer(&pod) != nil {
			proxies = append(proxies, Proxy{Namespace: ns, Pod: pod.Name})
		}
	}
	return proxies, nil
}

// proxyContainer returns a pod's proxy, nil if it has none. A native sidecar is among the init containers.
func proxyContainer(pod *corev1.Pod) *corev1.Container {
	for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range containers {
			if containers[i].Name == proxyName {
				return &containers[i]
			}
		}
	}
	return nil
}

// HasProxy tells whether a pod has one of Istio's proxies: a sidecar, or a gateway's.
func HasProxy(pod *corev1.Pod) bool { return proxyContainer(pod) != nil }

// isGateway tells whether a pod's proxy is a gateway. pilot-agent knows it by its arguments, "proxy router".
func isGateway(pod *corev1.Pod) bool {
	c := proxyContainer(pod)
	return c != nil && slices.Contains(c.Args, "router")
}

// ProxyVersion returns the version of a proxy's Envoy, such as "1.40.0".
func ProxyVersion(ctx context.Context, k *kube.Client, p Proxy) (string, error) {
	client := k.PodHTTP(p.Namespace, p.Pod, adminPort)
	defer client.CloseIdleConnections()
	b, err := admin(ctx, client, "/server_info")
	if err != nil {
		return "", fmt.Errorf("version of proxy %s: %w", p, err)
	}
	var info struct {
		// Version is commit/version/clean-or-modified/build type/TLS library.
		Version string `json:"version"`
	}
	if err := json.Unmarshal(b, &info); err != nil {
		return "", fmt.Errorf("version of proxy %s: %w", p, err)
	}
	parts := strings.Split(info.Version, "/")
	if len(parts) < 2 {
		return "", fmt.Errorf("version of proxy %s: got %q, want commit/version/…", p, info.Version)
	}
	return parts[1], nil
}
