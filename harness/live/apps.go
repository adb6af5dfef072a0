package live

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/sampleapp"
)

// apps implements environment.Apps.
type apps struct {
	k *kube.Client
	// all returns the namespaces that belong to that of the callers.
	all func(ns string) []string
	mu  sync.Mutex
	// admin has a client for each pod that was ever asked, by namespace and name. Its connection is kept, because the
	// counters are read at moments that must not take long.
	admin map[string]*http.Client
}

func (a *apps) client(pod *corev1.Pod) *http.Client {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := pod.Namespace + "/" + pod.Name
	if a.admin[key] == nil {
		a.admin[key] = a.k.PodHTTP(pod.Namespace, pod.Name, adminPort(pod))
	}
	return a.admin[key]
}

// isApp tells whether a pod is one of the sample app's.
func isApp(pod *corev1.Pod) bool {
	return pod.Labels["app"] == environment.Service || pod.Labels[environment.WorkloadLabel] != ""
}

// adminPort is the one of an app's pod: where Kubernetes asks whether it is ready, or else the usual one.
func adminPort(pod *corev1.Pod) int {
	for _, c := range pod.Spec.Containers {
		if p := c.ReadinessProbe; p != nil && p.HTTPGet != nil && p.HTTPGet.Path == "/readyz" {
			if port := p.HTTPGet.Port.IntValue(); port > 0 {
				return port
			}
		}
	}
	return environment.AdminPort
}

func (a *apps) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.admin {
		c.CloseIdleConnections()
	}
	clear(a.admin)
}

func (a *apps) Counters(ctx context.Context, ns string) ([]sampleapp.Counters, error) {
	return each(ctx, a, ns, "", 0, func(ctx context.Context, c *http.Client) (got sampleapp.Counters, err error) {
		err = call(ctx, c, http.MethodGet, "/counters", nil, &got)
		return got, err
	})
}

func (a *apps) Inject(ctx context.Context, ns, version string, n int, f sampleapp.Faults) error {
	body, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("inject into %s: %w", version, err)
	}
	set := func(ctx context.Context, c *http.Client) (now sampleapp.Faults, err error) {
		if err := call(ctx, c, http.MethodPut, "/faults", body, nil); err != nil {
			return now, err
		}
		err = call(ctx, c, http.MethodGet, "/faults", nil, &now)
		return now, err
	}
	got, err := each(ctx, a, ns, "version="+version, n, set)
	if err != nil {
		return fmt.Errorf("inject into %s: %w", version, err)
	}
	if want := max(n, 1); len(got) < want {
		return fmt.Errorf("inject into %s: want %d or more pods ready in namespace %s, got %d",
			version, want, ns, len(got))
	}
	for _, now := range got {
		if b, err := json.Marshal(now); err != nil || !bytes.Equal(b, body) {
			return fmt.Errorf("inject into %s: asked for %s, a pod has %s", version, body, b)
		}
	}
	return nil
}

func (a *apps) CountPods(ctx context.Context, ns, version string) (environment.PodCount, error) {
	selector := "app=" + environment.Service + ",version=" + version
	list, err := a.k.Kubernetes().CoreV1().Pods(ns).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return environment.PodCount{}, fmt.Errorf("list the pods of %s in namespace %s: %w", version, ns, err)
	}
	n := environment.PodCount{All: len(list.Items)}
	for _, p := range list.Items {
		if !kube.PodReady(&p) {
			continue
		}
		n.Ready++
		if mesh.HasProxy(&p) {
			n.Sidecars++
		}
	}
	return n, nil
}

// each calls do, side by side, for every ready pod of the app that selector also matches. If n is not 0, it
// does so only for the first n of them by name. The results are in the order of the pods' names.
func each[T any](ctx context.Context, a *apps, ns, selector string, n int,
	do func(context.Context, *http.Client) (T, error)) ([]T, error) {
	var pods []corev1.Pod
	for _, one := range a.all(ns) {
		ready, err := a.k.Pods(ctx, one, selector)
		if err != nil {
			return nil, err
		}
		pods = append(pods, slices.DeleteFunc(ready, func(p corev1.Pod) bool { return !isApp(&p) })...)
	}
	if n > 0 && n < len(pods) {
		pods = pods[:n]
	}
	out := make([]T, len(pods))
	g, ctx := errgroup.WithContext(ctx)
	for i, pod := range pods {
		g.Go(func() (err error) {
			if out[i], err = do(ctx, a.client(&pod)); err != nil {
				err = fmt.Errorf("admin port of pod %s/%s: %w", pod.Namespace, pod.Name, err)
			}
			return err
		})
	}
	return out, g.Wait()
}

// call does one request of a JSON API. A nil body sends none, a nil into reads none.
func call(ctx context.Context, c *http.Client, method, path string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %.200s", method, path, resp.Status, bytes.TrimSpace(b))
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}
