package mesh

import (
	"slices"
	"testing"
)

// clustersOf is what Envoy 1.40.0 said of a canary of one pod that was ejected, with hosts in other states beside it.
const clustersOf = `{"cluster_statuses": [
{"name": "outbound|80|v1|my-service.km.svc.cluster.local", "added_via_api": true},
{"name": "outbound|80|v2|my-service.km.svc.cluster.local", "added_via_api": true, "host_statuses": [
  {"address": {"socket_address": {"address": "10.244.0.7", "port_value": 8080}},
   "health_status": {"failed_outlier_check": true, "eds_health_status": "HEALTHY"}, "weight": 1},
  {"address": {"socket_address": {"address": "10.244.0.8", "port_value": 8080}},
   "health_status": {"eds_health_status": "HEALTHY"}, "weight": 1,
   "stats": [{"name": "cx_connect_fail"}, {"name": "cx_active", "type": "GAUGE", "value": "7"}]},
  {"address": {"socket_address": {"address": "10.244.0.9", "port_value": 8080}},
   "health_status": {"eds_health_status": "UNHEALTHY"}, "weight": 1},
  {"address": {"socket_address": {"address": "fd00::a", "port_value": 8080}},
   "health_status": {}, "weight": 1, "stats": [{"name": "cx_active", "type": "GAUGE"}]},
  {"address": {"socket_address": {"address": "10.244.0.11", "port_value": 8080}},
   "health_status": {"failed_active_health_check": true, "eds_health_status": "HEALTHY"}}
]}]}`

func TestReadHosts(t *testing.T) {
	for _, c := range []struct {
		subset string
		want   []Host
		known  bool
	}{
		{"v1", nil, true},
		{"v2", []Host{
			{Address: "10.244.0.7:8080", Ejected: true}, {Address: "10.244.0.8:8080", Connections: 7},
			{Address: "10.244.0.9:8080", Unhealthy: true}, {Address: "[fd00::a]:8080"},
			{Address: "10.244.0.11:8080", Unhealthy: true},
		}, true},
		{"v3", nil, false},
	} {
		got, known, err := readHosts([]byte(clustersOf), "outbound|80|"+c.subset+"|my-service.km.svc.cluster.local")
		if err != nil || known != c.known || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, known %v and error %v, want %v and %v", c.subset, got, known, err, c.want, c.known)
		}
	}
	if _, _, err := readHosts([]byte("no healthy upstream"), "any"); err == nil {
		t.Error("got no error for what is no JSON, want one")
	}
}

// The proxy has a host that it ejected itself, and not one that istiod calls unhealthy.
func TestEjectedHostsAreHeld(t *testing.T) {
	const cluster = "outbound|80|v2|my-service.km.svc.cluster.local"
	h := proxyConfig{state: newState(), unhealthy: map[string][]string{cluster: {"10.244.0.7:8080", "10.244.0.9:8080"}}}
	h.endpoints[cluster] = []string{"10.244.0.8:8080"}
	want := newState()
	want.endpoints[cluster] = []string{"10.244.0.8:8080"}
	if h.lacksEndpoint(want) {
		t.Error("nothing that is wanted is unhealthy, and the proxy is to be asked")
	}
	want.endpoints[cluster] = []string{"10.244.0.7:8080", "10.244.0.8:8080"}
	if !h.lacksEndpoint(want) {
		t.Error("a wanted host is unhealthy, and the proxy is not to be asked")
	}
	if err := h.readEjected([]byte(clustersOf)); err != nil {
		t.Fatal(err)
	}
	if got := h.endpoints[cluster]; !slices.Equal(got, want.endpoints[cluster]) {
		t.Errorf("got endpoints %q, want %q", got, want.endpoints[cluster])
	}
}
