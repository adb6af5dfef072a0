package mesh

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	networking "istio.io/api/networking/v1alpha3"
	"istio.io/istio/pkg/config"
	meshdefaults "istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/schema/gvk"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// recorded returns what the client's proxy (Envoy 1.40.0) said on a real cluster that had the objects of this
// test: config_dump's dynamic route configurations, active clusters and endpoints.
func recorded(t *testing.T, edit ...string) (routes, clusters, endpoints []byte) {
	t.Helper()
	var dumps [3][]byte
	for i, name := range []string{"routes", "clusters", "endpoints"} {
		b, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		for j := 0; j+1 < len(edit); j += 2 {
			text = strings.ReplaceAll(text, edit[j], edit[j+1])
		}
		dumps[i] = []byte(text)
	}
	return dumps[0], dumps[1], dumps[2]
}

var (
	client = Proxy{Namespace: "km", Pod: "client"}
)

// cluster95 is a namespace with my-service in two versions, split 95 to 5, and a header rule for the canary.
func cluster95() objects {
	pod := func(name, ip string, labels map[string]string) corev1.Pod {
		return corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "km", Labels: labels},
			Spec: corev1.PodSpec{
				InitContainers: []corev1.Container{{Name: proxyName, Args: []string{"proxy", "sidecar"}}},
			},
			Status: corev1.PodStatus{
				Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}},
				Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			},
		}
	}
	meta := func(kind config.GroupVersionKind) config.Meta {
		return config.Meta{GroupVersionKind: kind, Name: "my-service", Namespace: "km", Domain: domain}
	}
	to := func(subset string, weight int32) *networking.HTTPRouteDestination {
		return &networking.HTTPRouteDestination{
			Destination: &networking.Destination{Host: "my-service", Subset: subset}, Weight: weight,
		}
	}
	return objects{
		mesh: meshdefaults.DefaultMeshConfig(),
		services: []corev1.Service{{
			ObjectMeta: metav1.ObjectMeta{Name: "my-service", Namespace: "km"},
			Spec: corev1.ServiceSpec{
				ClusterIP: "10.96.120.139", Selector: map[string]string{"app": "my-service"},
				Ports: []corev1.ServicePort{
					{Name: "http", Port: 80, TargetPort: intstr.FromInt32(8080), Protocol: corev1.ProtocolTCP},
				},
			},
		}},
		pods: []corev1.Pod{
			pod("client", "10.244.0.18", map[string]string{"app": "client"}),
			pod("v1", "10.244.0.19", map[string]string{"app": "my-service", "version": "v1"}),
			pod("v2", "10.244.0.17", map[string]string{"app": "my-service", "version": "v2"}),
		},
		configs: []config.Config{
			{Meta: meta(gvk.DestinationRule), Spec: &networking.DestinationRule{
				Host: "my-service",
				Subsets: []*networking.Subset{
					{Name: "v1", Labels: map[string]string{"version": "v1"}},
					{Name: "v2", Labels: map[string]string{"version": "v2"}},
				},
			}},
			{Meta: meta(gvk.VirtualService), Spec: &networking.VirtualService{
				Hosts: []string{"my-service"},
				Http: []*networking.HTTPRoute{
					{
						Match: []*networking.HTTPMatchRequest{{Headers: map[string]*networking.StringMatch{
							"x-user-group": {MatchType: &networking.StringMatch_Exact{Exact: "beta"}},
						}}},
						Route: []*networking.HTTPRouteDestination{to("v2", 0)},
					},
					{Route: []*networking.HTTPRouteDestination{to("v1", 95), to("v2", 5)}},
				},
			}},
		},
	}
}

func (o *objects) rule() *networking.DestinationRule {
	return o.configs[0].Spec.(*networking.DestinationRule)
}
func (o *objects) vs() *networking.VirtualService {
	return o.configs[1].Spec.(*networking.VirtualService)
}

