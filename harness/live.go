package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/sampleapp"
)

// adminPort is the sample app's, entriesPort the collector's.
const adminPort, entriesPort = 8081, 9001

// newLab is the lab on a cluster with Istio. close ends the connections that it keeps.
func newLab(c Cluster) (l lab, close func()) {
	k := c.Kube
	if c.Mesh.Namespace == "" {
		c.Mesh = mesh.Own
	}
	pods := &liveApps{k: k, admin: map[string]*http.Client{}}
	proxies := liveProxies{k: k, mesh: c.Mesh, watchers: map[string]*mesh.Watcher{}}
	objects := liveObjects{k: k, adapt: c.adapt}
	l = lab{Objects: objects, Proxies: proxies, Apps: pods, Callers: liveCallers{k}, Witnesses: liveWitnesses{k, c.Mesh}}
	l.Metrics, l.Provide = liveMetrics{k}, c.Provide
	if !c.guest() {
		l.Istiod = liveIstiod{k, c.Mesh}
	}
	return l, func() {
		pods.close()
		proxies.close()
	}
}

type liveObjects struct {
	k *kube.Client
	// adapt makes an object fit the cluster before it is applied.
	adapt func(*unstructured.Unstructured)
}

func (l liveObjects) Owner(ctx context.Context, ns string) (string, bool, error) {
	got, err := l.k.Kubernetes().CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("look for namespace %s: %w", ns, err)
	}
	return got.Labels[ManagedBy], true, nil
}

func (l liveObjects) Apply(ctx context.Context, manifests []byte) error {
	all, err := kube.Objects(manifests)
	if err != nil {
		return err
	}
	for _, o := range all {
		l.adapt(o)
	}
	_, err = l.k.ApplyInOrder(ctx, all)
	return err
}

func (l liveObjects) Delete(ctx context.Context, manifests []byte) error {
	all, err := kube.Objects(manifests)
	if err != nil {
		return err
	}
	refs := make([]kube.Ref, len(all))
	for i, o := range all {
		refs[i] = kube.Ref{GroupVersionKind: o.GroupVersionKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
	}
	return l.k.Delete(ctx, refs...)
}

func (l liveObjects) Scale(ctx context.Context, ns, deployment string, replicas int32) error {
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	_, err := l.k.Kubernetes().AppsV1().Deployments(ns).Patch(ctx, deployment, types.MergePatchType, patch,
		metav1.PatchOptions{FieldManager: kube.FieldManager}, "scale")
	if err != nil {
		return fmt.Errorf("scale deployment %s/%s to %d: %w", ns, deployment, replicas, err)
	}
	return nil
}

func (l liveObjects) Undo(ctx context.Context, ns, deployment string) error {
	return l.k.Undo(ctx, ns, deployment)
}

func (l liveObjects) Restart(ctx context.Context, ns, deployment string) error {
	return l.k.Restart(ctx, ns, deployment)
}

func (l liveObjects) Ready(ctx context.Context, ns string) error { return l.k.WaitWorkloads(ctx, ns) }

// Remove takes 5 s at least: the namespace controller looks at a deleted namespace only after that long, so that other API
// servers learn of it (namespaceDeletionGracePeriod in k8s.io/kubernetes/pkg/controller/namespace).
func (l liveObjects) Remove(ctx context.Context, ns string) error {
	return l.k.DeleteNamespace(ctx, ns)
}

type liveProxies struct {
	k    *kube.Client
	mesh mesh.Installed
	// watchers remember what the proxies of a namespace held, by namespace: some changes can only be dated by that.
	watchers map[string]*mesh.Watcher
}

// close ends the connections to the proxies.
func (l liveProxies) close() {
	for _, w := range l.watchers {
		w.Close()
	}
}

// routers are the proxies that route the load: those of who sends it, and the gateway's.
func (l liveProxies) routers(ctx context.Context, ns string) ([]mesh.Proxy, error) {
	selector := fmt.Sprintf("app in (%s,%s)", insideClient, gateway)
	all, err := mesh.Proxies(ctx, l.k, ns, selector)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no ready pod with %s in namespace %s has a proxy: is Istio's injection on?", selector, ns)
	}
	return all, nil
}

