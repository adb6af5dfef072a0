package mesh

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	networking "istio.io/api/networking/v1alpha3"
	security "istio.io/api/security/v1beta1"
	apitype "istio.io/api/type/v1beta1"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/schema/gvk"
	"sigs.k8s.io/yaml"
)

// v2 is the proxy whose inbound listener is in testdata (Envoy 1.40.0), as it was with the EnvoyFilter rateLimit.
var v2 = Proxy{Namespace: "km", Pod: "v2"}

const rateLimit = `
workloadSelector:
  labels: {app: my-service, version: v2}
configPatches:
- applyTo: HTTP_FILTER
  match:
    context: SIDECAR_INBOUND
    listener:
      filterChain:
        filter:
          name: envoy.filters.network.http_connection_manager
          subFilter: {name: envoy.filters.http.router}
  patch:
    operation: INSERT_BEFORE
    value:
      name: envoy.filters.http.local_ratelimit
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
        stat_prefix: canary
        token_bucket: {max_tokens: 10, tokens_per_fill: 10, fill_interval: 1s}
        filter_enabled: {default_value: {numerator: 100}}
        filter_enforced: {default_value: {numerator: 100}}
`

// envoyFilter returns an EnvoyFilter of km with a spec, in which the pairs of edit are replaced.
func envoyFilter(t *testing.T, spec string, edit ...string) config.Config {
	t.Helper()
	var filter networking.EnvoyFilter
	if err := yaml.Unmarshal([]byte(strings.NewReplacer(edit...).Replace(spec)), &filter); err != nil {
		t.Fatal(err)
	}
	return config.Config{
		Meta: config.Meta{GroupVersionKind: gvk.EnvoyFilter, Name: "filter", Namespace: "km"},
		Spec: &filter,
	}
}

func peerAuthentication(ns string, mode security.PeerAuthentication_MutualTLS_Mode, version string) config.Config {
	spec := &security.PeerAuthentication{Mtls: &security.PeerAuthentication_MutualTLS{Mode: mode}}
	if version != "" {
		spec.Selector = &apitype.WorkloadSelector{MatchLabels: map[string]string{"version": version}}
	}
	return config.Config{
		Meta: config.Meta{GroupVersionKind: gvk.PeerAuthentication, Name: "default", Namespace: ns},
		Spec: spec,
	}
}

func authorizationPolicy() config.Config {
	return config.Config{
		Meta: config.Meta{GroupVersionKind: gvk.AuthorizationPolicy, Name: "deny", Namespace: "km"},
		Spec: &security.AuthorizationPolicy{
			Action: security.AuthorizationPolicy_DENY,
			Rules: []*security.Rule{
				{To: []*security.Rule_To{{Operation: &security.Operation{Methods: []string{"POST"}}}}},
			},
		},
	}
}

