package fleet

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

const testHost = "my-service.shop.svc.cluster.local"

// An istiod is as much of one as proxies need: it has a configuration, and pushes routes.
type istiod struct {
	discovery.UnimplementedAggregatedDiscoveryServiceServer

	t *testing.T

	mu      sync.Mutex
	streams map[string]discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer
	// asked has what each proxy asked for, by its node, without acknowledgements.
	asked map[string][]string
	acks  int
	route proto.Message
}

// start serves, and returns the address.
func (i *istiod) start() string {
	i.t.Helper()
	i.streams = map[string]discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer{}
	i.asked = map[string][]string{}
	i.route = weighted(testHost, nil)
	var lc net.ListenConfig
	l, err := lc.Listen(i.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		i.t.Fatal(err)
	}
	server := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(server, i)
	go func() { _ = server.Serve(l) }()
	i.t.Cleanup(server.Stop)
	return l.Addr().String()
}

func (i *istiod) DeltaAggregatedResources(
	stream discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer,
) error {
	node := ""
	for {
		r, err := stream.Recv()
		if err != nil {
			return err
		}
		i.mu.Lock()
		if node == "" {
			node = r.GetNode().GetId()
			i.streams[node] = stream
		}
		kind := r.GetTypeUrl()[strings.LastIndex(r.GetTypeUrl(), ".")+1:]
		if r.GetResponseNonce() != "" {
			i.acks++
			i.mu.Unlock()
			continue
		}
		i.asked[node] = append(i.asked[node], kind+" "+strings.Join(r.GetResourceNamesSubscribe(), ","))
		err = i.send(stream, r.GetTypeUrl())
		i.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// send answers with all of a type. The caller holds the lock.
func (i *istiod) send(stream discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer, kind string) error {
	var all []proto.Message
	switch kind {
	case clusterType:
		all = []proto.Message{edsCluster("a", ""), edsCluster("b", "")}
	case listenerType:
		all = []proto.Message{httpListener(i.t, "0.0.0.0_80", "80")}
	case routeType:
		all = []proto.Message{i.route}
	}
	answer := &discovery.DeltaDiscoveryResponse{TypeUrl: kind, Nonce: "nonce", SystemVersionInfo: "7"}
	for _, m := range all {
		answer.Resources = append(answer.Resources, &discovery.Resource{Name: "name", Resource: pack(i.t, m)})
	}
	return stream.Send(answer)
}

// push sends routes to all proxies.
func (i *istiod) push(route proto.Message) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.route = route
	for _, stream := range i.streams {
		_ = i.send(stream, routeType)
	}
}

// clientOf is a client of server, whatever the URL's host.
func clientOf(server *httptest.Server) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", server.Listener.Addr().String())
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial}}
}

// await polls a condition, which holds soon or never.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("it did not come about that %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func begin(t *testing.T, address string, n int) *Fleet {
	t.Helper()
	f, err := New(Plan{Istiod: address, Namespace: "shop", Host: testHost, Connects: 1000, First: 5})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Resize(n); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { f.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return f
}

func TestEachProxyAsksAsAnEnvoyDoes(t *testing.T) {
	i := &istiod{t: t}
	f := begin(t, i.start(), 3)
	await(t, "all hold all", func() bool { s := f.Status(); return s.Whole() && s.Connected == 3 })
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.asked) != 3 {
		t.Errorf("got %d nodes, want 3 of different names", len(i.asked))
	}
	want := []string{"Cluster ", "ClusterLoadAssignment a,b", "Listener ", "RouteConfiguration 80"}
	for node, asked := range i.asked {
		if !slices.Equal(asked, want) {
			t.Errorf("%s asked for %q, want %q", node, asked, want)
		}
	}
	if _, there := i.asked["sidecar~198.18.0.5~simulated-000005.shop~shop.svc.cluster.local"]; !there {
		t.Errorf("got %v, want the proxy with the number 5 among them", i.asked)
	}
	if s := f.Status(); s.Clusters != 2 || s.Listeners != 1 || s.Routes != 1 || s.Bytes < 500 {
		t.Errorf("got %+v, want 2 clusters, a listener and its routes", s)
	}
}

func TestReceiptsTellWhoWasGivenWhat(t *testing.T) {
	i := &istiod{t: t}
	f := begin(t, i.start(), 2)
	server := httptest.NewServer(f.Handler())
	defer server.Close()
	r := Reader{HTTP: clientOf(server), Offset: time.Hour}
	await(t, "all hold all", func() bool {
		s, err := r.Status(t.Context())
		return err == nil && s.Whole()
	})
	first, err := r.Receipts(t.Context())
	if err != nil || len(first) != 2 || first[0].Route != "v1 100" {
		t.Fatalf("got %+v (%v), want the first routes of both", first, err)
	}
	pushed := time.Now()
	i.push(weighted(testHost, map[string]uint32{"v1": 90, "v2": 10}))
	var all []Receipt
	await(t, "both have the push", func() bool {
		fresh, err := r.Receipts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fresh...)
		return len(all) == 2
	})
	for _, one := range all {
		took := one.At.Add(-time.Hour).Sub(pushed)
		named := one.Route == "v1 90, v2 10" && one.Version == "7" && one.Nonce == "nonce"
		if !named || took < 0 || took > 10*time.Second {
			t.Errorf("got %+v after %s, want the routes that were pushed", one, took)
		}
	}
	if all[0].Proxy == all[1].Proxy {
		t.Errorf("got %+v, want one of each proxy", all)
	}
}

func TestAFleetGrowsShrinksAndComesBack(t *testing.T) {
	i := &istiod{t: t}
	f := begin(t, i.start(), 1)
	server := httptest.NewServer(f.Handler())
	defer server.Close()
	r := Reader{HTTP: clientOf(server)}
	for _, n := range []int{4, 0, 2} {
		if err := r.Resize(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		await(t, "the fleet has its size", func() bool { s := f.Status(); return s.Connected == n && s.Holding == n })
	}
	if err := r.Resize(t.Context(), -1); err == nil || !strings.Contains(err.Error(), "-1 proxies, want 0 to") {
		t.Errorf("got %v for -1 proxies", err)
	}
}

func TestPlansAreChecked(t *testing.T) {
	whole := Plan{Istiod: "a:1", Namespace: "b", Host: "c", Connects: 1}
	for name, change := range map[string]func(*Plan){
		"istiod": func(p *Plan) { p.Istiod = "" }, "namespace": func(p *Plan) { p.Namespace = "" },
		"host": func(p *Plan) { p.Host = "" }, "connects": func(p *Plan) { p.Connects = 0 },
		"first": func(p *Plan) { p.First = addresses },
	} {
		p := whole
		change(&p)
		if _, err := New(p); !errors.Is(err, ErrPlan) {
			t.Errorf("%s: got %v, want ErrPlan", name, err)
		}
	}
	if _, err := New(whole); err != nil {
		t.Error(err)
	}
}

func TestAddressesAreOfTheRange(t *testing.T) {
	for n, want := range map[int]string{
		0: "198.18.0.0", 257: "198.18.1.1", 1 << 16: "198.19.0.0", addresses - 1: "198.19.255.255",
	} {
		if got := address(n).String(); got != want {
			t.Errorf("got %s for %d, want %s", got, n, want)
		}
	}
}