func differences(t *testing.T, o objects, edit ...string) ([]string, proxyConfig) {
	t.Helper()
	g, err := newGenerator(context.Background(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := g.expect(client, namespaces{"km"})
	if err != nil {
		t.Fatal(err)
	}
	if len(want.routeConfigs) != 1 || want.routeConfigs[0] != "80" {
		t.Errorf("got route configurations %v, want 80", want.routeConfigs)
	}
	routes, clusters, endpoints := recorded(t, edit...)
	got, err := readProxyConfig(routes, clusters, endpoints, want.state, namespaces{"km"})
	if err != nil {
		t.Fatal(err)
	}
	return difference(want.state, got.state), got
}

func TestRecordedProxyHoldsItsObjects(t *testing.T) {
	diffs, got := differences(t, cluster95())
	if len(diffs) > 0 {
		t.Errorf("got differences %s, want none", strings.Join(diffs, "\n"))
	}
	// The newest last_updated in testdata that belongs to the namespace.
	if want := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC); got.updated.Before(want) {
		t.Errorf("got last change at %v, want it from the dump", got.updated)
	}
	if n := len(got.routes); n != 1 {
		t.Errorf("got %d virtual hosts, want only that of the namespace", n)
	}
}

func TestDifferencesOfAChange(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*objects)
		edit   []string
		want   []string // a part of each difference
	}{
		{
			name:   "weights",
			change: func(o *objects) { o.vs().Http[1].Route[0].Weight, o.vs().Http[1].Route[1].Weight = 50, 50 },
			want:   []string{"virtual host my-service.km.svc.cluster.local:80, route 2: got "},
		},
		{
			name: "weight 0 is dropped",
			change: func(o *objects) {
				o.vs().Http[1].Route[0].Weight, o.vs().Http[1].Route[1].Weight = 100, 0
			},
			want: []string{`want {"match":{"prefix":"/"},"route":{"retry_policy":`},
		},
		{
			name: "order of the rules",
			change: func(o *objects) {
				h := o.vs().Http
				h[0].Match[0].Headers["x-user-group"] = &networking.StringMatch{
					MatchType: &networking.StringMatch_Exact{Exact: "BETA"},
				}
			},
			want: []string{"route 1: got "},
		},
		{
			name:   "no virtual service",
			change: func(o *objects) { o.configs = o.configs[:1] },
			want:   []string{"got 2 routes, want 1"},
		},
		{
			name: "timeout and fault",
			change: func(o *objects) {
				o.vs().Http[0].Fault = &networking.HTTPFaultInjection{Abort: &networking.HTTPFaultInjection_Abort{
					ErrorType:  &networking.HTTPFaultInjection_Abort_HttpStatus{HttpStatus: 503},
					Percentage: &networking.Percent{Value: 10},
				}}
			},
			want: []string{`"http_status":503`},
		},
		{
			name:   "a subset less",
			change: func(o *objects) { o.rule().Subsets = o.rule().Subsets[:1] },
			want:   []string{"cluster outbound|80|v2|my-service.km.svc.cluster.local is still there"},
		},
		{
			name: "a subset more",
			change: func(o *objects) {
				o.rule().Subsets = append(o.rule().Subsets, &networking.Subset{Name: "v3"})
			},
			want: []string{"cluster outbound|80|v3|my-service.km.svc.cluster.local is missing"},
		},
		{
			name:   "a subset's label that no pod has",
			change: func(o *objects) { o.rule().Subsets[1].Labels["version"] = "v2.0" },
			want: []string{"endpoints of outbound|80|v2|my-service.km.svc.cluster.local: got [10.244.0.17:8080], " +
				"want []"},
		},
		{
			name: "a pod that is not ready",
			change: func(o *objects) {
				o.pods[1].Status.Conditions[0].Status = corev1.ConditionFalse
			},
			want: []string{
				"endpoints of outbound|80|v1|my-service.km.svc.cluster.local: got [10.244.0.19:8080], want []",
				"endpoints of outbound|80||my-service.km.svc.cluster.local: got [10.244.0.17:8080 " +
					"10.244.0.19:8080], want [10.244.0.17:8080]",
			},
		},
		{
			name:   "an endpoint that istiod calls unhealthy",
			change: func(*objects) {},
			edit:   []string{`"health_status": "HEALTHY"`, `"health_status": "DRAINING"`},
			want: []string{
				"got [], want [10.244.0.19:8080]", "got [], want [10.244.0.17:8080]",
				"got [], want [10.244.0.17:8080 10.244.0.19:8080]",
			},
		},
		{
			name: "traffic policy",
			change: func(o *objects) {
				o.rule().Subsets[1].TrafficPolicy = &networking.TrafficPolicy{
					ConnectionPool: &networking.ConnectionPoolSettings{
						Tcp: &networking.ConnectionPoolSettings_TCPSettings{MaxConnections: 1},
					},
				}
			},
			want: []string{`cluster outbound|80|v2|my-service.km.svc.cluster.local, circuit_breakers: got`},
		},
		{
			name:   "the proxy knows nothing of it yet",
			change: func(*objects) {},
			edit:   []string{"my-service.km.", "my-service.other."},
			want: []string{
				"virtual host my-service.km.svc.cluster.local:80 is missing",
				"cluster outbound|80|v1|my-service.km.svc.cluster.local is missing",
				"cluster outbound|80|v2|my-service.km.svc.cluster.local is missing",
				"cluster outbound|80||my-service.km.svc.cluster.local is missing",
			},
		},
		{
			name:   "the service is gone",
			change: func(o *objects) { o.services[0].Name, o.configs = "another", nil },
			want: []string{
				"virtual host another.km.svc.cluster.local:80 is missing",
				"virtual host my-service.km.svc.cluster.local:80 is still there",
				"cluster outbound|80||another.km.svc.cluster.local is missing",
				"outbound|80|v1|my-service.km.svc.cluster.local is still there",
				"outbound|80|v2|my-service.km.svc.cluster.local is still there",
				"outbound|80||my-service.km.svc.cluster.local is still there",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := cluster95()
			c.change(&o)
			got, _ := differences(t, o, c.edit...)
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

func TestWhenAChangeWasTaken(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	hold := func(updated int, weight string, endpoints ...string) proxyConfig {
		return proxyConfig{updated: at(updated), state: state{
			routes: map[string][]string{"h:80": {weight}}, endpoints: map[string][]string{"c": endpoints},
		}}
	}
	var l adminConn
	for _, c := range []struct {
		name string
		seen int
		got  proxyConfig
		want int
	}{
		{"at first it is the proxy's word", 100, hold(5, "95", "a"), 5},
		{"nothing changed", 101, hold(5, "95", "a"), 5},
		{"a route changed", 103, hold(102, "50", "a"), 102},
		{"only endpoints changed: seen", 110, hold(102, "50"), 110},
		{"and are still so", 111, hold(102, "50"), 110},
		{"both changed", 121, hold(120, "0", "a"), 120},
		{"something else of the route configuration changed", 131, hold(130, "0", "a"), 130},
	} {
		if got, _ := l.update(c.got, at(c.seen)); !got.Equal(at(c.want)) {
			t.Errorf("%s: got %d, want %d", c.name, got.Unix(), c.want)
		}
	}
}

func TestShown(t *testing.T) {
	if got := listDifferences(nil); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
	var diffs []string
	for i := range shownDifferences + 2 {
		diffs = append(diffs, fmt.Sprint("difference ", i))
	}
	got := listDifferences(diffs)
	if !strings.Contains(got, "difference 5") || strings.Contains(got, "difference 6") ||
		!strings.HasSuffix(got, "and 2 more differences") {
		t.Errorf("got %q, want %d differences and how many are left", got, shownDifferences)
	}
}
