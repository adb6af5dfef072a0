package mesh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"istio.io/istio/pkg/config"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/canarylab/canarylab/harness/kube"
)

const (
	// look is how often a proxy is asked what it holds: a phase begins that much after the fact at most.
	look = 50 * time.Millisecond
	// refresh is how often the objects are read again while a proxy differs: pods come and go by themselves.
	refresh = 250 * time.Millisecond
	// shownDifferences bounds an error.
	shownDifferences = 6
)

// A Watcher knows what the proxies of one namespace held when it last looked, and keeps a connection to each of them
// open. Close it. Await may be called by one goroutine at a time.
type Watcher struct {
	k     *kube.Client
	mesh  Installed
	ns    string
	lines map[Proxy]*line
	// scope is what is compared of the proxies' listeners: what is decided by policies that the namespace has, or had when it was
	// looked at before.
	scope *scope
	// judged is until when rejections have been looked at: older ones are of an earlier change.
	judged time.Time
}

// A line is the connection to one proxy's admin interface.
type line struct {
	client *http.Client
	// looked tells whether last is anything.
	looked bool
	last   holding
	// logs tells that the proxy was seen to have its access log configured.
	logs bool
}

// Held says when a proxy came to hold what was awaited.
type Held struct {
	Proxy Proxy
	At    time.Time
	// Exact tells that At is the proxy's own word, by its clock (Envoy's last_updated, 1 ms steps). Otherwise the proxy was
	// seen to hold it at At, up to 50 ms late.
	Exact bool
}

// A Refusal is a proxy's that would not take a configuration which it was sent (a NACK, in Envoy's protocol).
type Refusal struct {
	Proxy  Proxy
	Reason string
}

// Error implements error.
func (r *Refusal) Error() string { return fmt.Sprintf("proxy %s refused it: %s", r.Proxy, r.Reason) }

// NewWatcher returns a Watcher for the proxies of namespace ns: sidecars and gateways.
func NewWatcher(k *kube.Client, m Installed, ns string) *Watcher {
	return &Watcher{k: k, mesh: m, ns: ns, lines: map[Proxy]*line{}}
}

// Close closes the connections.
func (w *Watcher) Close() {
	for _, l := range w.lines {
		l.client.CloseIdleConnections()
	}
	clear(w.lines)
}

