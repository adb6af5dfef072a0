package fleet

import (
	"slices"
	"testing"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	manager "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func pack(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// namesIn are what a reader of names yields.
func namesIn(t *testing.T, m proto.Message, of func([]byte, func([]byte)) error) (names []string) {
	t.Helper()
	if err := of(marshal(t, m), func(name []byte) { names = append(names, string(name)) }); err != nil {
		t.Fatal(err)
	}
	return names
}

func edsCluster(name, service string) *cluster.Cluster {
	return &cluster.Cluster{
		Name:                 name,
		ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_EDS},
		EdsClusterConfig:     &cluster.Cluster_EdsClusterConfig{ServiceName: service},
	}
}

func TestEndpointsAreAskedForByTheirNames(t *testing.T) {
	for _, c := range []struct {
		name string
		of   *cluster.Cluster
		want []string
	}{
		{"service's name", edsCluster("a", "b"), []string{"b"}},
		{"cluster's name", edsCluster("a", ""), []string{"a"}},
		{"static", &cluster.Cluster{Name: "a"}, nil},
	} {
		if got := namesIn(t, c.of, endpointNames); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func httpListener(t *testing.T, name string, routes ...string) *listener.Listener {
	t.Helper()
	l := &listener.Listener{Name: name}
	for _, r := range routes {
		m := &manager.HttpConnectionManager{
			StatPrefix:     r,
			RouteSpecifier: &manager.HttpConnectionManager_Rds{Rds: &manager.Rds{RouteConfigName: r}},
		}
		l.FilterChains = append(l.FilterChains, &listener.FilterChain{Filters: []*listener.Filter{
			{Name: "other", ConfigType: &listener.Filter_TypedConfig{TypedConfig: pack(t, edsCluster("x", "y"))}},
			{Name: "http", ConfigType: &listener.Filter_TypedConfig{TypedConfig: pack(t, m)}},
		}})
	}
	return l
}

func TestRoutesAreAskedForByTheirNames(t *testing.T) {
	l := httpListener(t, "0.0.0.0_80", "80", "81")
	l.DefaultFilterChain, l.FilterChains = l.FilterChains[1], l.FilterChains[:1]
	if got := namesIn(t, l, routeNames); !slices.Equal(got, []string{"80", "81"}) {
		t.Errorf("got %q, want 80 and 81", got)
	}
	if got := namesIn(t, &listener.Listener{Name: "tcp"}, routeNames); got != nil {
		t.Errorf("got %q of a listener without HTTP", got)
	}
}

// weighted is a table with the routes of two hosts.
func weighted(host string, weights map[string]uint32) *route.RouteConfiguration {
	to := &route.RouteAction{ClusterSpecifier: &route.RouteAction_Cluster{Cluster: "outbound|80|v1|" + host}}
	if len(weights) > 1 {
		split := &route.WeightedCluster{}
		for _, subset := range []string{"v1", "v2"} {
			split.Clusters = append(split.Clusters, &route.WeightedCluster_ClusterWeight{
				Name: "outbound|80|" + subset + "|" + host, Weight: wrapperspb.UInt32(weights[subset]),
			})
		}
		to.ClusterSpecifier = &route.RouteAction_WeightedClusters{WeightedClusters: split}
	}
	other := &route.RouteAction{ClusterSpecifier: &route.RouteAction_Cluster{Cluster: "outbound|80||other"}}
	virtual := func(host string, to *route.RouteAction) *route.VirtualHost {
		return &route.VirtualHost{
			Name: host + ":80", Domains: []string{host, host + ":80"},
			Routes: []*route.Route{{Action: &route.Route_Route{Route: to}}},
		}
	}
	return &route.RouteConfiguration{
		Name:         "80",
		VirtualHosts: []*route.VirtualHost{virtual("other", other), virtual(host, to), virtual("last", other)},
	}
}

func TestRouteOfAHost(t *testing.T) {
	const host = "my-service.shop.svc.cluster.local"
	for _, c := range []struct {
		weights map[string]uint32
		want    string
	}{
		{map[string]uint32{"v1": 90, "v2": 10}, "v1 90, v2 10"},
		{map[string]uint32{"v1": 100, "v2": 0}, "v1 100"},
		{nil, "v1 100"},
	} {
		got, found, err := routeOf(marshal(t, weighted(host, c.weights)), host)
		if err != nil || !found || got != c.want {
			t.Errorf("got %q, %t (%v), want %q", got, found, err, c.want)
		}
	}
	if got, found, err := routeOf(marshal(t, weighted(host, nil)), "another"); found || err != nil {
		t.Errorf("got %q, %t (%v) of a host that is not there", got, found, err)
	}
}

func TestWhatIsNoMessageIsRefused(t *testing.T) {
	whole := marshal(t, weighted("host", map[string]uint32{"v1": 1, "v2": 2}))
	if _, _, err := routeOf(whole[:len(whole)-1], "host"); err == nil {
		t.Error("half a table was read")
	}
	if _, err := readAnswer([]byte{0xff}); err == nil {
		t.Error("an answer that is none was read")
	}
}
