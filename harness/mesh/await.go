package mesh

import (
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
	ns    string
	lines map[Proxy]*line
}

// A line is the connection to one proxy's admin interface.
type line struct {
	client *http.Client
	// looked tells whether last is anything.
	looked bool
	last   holding
}

// NewWatcher returns a Watcher for the proxies that send requests to services of namespace ns.
func NewWatcher(k *kube.Client, ns string) *Watcher {
	return &Watcher{k: k, ns: ns, lines: map[Proxy]*line{}}
}

// Close closes the connections.
func (w *Watcher) Close() {
	for _, l := range w.lines {
		l.client.CloseIdleConnections()
	}
	clear(w.lines)
}

// Await waits until every proxy holds what the objects of the namespace call for: the routes of each of its services by
// its VirtualServices, the clusters and traffic policies by its DestinationRules, the endpoints by its Services, subsets
// and ready pods. What that means for Envoy is worked out by Istio's own generator, so that nothing which Istio can say
// is overlooked. Objects of other namespaces are not taken into account, apart from the mesh configuration.
//
// held is called once for each proxy, one call at a time, with the moment at which the proxy took over the newest part
// of what it holds, by its own clock (Envoy's last_updated, 1 ms steps). Some changes leave no trace there: those of
// endpoints, and things that go away. Then it is the moment at which the change was seen, up to 50 ms late, as long as
// the change came after an earlier look of this Watcher. A moment before the change was written says that the proxy
// held it already when it was first asked.
//
// On ctx end the error says which proxies still differ, and in what.
func (w *Watcher) Await(ctx context.Context, proxies []Proxy, held func(Proxy, time.Time)) error {
	if len(proxies) == 0 {
		return fmt.Errorf("await the configuration of namespace %s: there are no proxies to ask", w.ns)
	}
	source := &source{k: w.k, namespaces: []string{w.ns}}
	for _, p := range proxies {
		if !slices.Contains(source.namespaces, p.Namespace) {
			source.namespaces = append(source.namespaces, p.Namespace)
		}
		if w.lines[p] == nil {
			w.lines[p] = &line{client: w.k.PodHTTP(p.Namespace, p.Pod, adminPort)}
		}
	}
	for p, l := range w.lines {
		if !slices.Contains(proxies, p) {
			l.client.CloseIdleConnections()
			delete(w.lines, p)
		}
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	errs := make([]error, len(proxies))
	for i, p := range proxies {
		l := w.lines[p]
		wg.Go(func() {
			at, err := l.await(ctx, source, p, w.ns)
			if err != nil {
				errs[i] = fmt.Errorf("await the configuration of namespace %s on proxy %s: %w", w.ns, p, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			held(p, at)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// await waits for one proxy.
func (l *line) await(ctx context.Context, source *source, p Proxy, ns string) (at time.Time, err error) {
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
		if err != nil {
			// The API server or the pod may be restarting, on purpose. At the end of ctx, what was seen before says more.
			if ctx.Err() == nil {
				diffs = []string{err.Error()}
			}
			return false, nil
		}
		at = l.changed(got, time.Now())
		diffs = difference(want.state, got.state)
		return len(diffs) == 0, nil
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("%w%s", err, shown(diffs))
	}
	return at, nil
}

// changed takes in what was seen at now and returns when the proxy came to hold it.
func (l *line) changed(got holding, now time.Time) time.Time {
	silent := l.looked && !got.updated.After(l.last.updated) && !got.equal(l.last.state)
	if silent {
		// The change left no trace in last_updated.
		got.updated = now
	} else if l.looked && l.last.updated.After(got.updated) {
		// A silent change that was seen earlier is still the newest.
		got.updated = l.last.updated
	}
	l.looked, l.last = true, got
	return got.updated
}

// A source reads the objects anew from time to time.
type source struct {
	k          *kube.Client
	namespaces []string

	mu        sync.Mutex
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
	o, err := load(ctx, s.k, s.namespaces)
	if err != nil {
		return nil, err
	}
	// About 3 ms. Istio's debugging keeps some 25 KB of each for good, which makes no difference at a few a second.
	g, err := newGenerator(ctx, o)
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
	names := make([]string, len(want.routeConfigs))
	for i, n := range want.routeConfigs {
		names[i] = regexp.QuoteMeta(n)
	}
	hosts := `outbound\|.*\.` + regexp.QuoteMeta(ns+".svc."+domain)
	var dumps [3][]byte
	for i, q := range []url.Values{
		{"resource": {"dynamic_route_configs"}, "name_regex": {strings.Join(names, "|")}},
		{"resource": {"dynamic_active_clusters"}, "name_regex": {hosts}},
		{"resource": {"dynamic_endpoint_configs"}, "name_regex": {hosts}, "include_eds": {""}},
	} {
		var err error
		if dumps[i], err = admin(ctx, client, "/config_dump?"+q.Encode()); err != nil {
			return holding{}, err
		}
	}
	return readHolding(dumps[0], dumps[1], dumps[2], want.state, ns)
}
