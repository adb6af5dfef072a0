package mesh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarylab/canarylab/harness/kube"
)

// shownDifferences bounds an error.
const shownDifferences = 6

// A Watcher remembers what the proxies of one namespace had when it last looked, and keeps a
// connection to each of them open. Close it. One goroutine at a time may call Await.
type Watcher struct {
	k    *kube.Client
	mesh Installed
	ns   string
	// hosts are the namespaces whose hosts are compared, ns among them.
	hosts namespaces
	conns map[Proxy]*adminConn
	// scope says what is compared of the proxies' listeners. It covers the policies that the
	// namespace has, and those that an earlier Await saw.
	scope *scope
	// rejectionsRead is until when rejections have been looked at. Older ones are of an earlier change.
	rejectionsRead time.Time
}

// Synced says when a proxy became synced: when it had the configuration that was awaited.
type Synced struct {
	Proxy Proxy
	At    time.Time
	// Exact tells that At comes from the proxy itself, by its clock (Envoy's last_updated, in steps
	// of 1 ms). Otherwise At is when the proxy was seen to be synced, up to 50 ms late.
	Exact bool
}

// A Rejection says that a proxy did not accept a configuration that istiod sent it (a NACK in Envoy's protocol).
type Rejection struct {
	Proxy  Proxy
	Reason string
}

// Error implements error.
func (r *Rejection) Error() string {
	return fmt.Sprintf("proxy %s rejected the configuration: %s", r.Proxy, r.Reason)
}

// NewWatcher returns a Watcher for the proxies of namespace ns, sidecars and gateways. with are other namespaces whose
// hosts the proxies are to have too, by the objects of all of them.
func NewWatcher(k *kube.Client, m Installed, ns string, with ...string) *Watcher {
	return &Watcher{
		k: k, mesh: m, ns: ns, hosts: append(namespaces{ns}, with...), conns: map[Proxy]*adminConn{},
	}
}

// Close closes the connections.
func (w *Watcher) Close() {
	for _, c := range w.conns {
		c.client.CloseIdleConnections()
	}
	clear(w.conns)
}