// listenersOf compares the recorded listener with what the objects of cluster95 and configs call for, after the
// Watcher saw seen.
func listenersOf(t *testing.T, seen, configs []config.Config) ([]string, proxyConfig) {
	t.Helper()
	o := cluster95()
	for i, c := range configs {
		c.Name += strconv.Itoa(i)
		o.configs = append(o.configs, c)
	}
	var s *scope
	s = s.with(seen, "km").with(configs, "km")
	g, err := newGenerator(context.Background(), o, s)
	if err != nil {
		t.Fatal(err)
	}
	want, err := g.expect(v2, namespaces{"km"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("testdata/inbound.json")
	if err != nil {
		t.Fatal(err)
	}
	got := proxyConfig{state: newState()}
	if s.empty() {
		return nil, got
	}
	if got := slices.Contains(want.listenerNames, "virtualInbound"); got != s.directions[inbound] {
		t.Errorf("got listeners %q, want virtualInbound among them: %v", want.listenerNames, s.directions[inbound])
	}
	if err := got.readListeners(b, s); err != nil {
		t.Fatal(err)
	}
	return difference(state{listeners: want.listeners}, got.state), got
}

func TestDifferencesOfListeners(t *testing.T) {
	limit := func(edit ...string) config.Config { return envoyFilter(t, rateLimit, edit...) }
	// Its filter is in the chain of the service's port and in that for all other ports.
	const limited, other = "listener virtualInbound, chain 0.0.0.0_8080, ", "listener virtualInbound, chain " +
		"virtualInbound-catchall-http, "
	const filters = "HTTP filters, envoy.filters.http.local_ratelimit: got "
	for _, c := range []struct {
		name          string
		seen, configs []config.Config
		want          []string // the beginning or a part of each difference
	}{
		{name: "the filter that is there", configs: []config.Config{limit()}},
		{
			name: "another configuration", configs: []config.Config{limit("max_tokens: 10", "max_tokens: 20")},
			want: []string{limited + filters, other + filters},
		},
		{
			name: "another workload", configs: []config.Config{limit("version: v2", "version: v1")},
			want: []string{
				`"stat_prefix":"canary"`, "names: got envoy.filters.http.local_ratelimit, want none", other + filters,
				"want none",
			},
		},
		{
			name: "it is deleted", seen: []config.Config{limit()},
			want: []string{limited + filters, "want none", other + filters, "want none"},
		},
		{
			name: "another filter",
			configs: []config.Config{limit(), envoyFilter(t, rateLimit, "local_ratelimit", "buffer",
				"extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
				"extensions.filters.http.buffer.v3.Buffer")},
			want: []string{
				limited + "HTTP filters, envoy.filters.http.buffer: got none",
				"want envoy.filters.http.local_ratelimit, envoy.filters.http.buffer",
				other + "HTTP filters, envoy.filters.http.buffer: got none",
				"want envoy.filters.http.local_ratelimit, envoy.filters.http.buffer",
			},
		},
		{
			name: "another context", configs: []config.Config{limit("SIDECAR_INBOUND", "SIDECAR_OUTBOUND")},
			want: []string{"listener 0.0.0.0_80, ", "listener 0.0.0.0_80, "},
		},
		{
			name: "part of a filter", configs: []config.Config{limit(), envoyFilter(t, `
configPatches:
- applyTo: NETWORK_FILTER
  match:
    context: SIDECAR_INBOUND
    listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}
  patch:
    operation: MERGE
    value:
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
        drainTimeout: 3s
`)},
			want: []string{
				limited + "filters, envoy.filters.network.http_connection_manager, drain_timeout: got none, want 3s",
				other + "filters, envoy.filters.network.http_connection_manager, drain_timeout: got none, want 3s",
			},
		},
		{
			name: "part of a listener", configs: []config.Config{envoyFilter(t, `
configPatches:
- applyTo: LISTENER
  match: {context: SIDECAR_INBOUND}
  patch: {operation: MERGE, value: {per_connection_buffer_limit_bytes: 65536}}
- applyTo: FILTER_CHAIN
  match: {context: SIDECAR_INBOUND, listener: {filterChain: {transportProtocol: raw_buffer}}}
  patch: {operation: MERGE, value: {transport_socket_connect_timeout: 7s}}
- applyTo: VIRTUAL_HOST
  match: {context: SIDECAR_INBOUND}
  patch: {operation: MERGE, value: {rate_limits: [{actions: [{remote_address: {}}]}]}}
- applyTo: LISTENER
  match: {context: SIDECAR_OUTBOUND}
  patch: {operation: ADD, value: {name: extra, address: {pipe: {path: /tmp/extra}}}}
`)},
			want: []string{
				`listener extra, configuration: got none, want {"address":{"pipe":{"path":"/tmp/extra"}},` +
					`"name":"extra"}`,
				"0.0.0.0_8080, transport_socket_connect_timeout: got none, want 7s",
				"0.0.0.0_8080, virtual host inbound|http|80, rate_limits: got none",
				"virtualInbound, transport_socket_connect_timeout: got none, want 7s",
				"catchall-http, transport_socket_connect_timeout: got none",
				"virtual host inbound|http|0, rate_limits: got none", "listener virtualInbound, " +
					"per_connection_buffer_limit_bytes: got none, want 65536",
			},
		},
		{name: "permissive", configs: []config.Config{
			peerAuthentication("km", security.PeerAuthentication_MutualTLS_PERMISSIVE, ""),
		}},
		{name: "strict elsewhere", configs: []config.Config{
			peerAuthentication("km", security.PeerAuthentication_MutualTLS_STRICT, "v1"),
		}},
		{name: "it was strict", seen: []config.Config{
			peerAuthentication("km", security.PeerAuthentication_MutualTLS_STRICT, ""),
		}},
		{
			name:    "strict",
			configs: []config.Config{peerAuthentication("km", security.PeerAuthentication_MutualTLS_STRICT, "")},
			want: []string{
				limited + "transport: got mutual TLS and plaintext, want mutual TLS",
				"chain virtualInbound, transport: got TLS of the app's own and mutual TLS and plaintext, want " +
					"mutual TLS",
				other + "transport: got mutual TLS and plaintext, want mutual TLS",
			},
		},
		{
			name: "strict in the whole mesh",
			configs: []config.Config{
				peerAuthentication("km", security.PeerAuthentication_MutualTLS_UNSET, "v2"),
				peerAuthentication(Namespace, security.PeerAuthentication_MutualTLS_STRICT, ""),
			},
			want: []string{"want mutual TLS", "want mutual TLS", "want mutual TLS"},
		},
		{
			name:    "disabled",
			configs: []config.Config{peerAuthentication("km", security.PeerAuthentication_MutualTLS_DISABLE, "v2")},
			want:    []string{"got mutual TLS and plaintext, want plaintext", "want plaintext", "want plaintext"},
		},
		{
			name: "authorization", configs: []config.Config{authorizationPolicy()},
			want: []string{
				limited + "HTTP filters, envoy.filters.http.rbac: got none, want {",
				"names: got none, want envoy.filters.http.rbac",
				"chain virtualInbound, filters, envoy.filters.network.rbac: got none",
				"chain virtualInbound, filters, names: got none",
				other + "HTTP filters, envoy.filters.http.rbac: got none", "names: got none, want " +
					"envoy.filters.http.rbac",
			},
		},
		{name: "of another namespace", configs: []config.Config{
			peerAuthentication(Namespace, security.PeerAuthentication_MutualTLS_STRICT, ""),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := listenersOf(t, c.seen, c.configs)
			ok := len(got) == len(c.want)
			for i := 0; ok && i < len(got); i++ {
				ok = strings.Contains(got[i], c.want[i])
			}
			if !ok {
				t.Errorf(
					"got differences\n%s\nwant each to have\n%s",
					strings.Join(got, "\n"),
					strings.Join(c.want, "\n"),
				)
			}
		})
	}
}

// The moment of a listener's change counts, also when nothing that was compared is left in it.
func TestWhenAListenerChanged(t *testing.T) {
	for _, seen := range []config.Config{
		envoyFilter(t, rateLimit), envoyFilter(t, rateLimit, "local_ratelimit", "gone"),
	} {
		_, got := listenersOf(t, []config.Config{seen}, nil)
		if want := time.Date(2026, 11, 24, 18, 58, 0, 0, time.UTC); got.updated.Before(want) {
			t.Errorf("got last change at %v, want it from the dump", got.updated)
		}
	}
}

func TestRefusedListener(t *testing.T) {
	// Envoy 1.40.0 said this of a listener that it rejected.
	const dump = `{"configs": [{"name": "0.0.0.0_80", "error_state": {
		"last_update_attempt": "2026-11-24T18:51:31.000Z",
		"details": "Invalid duration: Expected positive duration"}}]}`
	var s *scope
	got := proxyConfig{state: newState()}
	if err := got.readListeners([]byte(dump), s.with([]config.Config{envoyFilter(t, rateLimit)}, "km")); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got.rejected, "Invalid duration") || got.rejectedAt.IsZero() {
		t.Errorf("got refusal %q at %v, want the listener's", got.rejected, got.rejectedAt)
	}
}

func TestScopeGrowsOnly(t *testing.T) {
	var none *scope
	own := config.Config{
		Meta: config.Meta{GroupVersionKind: gvk.EnvoyFilter, Name: accessLogName, Namespace: "km"},
		Spec: &networking.EnvoyFilter{
			ConfigPatches: envoyFilter(t, rateLimit).Spec.(*networking.EnvoyFilter).GetConfigPatches(),
		},
	}
	if s := none.with([]config.Config{own}, "km"); !s.empty() {
		t.Errorf("got %+v, want nothing compared for the lab's own filter, which is known by name", s)
	}
	limit := []config.Config{envoyFilter(t, rateLimit)}
	one := none.with(limit, "km")
	if again := one.with(nil, "km").with(limit, "km"); again != one {
		t.Errorf("got a new scope %+v, want %+v to stay", again, one)
	}
	two := one.with([]config.Config{peerAuthentication("km", security.PeerAuthentication_MutualTLS_STRICT, "")}, "km")
	if two == one || !two.transport || one.transport || two.filters["envoy.filters.http.local_ratelimit"] == nil {
		t.Errorf("got %+v from %+v, want it with the transport as well", two, one)
	}
}

// Listeners that were read with another scope do not show a change.
func TestListenersOfAnotherScopeAreNoChange(t *testing.T) {
	one, two := &scope{}, &scope{}
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	hold := func(s *scope, text string) proxyConfig {
		return proxyConfig{updated: at(5), state: state{scope: s, listeners: map[string]string{"part": text}}}
	}
	var l adminConn
	for _, c := range []struct {
		got  proxyConfig
		want int
	}{{hold(one, "a"), 5}, {hold(two, "b"), 5}, {hold(two, "c"), 102}} {
		if got, _ := l.update(c.got, at(102)); !got.Equal(at(c.want)) {
			t.Errorf("%v: got %d, want %d", c.got.listeners, got.Unix(), c.want)
		}
	}
}
