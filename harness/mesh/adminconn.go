package mesh

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// adminPort is where Envoy's admin interface listens, on localhost inside the pod.
const adminPort = 15000

// An adminConn is the connection to one proxy's admin interface.
type adminConn struct {
	client *http.Client
	// last is the configuration that was read last, if looked is true.
	looked bool
	last   proxyConfig
	// logs tells that the proxy was seen to have its access log configured.
	logs bool
}

// await waits until proxy p is synced.
func (c *adminConn) await(ctx context.Context, a *awaiting, p Proxy) (at time.Time, exact bool, err error) {
	var (
		ns    = a.watcher.hosts
		want  expectation
		of    *generator
		diffs []string
	)
	err = wait.PollUntilContextCancel(ctx, pollEvery, true, func(ctx context.Context) (bool, error) {
		g, err := a.generators.current(ctx)
		if err != nil {
			return false, err
		}
		if g != of {
			if want, err = g.expect(p, ns); err != nil {
				return false, err
			}
			of = g
		}
		got, err := c.read(ctx, want, ns)
		if err == nil && a.logs && !c.logs {
			c.logs, err = c.hasLog(ctx)
		}
		if err != nil {
			// The API server or the pod may be restarting, on purpose. At the end of ctx, what was
			// seen before says more.
			if ctx.Err() == nil {
				diffs = []string{err.Error()}
			}
			return false, nil
		}
		at, exact = c.update(got, time.Now())
		if diffs = difference(want.state, got.state); len(diffs) > 0 && got.rejectedAt.After(a.since) {
			return false, &Rejection{p, got.rejected}
		}
		if a.logs && !c.logs {
			diffs = append(diffs, "no listener has the access log "+accessLogName)
		}
		return len(diffs) == 0, nil
	})
	if err != nil {
		return time.Time{}, false, fmt.Errorf("%w%s", err, listDifferences(diffs))
	}
	return at, exact, nil
}

// update records the configuration that was read at now. It returns when the proxy applied it,
// and whether the proxy itself says so.
func (c *adminConn) update(got proxyConfig, now time.Time) (at time.Time, exact bool) {
	silent := c.looked && !got.updated.After(c.last.updated) && !got.equal(c.last.state)
	if silent {
		// The change left no trace in last_updated.
		got.updated, got.observed = now, true
	} else if c.looked && c.last.updated.After(got.updated) {
		// A silent change that was seen earlier is still the newest.
		got.updated, got.observed = c.last.updated, c.last.observed
	}
	c.looked, c.last = true, got
	return got.updated, !got.observed
}

// read reads the proxy's configuration for the hosts of some namespaces.
func (c *adminConn) read(ctx context.Context, want expectation, ns namespaces) (proxyConfig, error) {
	hosts := `outbound\|.*\.(?:` + ns.pattern() + `)` + regexp.QuoteMeta(".svc."+domain)
	var dumps [3][]byte
	for i, q := range []url.Values{
		{"resource": {"dynamic_route_configs"}, "name_regex": {anyOf(want.routeConfigs)}},
		{"resource": {"dynamic_active_clusters"}, "name_regex": {hosts}},
		{"resource": {"dynamic_endpoint_configs"}, "name_regex": {hosts}, "include_eds": {""}},
	} {
		var err error
		if dumps[i], err = c.dump(ctx, q); err != nil {
			return proxyConfig{}, err
		}
	}
	got, err := readProxyConfig(dumps[0], dumps[1], dumps[2], want.state, ns)
	if err == nil && got.lacksEndpoint(want.state) {
		var b []byte
		if b, err = admin(ctx, c.client, clustersPath); err == nil {
			err = got.readEjected(b)
		}
	}
	if err != nil || want.scope.empty() {
		return got, err
	}
	b, err := c.dump(ctx, url.Values{"resource": {"dynamic_listeners"}, "name_regex": {anyOf(want.listenerNames)}})
	if err != nil {
		return proxyConfig{}, err
	}
	return got, got.readListeners(b, want.scope)
}

// hasLog tells whether the proxy's listeners have one of AccessLogFilter's loggers. A gateway
// without a listener has nothing to log.
func (c *adminConn) hasLog(ctx context.Context) (bool, error) {
	b, err := c.dump(ctx, url.Values{"resource": {"dynamic_listeners"}})
	if err != nil {
		return false, err
	}
	has := func(text string) bool { return bytes.Contains(b, []byte(text)) }
	return !has("http_connection_manager") || has(ClientLog) && has(ServerLog) || has(GatewayLog), nil
}

// dump asks for parts of the proxy's config_dump.
func (c *adminConn) dump(ctx context.Context, query url.Values) ([]byte, error) {
	return admin(ctx, c.client, "/config_dump?"+query.Encode())
}

// anyOf is a regular expression that matches each of names.
func anyOf(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = regexp.QuoteMeta(n)
	}
	return strings.Join(quoted, "|")
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