func (l liveProxies) Await(ctx context.Context, ns string, held func(holding)) error {
	if l.watchers[ns] == nil {
		l.watchers[ns] = mesh.NewWatcher(l.k, l.mesh, ns)
	}
	err := l.watchers[ns].Await(ctx, func(h mesh.Synced) { held(holding{h.Proxy.Pod, h.At, h.Exact}) })
	if r := (*mesh.Rejection)(nil); errors.As(err, &r) {
		return refusal{r.Proxy.Pod, r.Reason}
	}
	return err
}

func (l liveProxies) Endpoints(ctx context.Context, ns, subset string) (map[string]hosts, error) {
	all, err := l.routers(ctx, ns)
	if err != nil {
		return nil, err
	}
	// Source of the form: BuildSubsetKey in istio.io/istio/pilot/pkg/model.
	name := fmt.Sprintf("outbound|%d|%s|%s.%s.svc.cluster.local", Port, subset, Service, ns)
	found := map[string]hosts{}
	for _, p := range all {
		list, known, err := mesh.Hosts(ctx, l.k, p, name)
		if err != nil {
			return nil, fmt.Errorf("clusters of proxy %s: %w", p, err)
		}
		if !known {
			continue
		}
		h := hosts{All: len(list)}
		for _, host := range list {
			if host.Ejected {
				h.Ejected++
			}
		}
		found[p.Pod] = h
	}
	return found, nil
}

func (l liveProxies) Version(ctx context.Context, ns string) (string, error) {
	all, err := l.routers(ctx, ns)
	if err != nil {
		return "", err
	}
	return mesh.ProxyVersion(ctx, l.k, all[0])
}

func (l liveProxies) Analyze(ctx context.Context, ns string) ([]finding, error) {
	messages, err := mesh.Analyze(ctx, l.k, l.mesh, ns)
	return findings(messages), err
}

func (l liveProxies) AnalyzeFiles(ctx context.Context, ns string, manifests []byte) ([]finding, error) {
	messages, err := mesh.AnalyzeFiles(ctx, [][]byte{manifests}, ns)
	return findings(messages), err
}

func findings(messages []mesh.Message) []finding {
	var all []finding
	for _, m := range messages {
		all = append(all, finding{Code: m.Code, Text: m.Resource + ": " + m.Text})
	}
	return all
}

type liveApps struct {
	k  *kube.Client
	mu sync.Mutex
	// admin has a client for each pod that was ever asked, by namespace and name: its connection is kept, because the
	// counters are read at moments that must not take long.
	admin map[string]*http.Client
}

func (l *liveApps) client(ns, pod string) *http.Client {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := ns + "/" + pod
	c, ok := l.admin[key]
	if !ok {
		c = l.k.PodHTTP(ns, pod, adminPort)
		l.admin[key] = c
	}
	return c
}

func (l *liveApps) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.admin {
		c.CloseIdleConnections()
	}
	clear(l.admin)
}

// each calls do for every ready pod of the app that selector also matches, or for the first n of them if n is not 0, side by side, in the
// order of their names.
func each[T any](ctx context.Context, l *liveApps, ns, selector string, n int, do func(context.Context, *http.Client) (T, error)) ([]T, error) {
	pods, err := l.k.Pods(ctx, ns, strings.Trim("app="+Service+","+selector, ","))
	if err != nil {
		return nil, err
	}
	if n > 0 && n < len(pods) {
		pods = pods[:n]
	}
	out := make([]T, len(pods))
	g, ctx := errgroup.WithContext(ctx)
	for i, pod := range pods {
		g.Go(func() (err error) {
			if out[i], err = do(ctx, l.client(ns, pod.Name)); err != nil {
				err = fmt.Errorf("admin port of pod %s/%s: %w", ns, pod.Name, err)
			}
			return err
		})
	}
	return out, g.Wait()
}