// Await waits until every proxy of the namespace's ready pods holds what the objects of the namespace call for: the routes of
// each of its services by its VirtualServices, the clusters and traffic policies by its DestinationRules, the endpoints by
// its Services, subsets and ready pods. What that means for Envoy is worked out by Istio's own generator, so that nothing
// which Istio can say is overlooked. Of the listeners it is compared what the EnvoyFilters, PeerAuthentications and
// AuthorizationPolicies of the namespace decide, as scope has it, and that what they decided is gone when they are, as long as this
// Watcher saw them. Objects of other namespaces are not taken into account, apart from the mesh configuration and such policies
// of the root namespace. What a PeerAuthentication means for callers (those of a workload with mode DISABLE leave TLS out) is not
// compared. Where the namespace has AccessLogFilter's EnvoyFilter, every proxy has to have that too. Pods may come and go
// meanwhile: one that gets ready is waited for as well, one that leaves no longer is.
//
// held is called once for each proxy, one call at a time, with the moment at which the proxy took over the newest part of
// what it holds. Some changes leave no trace in the proxy: those of endpoints, and things that go away. Then it is the
// moment at which the change was seen, as long as the change came after an earlier look of this Watcher. A moment before the
// change was written says that the proxy held it already when it was first asked.
//
// A proxy that rejects a configuration ends the wait with a *Refusal. On ctx end the error says which proxies still differ,
// and in what.
func (w *Watcher) Await(ctx context.Context, held func(Held)) error {
	source := &source{k: w.k, mesh: w.mesh, ns: w.ns, scope: w.scope}
	logs, err := w.logs(ctx)
	if err == nil && w.ns != w.mesh.Namespace {
		source.root, err = loadPolicies(ctx, w.k, w.mesh.Namespace)
	}
	if err != nil {
		return fmt.Errorf("await the configuration of namespace %s: %w", w.ns, err)
	}
	since := w.judged
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	returned := make(chan struct{})
	defer func() {
		close(returned)
		cancel()
		wg.Wait()
		w.judged, w.scope = time.Now(), source.scope
	}()

	type outcome struct {
		held Held
		err  error
	}
	outcomes := make(chan outcome)
	waits := map[Proxy]context.CancelFunc{}
	done := map[Proxy]bool{}
	var failed []error
	relist := time.NewTicker(refresh)
	defer relist.Stop()
	for listed := false; ; {
		all, err := Proxies(ctx, w.k, w.ns, "")
		switch {
		case err == nil:
			listed = true
			for p, stop := range waits {
				if !slices.Contains(all, p) {
					stop()
					delete(waits, p)
					if l := w.lines[p]; l != nil {
						l.client.CloseIdleConnections()
						delete(w.lines, p)
					}
				}
			}
			for _, p := range all {
				if waits[p] != nil {
					continue
				}
				l := w.lines[p]
				if l == nil {
					l = &line{client: w.k.PodHTTP(p.Namespace, p.Pod, adminPort)}
					w.lines[p] = l
				}
				one, stop := context.WithCancel(ctx)
				waits[p] = stop
				wg.Go(func() {
					at, exact, err := l.await(one, source, p, w.ns, logs, since)
					if one.Err() != nil && ctx.Err() == nil {
						// The pod has left.
						return
					}
					select {
					case outcomes <- outcome{Held{p, at, exact}, err}:
					case <-returned:
					}
				})
			}
			if len(all) == 0 {
				return fmt.Errorf("await the configuration of namespace %s: no ready pod has a proxy: is Istio's injection on?", w.ns)
			}
		case ctx.Err() == nil && !listed:
			return fmt.Errorf("await the configuration of namespace %s: %w", w.ns, err)
		}

		for again := true; again; {
			pending := 0
			for p := range waits {
				if !done[p] {
					pending++
				}
			}
			if pending == 0 {
				return errors.Join(failed...)
			}
			select {
			case o := <-outcomes:
				if done[o.held.Proxy] {
					continue
				}
				if done[o.held.Proxy] = true; o.err == nil {
					held(o.held)
					continue
				}
				err := fmt.Errorf("await the configuration of namespace %s on proxy %s: %w", w.ns, o.held.Proxy, o.err)
				if r := (*Refusal)(nil); errors.As(err, &r) {
					return err
				}
				failed = append(failed, err)
			case <-relist.C:
				again = ctx.Err() != nil
			}
		}
	}
}