// Await waits until every proxy of the namespace's ready pods is synced: until it has what the
// objects of the namespace call for. These are the routes of each service by its VirtualServices
// and HTTPRoutes, the clusters and traffic policies by its DestinationRules, and the endpoints by its Services,
// subsets and ready pods. Istio's own generator works out what that means for Envoy, so that
// nothing which Istio can say is overlooked. Of the listeners, Await compares what the
// EnvoyFilters, PeerAuthentications and AuthorizationPolicies of the namespace decide (see scope).
// When such a policy is gone, Await waits until its effect is gone too, if this Watcher saw the
// policy. Await ignores the objects of namespaces that the Watcher was not made with, apart from
// the mesh configuration and such policies of the root namespace. It does not compare what a
// PeerAuthentication means for callers, who leave TLS out towards a workload with mode DISABLE.
// Where the namespace has AccessLogFilter's EnvoyFilter, every proxy must have that too. Pods may
// come and go meanwhile: Await also waits for a pod that becomes ready, and no longer waits for one
// that leaves.
//
// Await calls synced once for each proxy, one call at a time, with the moment at which the proxy
// applied the newest part of its configuration. Some changes leave no trace in the proxy: those
// of endpoints, and removals. Then it is the moment at which the change was seen, if the change
// came after an earlier look of this Watcher. A moment before the change was written says that the
// proxy had it already when it was first asked.
//
// A proxy that rejects a configuration ends the wait with a *Rejection. When ctx ends, the error
// says which proxies still differ, and in what.
func (w *Watcher) Await(ctx context.Context, synced func(Synced)) error {
	a := &awaiting{
		watcher: w, generators: &generatorCache{k: w.k, mesh: w.mesh, ns: w.ns, all: w.hosts, scope: w.scope},
		since:    w.rejectionsRead,
		outcomes: make(chan outcome), returned: make(chan struct{}),
		stops: map[Proxy]context.CancelFunc{}, done: map[Proxy]bool{},
	}
	var err error
	a.logs, err = w.wantsLogs(ctx)
	if err == nil {
		a.generators.gatewayAPI, err = knowsGatewayAPI(w.k)
	}
	if err == nil && w.ns != w.mesh.Namespace {
		a.generators.root, err = loadPolicies(ctx, w.k, w.mesh.Namespace)
	}
	if err != nil {
		return fmt.Errorf("await the configuration of namespace %s: %w", w.ns, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		close(a.returned)
		cancel()
		a.running.Wait()
		w.rejectionsRead, w.scope = time.Now(), a.generators.scope
	}()
	relist := time.NewTicker(refreshEvery)
	defer relist.Stop()
	for listed := false; ; {
		all, err := Proxies(ctx, w.k, w.ns, "")
		switch {
		case err == nil:
			listed = true
			if a.follow(ctx, all); len(all) == 0 {
				err = errors.New("no ready pod has a proxy: is Istio's injection on?")
				return fmt.Errorf("await the configuration of namespace %s: %w", w.ns, err)
			}
		case !listed:
			return fmt.Errorf("await the configuration of namespace %s: %w", w.ns, err)
		}
		if ended, err := a.collect(ctx, relist.C, synced); ended {
			return err
		}
	}
}

// wantsLogs tells whether the namespace asks for its proxies' access logs.
func (w *Watcher) wantsLogs(ctx context.Context) (bool, error) {
	_, err := w.k.Istio().NetworkingV1alpha3().EnvoyFilters(w.ns).Get(ctx, accessLogName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// An awaiting is one call of Await, with a goroutine for each proxy.
type awaiting struct {
	watcher    *Watcher
	generators *generatorCache
	// logs tells that every proxy must have its access log configured. Rejections before since are
	// of an earlier change.
	logs  bool
	since time.Time

	// returned is closed when Await returns, after which nobody takes outcomes.
	outcomes chan outcome
	returned chan struct{}
	running  sync.WaitGroup
	// stops ends the wait for a proxy. done has the proxies whose outcome is known, failed the errors among those.
	stops  map[Proxy]context.CancelFunc
	done   map[Proxy]bool
	failed []error
}

// An outcome is how the wait for one proxy ended.
type outcome struct {
	synced Synced
	err    error
}

// follow starts to wait for the proxies that are new in all, and stops to wait for those that have left.
func (a *awaiting) follow(ctx context.Context, all []Proxy) {
	w := a.watcher
	for p, stop := range a.stops {
		if !slices.Contains(all, p) {
			stop()
			delete(a.stops, p)
			if c := w.conns[p]; c != nil {
				c.client.CloseIdleConnections()
				delete(w.conns, p)
			}
		}
	}
	for _, p := range all {
		if a.stops[p] != nil {
			continue
		}
		c := w.conns[p]
		if c == nil {
			c = &adminConn{client: w.k.PodHTTP(p.Namespace, p.Pod, adminPort)}
			w.conns[p] = c
		}
		one, stop := context.WithCancel(ctx)
		a.stops[p] = stop
		a.running.Go(func() {
			at, exact, err := c.await(one, a, p)
			if one.Err() != nil && ctx.Err() == nil {
				// The pod has left.
				return
			}
			select {
			case a.outcomes <- outcome{Synced{p, at, exact}, err}:
			case <-a.returned:
			}
		})
	}
}

// collect takes outcomes until it is time to list the proxies again. It has ended the whole wait
// when no proxy is left to wait for, or when one rejected its configuration. When ctx has ended, it
// only takes what is left.
func (a *awaiting) collect(ctx context.Context, relist <-chan time.Time, synced func(Synced)) (ended bool, err error) {
	for a.pending() {
		select {
		case o := <-a.outcomes:
			p := o.synced.Proxy
			if a.done[p] {
				continue
			}
			a.done[p] = true
			if o.err == nil {
				synced(o.synced)
				continue
			}
			err := fmt.Errorf("await the configuration of namespace %s on proxy %s: %w", a.watcher.ns, p, o.err)
			if r := (*Rejection)(nil); errors.As(err, &r) {
				return true, err
			}
			a.failed = append(a.failed, err)
		case <-relist:
			if ctx.Err() == nil {
				return false, nil
			}
		}
	}
	return true, errors.Join(a.failed...)
}

// pending tells whether a proxy is still waited for.
func (a *awaiting) pending() bool {
	for p := range a.stops {
		if !a.done[p] {
			return true
		}
	}
	return false
}

// listDifferences adds the first few differences to an error.
func listDifferences(diffs []string) string {
	if len(diffs) == 0 {
		return ""
	}
	more := ""
	if n := len(diffs) - shownDifferences; n > 0 {
		diffs, more = diffs[:shownDifferences], fmt.Sprintf("\n  and %d more differences", n)
	}
	return "; what was still different:\n  " + strings.Join(diffs, "\n  ") + more
}