func (l *liveApps) Counters(ctx context.Context, ns string) ([]sampleapp.Counters, error) {
	return each(ctx, l, ns, "", 0, func(ctx context.Context, c *http.Client) (sampleapp.Counters, error) {
		var got sampleapp.Counters
		return got, call(ctx, c, http.MethodGet, "/counters", nil, &got)
	})
}

func (l *liveApps) Inject(ctx context.Context, ns, version string, n int, f sampleapp.Faults) error {
	body, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("inject into %s: %w", version, err)
	}
	got, err := each(ctx, l, ns, "version="+version, n, func(ctx context.Context, c *http.Client) (sampleapp.Faults, error) {
		if err := call(ctx, c, http.MethodPut, "/faults", body, nil); err != nil {
			return sampleapp.Faults{}, err
		}
		var now sampleapp.Faults
		return now, call(ctx, c, http.MethodGet, "/faults", nil, &now)
	})
	if err != nil {
		return fmt.Errorf("inject into %s: %w", version, err)
	}
	if len(got) == 0 || len(got) < n {
		return fmt.Errorf("inject into %s: it has %s ready in namespace %s, want %d", version, count(len(got), "pod"), ns, max(n, 1))
	}
	for _, now := range got {
		if b, err := json.Marshal(now); err != nil || !bytes.Equal(b, body) {
			return fmt.Errorf("inject into %s: asked for %s, a pod has %s", version, body, b)
		}
	}
	return nil
}