// logs tells whether the namespace wants its proxies' access logs.
func (w *Watcher) logs(ctx context.Context) (bool, error) {
	_, err := w.k.Istio().NetworkingV1alpha3().EnvoyFilters(w.ns).Get(ctx, AccessLogName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// await waits for one proxy.
func (l *line) await(ctx context.Context, source *source, p Proxy, ns string, logs bool, since time.Time) (at time.Time, exact bool, err error) {
	var (
		want  expectation
		of    *generator
		diffs []string
	)
	err = wait.PollUntilContextCancel(ctx, look, true, func(ctx context.Context) (bool, error) {
		g, err := source.current(ctx)
		if err != nil {
			return false, err
		}
		if g != of {
			if want, err = g.expect(p, ns); err != nil {
				return false, err
			}
			of = g
		}
		got, err := ask(ctx, l.client, want, ns)
		if err == nil && logs && !l.logs {
			l.logs, err = hasLog(ctx, l.client)
		}
		if err != nil {
			// The API server or the pod may be restarting, on purpose. At the end of ctx, what was seen before says more.
			if ctx.Err() == nil {
				diffs = []string{err.Error()}
			}
			return false, nil
		}
		at, exact = l.changed(got, time.Now())
		if diffs = difference(want.state, got.state); len(diffs) > 0 && got.refusedAt.After(since) {
			return false, &Refusal{p, got.refused}
		}
		if logs && !l.logs {
			diffs = append(diffs, "no listener has the access log "+AccessLogName)
		}
		return len(diffs) == 0, nil
	})
	if err != nil {
		return time.Time{}, false, fmt.Errorf("%w%s", err, shown(diffs))
	}
	return at, exact, nil
}

// hasLog tells whether a proxy's listeners have one of AccessLogFilter's loggers. A gateway without a listener has nothing
// to log.
func hasLog(ctx context.Context, client *http.Client) (bool, error) {
	b, err := admin(ctx, client, "/config_dump?"+url.Values{"resource": {"dynamic_listeners"}}.Encode())
	if err != nil {
		return false, err
	}
	listens := bytes.Contains(b, []byte("http_connection_manager"))
	return !listens || bytes.Contains(b, []byte(ClientLog)) && bytes.Contains(b, []byte(ServerLog)) || bytes.Contains(b, []byte(GatewayLog)), nil
}

// changed takes in what was seen at now and returns when the proxy came to hold it, and whether that is its own word.
func (l *line) changed(got holding, now time.Time) (at time.Time, exact bool) {
	silent := l.looked && !got.updated.After(l.last.updated) && !got.equal(l.last.state)
	if silent {
		// The change left no trace in last_updated.
		got.updated, got.seen = now, true
	} else if l.looked && l.last.updated.After(got.updated) {
		// A silent change that was seen earlier is still the newest.
		got.updated, got.seen = l.last.updated, l.last.seen
	}
	l.looked, l.last = true, got
	return got.updated, !got.seen
}

// A source reads the objects anew from time to time.
type source struct {
	k    *kube.Client
	mesh Installed
	ns   string
	// root are the policies of the mesh's root namespace, which are those of the whole mesh.
	root []config.Config

	mu        sync.Mutex
	scope     *scope
	generator *generator
	made      time.Time
}

// current returns a generator on objects that were read no longer than refresh ago.
func (s *source) current(ctx context.Context) (*generator, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generator != nil && time.Since(s.made) < refresh {
		return s.generator, nil
	}
	o, err := load(ctx, s.k, s.mesh, []string{s.ns})
	if err != nil {
		return nil, err
	}
	s.scope = s.scope.with(o.configs, s.ns)
	o.configs = append(o.configs, s.root...)
	// About 3 ms. Istio's debugging keeps some 25 KB of each for good, which makes no difference at a few a second.
	g, err := newGenerator(ctx, o, s.scope)
	if err != nil {
		return nil, err
	}
	s.generator, s.made = g, time.Now()
	return g, nil
}

func shown(diffs []string) string {
	if len(diffs) == 0 {
		return ""
	}
	more := ""
	if n := len(diffs) - shownDifferences; n > 0 {
		diffs, more = diffs[:shownDifferences], fmt.Sprintf("\n  and %d more differences", n)
	}
	return "; what was still different:\n  " + strings.Join(diffs, "\n  ") + more
}

// ask asks a proxy what it holds of the hosts of namespace ns.
func ask(ctx context.Context, client *http.Client, want expectation, ns string) (holding, error) {
	hosts := `outbound\|.*\.` + regexp.QuoteMeta(ns+".svc."+domain)
	var dumps [3][]byte
	for i, q := range []url.Values{
		{"resource": {"dynamic_route_configs"}, "name_regex": {anyOf(want.routeConfigs)}},
		{"resource": {"dynamic_active_clusters"}, "name_regex": {hosts}},
		{"resource": {"dynamic_endpoint_configs"}, "name_regex": {hosts}, "include_eds": {""}},
	} {
		var err error
		if dumps[i], err = admin(ctx, client, "/config_dump?"+q.Encode()); err != nil {
			return holding{}, err
		}
	}
	got, err := readHolding(dumps[0], dumps[1], dumps[2], want.state, ns)
	if err == nil && got.ejected(want.state) {
		var b []byte
		if b, err = admin(ctx, client, "/clusters?format=json"); err == nil {
			err = got.readEjected(b)
		}
	}
	if err != nil || want.scope.empty() {
		return got, err
	}
	b, err := admin(ctx, client, "/config_dump?"+url.Values{"resource": {"dynamic_listeners"}, "name_regex": {anyOf(want.listenerNames)}}.Encode())
	if err != nil {
		return holding{}, err
	}
	return got, got.readListeners(b, want.scope)
}

// anyOf is a regular expression for names.
func anyOf(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = regexp.QuoteMeta(n)
	}
	return strings.Join(quoted, "|")
}
