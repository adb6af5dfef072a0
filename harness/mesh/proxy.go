package mesh

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/canarylab/canarylab/harness/kube"
)

// adminPort is where Envoy's admin interface listens, on localhost inside the pod.
const adminPort = 15000

// A Proxy is one Envoy that Istio runs: a sidecar or a gateway.
type Proxy struct {
	Namespace, Pod string
}

// String is "namespace/pod".
func (p Proxy) String() string { return p.Namespace + "/" + p.Pod }

// Proxies returns the proxies of the ready pods of ns that selector matches, by pod name. Pods without a proxy are left
// out.
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

// isGateway tells whether a pod's proxy is a gateway: pilot-agent is told by its arguments, "proxy router".
func isGateway(pod *corev1.Pod) bool {
	c := proxyContainer(pod)
	return c != nil && slices.Contains(c.Args, "router")
}

// ProxyVersion is the version of a proxy's Envoy, such as "1.40.0".
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

// admin asks Envoy's admin interface.
func admin(ctx context.Context, client *http.Client, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s: %.200s", path, resp.Status, body)
	}
	return body, nil
}

// HasProxy tells whether a pod has a proxy of Istio's: a sidecar, or the one of a gateway.
func HasProxy(pod *corev1.Pod) bool { return proxyContainer(pod) != nil }