func (l *liveApps) CountPods(ctx context.Context, ns, version string) (podCount, error) {
	list, err := l.k.Kubernetes().CoreV1().Pods(ns).List(ctx, metav1.ListOptions{LabelSelector: "app=" + Service + ",version=" + version})
	if err != nil {
		return podCount{}, fmt.Errorf("list the pods of %s in namespace %s: %w", version, ns, err)
	}
	n := podCount{All: len(list.Items)}
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

type liveCallers struct{ k *kube.Client }

// startLead is how long before the common start of several agents their plans are sent: the way to a pod takes a fraction of it.
const startLead = 2 * time.Second

// clockRounds is how often an agent is asked for the time. The quickest answer counts.
const clockRounds = 10

func (l liveCallers) Attack(ctx context.Context, ns string, entry loadgen.Entry, plan loadgen.Plan, stop <-chan struct{}, h loadgen.Handler) ([]*loadgen.End, error) {
	app := plainClient
	if entry == loadgen.Sidecar {
		app = insideClient
	}
	pods, err := l.k.Pods(ctx, ns, "app="+app)
	if err != nil {
		return nil, err
	}
	agents := max(plan.Agents, 1)
	if len(pods) != agents {
		return nil, fmt.Errorf("want %d ready pods %s in namespace %s, got %d", agents, app, ns, len(pods))
	}
	clocks := make([]loadgen.Clock, agents)
	measuring, measured := errgroup.WithContext(ctx)
	for i, pod := range pods {
		measuring.Go(func() (err error) {
			clocks[i], err = l.clock(measured, ns, pod.Name)
			return err
		})
	}
	if err := measuring.Wait(); err != nil {
		return nil, err
	}
	start := time.Now().Add(startLead).Round(0)
	ends := make([]*loadgen.End, agents)
	err = sideBySide(ctx, stop, agents, func(ctx context.Context, i int, stop <-chan struct{}) (err error) {
		mine := plan
		if agents > 1 {
			mine.Agent, mine.Start = i, start.Add(-clocks[i].Offset)
		}
		ends[i], err = l.attack(ctx, ns, pods[i].Name, mine, stop, toldBy(pods[i].Name, clocks[i], h))
		return err
	})
	return ends, err
}

// toldBy hands on what the agent in a pod says, with its times on this process's clock. The agent knows its host's name, which is not the
// pod's in an Indexed Job.
func toldBy(pod string, clock loadgen.Clock, h loadgen.Handler) loadgen.Handler {
	out := h
	if h.Begin != nil {
		out.Begin = func(b loadgen.Begin) {
			b.Pod, b.Clock, b.Start = pod, clock, b.Start.Add(clock.Offset)
			h.Begin(b)
		}
	}
	if h.Samples != nil {
		out.Samples = func(all []loadgen.Sample) {
			clock.Shift(all)
			h.Samples(all)
		}
	}
	if h.Health != nil {
		out.Health = func(e loadgen.Health) {
			e.Pod, e.At = pod, e.At.Add(clock.Offset)
			if !e.StallAt.IsZero() {
				e.StallAt = e.StallAt.Add(clock.Offset)
			}
			h.Health(e)
		}
	}
	return out
}

// clock measures how the clock of an agent's pod stands to this process's.
func (l liveCallers) clock(ctx context.Context, ns, pod string) (loadgen.Clock, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in, questions := io.Pipe()
	answers, out := io.Pipe()
	exec := make(chan error, 1)
	var stderr tail
	go func() {
		err := l.k.Exec(ctx, ns, pod, clientContainer, []string{"/loadgen", "clock"}, in, out, &stderr)
		_ = out.CloseWithError(cmpErr(err, io.EOF))
		_ = in.CloseWithError(cmpErr(err, io.ErrClosedPipe))
		exec <- err
	}()
	clock, err := loadgen.MeasureClock(answers, questions, clockRounds)
	_ = questions.Close()
	if err != nil {
		cancel()
	}
	if execErr := <-exec; err == nil {
		err = execErr
	}
	if err != nil {
		return loadgen.Clock{}, fmt.Errorf("measure the clock of pod %s/%s: %w%s", ns, pod, err, stderr.text())
	}
	return clock, nil
}

// attack sends from one pod.
func (l liveCallers) attack(ctx context.Context, ns, pod string, plan loadgen.Plan, stop <-chan struct{}, h loadgen.Handler) (*loadgen.End, error) {
	line, err := json.Marshal(plan)
	if err != nil {
		return nil, fmt.Errorf("load plan: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	in, toAgent := io.Pipe()
	fromAgent, out := io.Pipe()
	var stderr tail
	exec := make(chan error, 1)
	go func() {
		err := l.k.Exec(ctx, ns, pod, clientContainer, []string{"/loadgen", "attack"}, in, out, &stderr)
		// Whoever reads or writes on learns that nobody is there any more.
		_ = out.CloseWithError(cmpErr(err, io.EOF))
		_ = in.CloseWithError(cmpErr(err, io.ErrClosedPipe))
		exec <- err
	}()
	ended := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		if _, err := toAgent.Write(append(line, '\n')); err != nil {
			return
		}
		select {
		case <-stop:
			// An agent that is gone has ended by itself, and said why.
			_, _ = io.WriteString(toAgent, loadgen.StopLine)
		case <-ended:
		}
	})
	end, err := loadgen.Decode(fromAgent, h)
	if err != nil {
		// Without its reader the agent ends.
		cancel()
		_ = fromAgent.CloseWithError(err)
	}
	close(ended)
	_ = toAgent.Close()
	writing.Wait()
	execErr := <-exec
	if err != nil || execErr != nil {
		return end, fmt.Errorf("load from pod %s/%s: %w%s", ns, pod, errors.Join(err, execErr), stderr.text())
	}
	return end, nil
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

// tailSize is some ten lines.
const tailSize = 1 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if over := len(t.b) - tailSize; over > 0 {
		t.b = slices.Delete(t.b, 0, over)
	}
	return len(b), nil
}

// text is for the end of an error message.
func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(bytes.TrimSpace(t.b)) == 0 {
		return ""
	}
	return "; the agent says: " + string(bytes.TrimSpace(t.b))
}
