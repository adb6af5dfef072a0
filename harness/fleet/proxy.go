package fleet

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/canarylab/canarylab/internal/bitset"
)

// deltaMethod is the call of delta xDS (envoy.service.discovery.v3).
const deltaMethod = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"

// The windows of Istio's agent towards istiod (istio.io/istio, pkg/istio-agent and pilot/pkg/grpc: 1 MB each).
const window = 1 << 20

// comeAgain is how long a proxy waits before it connects again, a half more or less by chance. Istiod has a proxy wait
// for a second before it sends it away (PILOT_MAX_REQUESTS_PER_SECOND).
const comeAgain = time.Second

// range198 are the addresses for tests of networks (RFC 2544): no pod has one.
var range198 = netip.MustParseAddr("198.18.0.0")

// addresses is how many there are in 198.18.0.0/15.
const addresses = 1 << 17

// A proxy is one that is simulated.
type proxy struct {
	fleet  *Fleet
	number int
	// endpoints and routes are the names that the proxy asked for, by their numbers.
	endpoints, routes *bitset.Set
	// given counts what came until the proxy had all. asked tells that it asked for listeners, and holds that it has
	// all.
	given given
	asked bool
	holds bool
}

// given are numbers of resources by their type, and of bytes.
type given struct{ clusters, endpoints, listeners, routes, bytes int }

// run connects, and again whenever the stream ends, until ctx ends.
func (p *proxy) run(ctx context.Context) {
	for {
		err := p.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		p.fleet.change(func(s *Status) {
			s.Dropped++
			s.LastError = fmt.Sprintf("proxy %d: %v", p.number, err)
		})
		wait := comeAgain/2 + rand.N(comeAgain) //nolint:gosec // a jitter is no secret
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// connect takes what istiod has for the proxy, until the stream ends.
func (p *proxy) connect(ctx context.Context) error {
	conn, err := grpc.NewClient("passthrough:///"+p.fleet.plan.Istiod,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithInitialWindowSize(window),
		grpc.WithInitialConnWindowSize(window),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.ForceCodec(codec{})))
	if err != nil {
		return fmt.Errorf("connect to istiod at %s: %w", p.fleet.plan.Istiod, err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, deltaMethod)
	if err != nil {
		return fmt.Errorf("connect to istiod at %s: %w", p.fleet.plan.Istiod, err)
	}
	p.endpoints, p.routes = &bitset.Set{}, &bitset.Set{}
	p.asked, p.given = false, given{}
	first := &discovery.DeltaDiscoveryRequest{TypeUrl: clusterType, Node: p.node()}
	if err := stream.SendMsg(first); err != nil {
		return fmt.Errorf("ask istiod for clusters: %w", err)
	}
	connected := false
	defer func() {
		p.fleet.change(func(s *Status) {
			if connected {
				s.Connected--
			}
			if p.holds {
				s.Holding--
			}
		})
		p.holds = false
	}()
	for {
		var raw []byte
		if err := stream.RecvMsg(&raw); err != nil {
			return fmt.Errorf("the stream from istiod: %w", err)
		}
		at := time.Now()
		p.fleet.change(func(s *Status) {
			s.Received += int64(len(raw))
			if !connected {
				connected = true
				s.Connected++
			}
		})
		if err := p.take(stream, raw, at); err != nil {
			return err
		}
	}
}

// take acknowledges one answer, and asks for what follows from it.
func (p *proxy) take(stream grpc.ClientStream, raw []byte, at time.Time) error {
	a, err := readAnswer(raw)
	if err != nil {
		return fmt.Errorf("an answer of istiod: %w", err)
	}
	ask := func(r *discovery.DeltaDiscoveryRequest) error {
		if err := stream.SendMsg(r); err != nil {
			return fmt.Errorf("ask istiod for %s: %w", r.GetTypeUrl(), err)
		}
		return nil
	}
	if err := ask(&discovery.DeltaDiscoveryRequest{TypeUrl: a.kind, ResponseNonce: a.nonce}); err != nil {
		return err
	}
	p.given.bytes += len(raw)
	switch a.kind {
	case clusterType:
		p.given.clusters += len(a.resources)
		names, err := p.fresh(p.endpoints, a.resources, endpointNames)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			return ask(&discovery.DeltaDiscoveryRequest{TypeUrl: endpointType, ResourceNamesSubscribe: names})
		}
	case endpointType:
		p.given.endpoints += len(a.resources)
	case listenerType:
		p.given.listeners += len(a.resources)
		names, err := p.fresh(p.routes, a.resources, routeNames)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			return ask(&discovery.DeltaDiscoveryRequest{TypeUrl: routeType, ResourceNamesSubscribe: names})
		}
	case routeType:
		p.given.routes += len(a.resources)
		return p.takeRoutes(a, len(raw), at)
	}
	// An Envoy asks for listeners once its clusters are warm: once they have their endpoints, which come in one answer.
	if !p.asked {
		p.asked = true
		return ask(&discovery.DeltaDiscoveryRequest{TypeUrl: listenerType})
	}
	return nil
}

// fresh returns the names that resources call for and that were not asked for yet, and adds them to known.
func (p *proxy) fresh(
	known *bitset.Set, resources [][]byte, namesOf func(resource []byte, yield func(name []byte)) error,
) (names []string, err error) {
	for _, r := range resources {
		err := namesOf(r, func(name []byte) {
			if !known.Set(p.fleet.number(name)) {
				names = append(names, string(name))
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// takeRoutes notes what routes say of the fleet's host. With them the proxy holds all.
func (p *proxy) takeRoutes(a answer, size int, at time.Time) error {
	for _, r := range a.resources {
		route, found, err := routeOf(r, p.fleet.plan.Host)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		p.fleet.note(Receipt{
			Proxy: p.number, At: at, Version: a.version, Nonce: a.nonce, Bytes: size, Route: route,
		})
		if !p.holds {
			p.holds = true
			p.fleet.change(func(s *Status) {
				s.Holding++
				s.Clusters, s.Endpoints = p.given.clusters, p.given.endpoints
				s.Listeners, s.Routes, s.Bytes = p.given.listeners, p.given.routes, p.given.bytes
			})
		}
	}
	return nil
}

// node is what the proxy says of itself, as an Envoy beside Istio's agent does.
func (p *proxy) node() *core.Node {
	ns := p.fleet.plan.Namespace
	return &core.Node{
		Id: fmt.Sprintf("sidecar~%s~simulated-%06d.%s~%s.svc.cluster.local", address(p.number), p.number, ns, ns),
		Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{
			"NAMESPACE":  structpb.NewStringValue(ns),
			"CLUSTER_ID": structpb.NewStringValue("Kubernetes"),
			// Istio's own adsc says the same for "newer than any".
			"ISTIO_VERSION":     structpb.NewStringValue("65536.65536.65536"),
			"INTERCEPTION_MODE": structpb.NewStringValue("REDIRECT"),
		}},
	}
}

// address is a proxy's.
func address(number int) netip.Addr {
	b := range198.As4()
	b[1] += byte(number >> 16)
	b[2], b[3] = byte(number>>8), byte(number)
	return netip.AddrFrom4(b)
}

// codec hands over answers as they came: nobody reads most of what is in them.
type codec struct{}

// Name implements encoding.Codec.
func (codec) Name() string { return "proto" }

// Marshal implements encoding.Codec.
func (codec) Marshal(v any) ([]byte, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no message", v)
	}
	return proto.Marshal(m)
}

// Unmarshal implements encoding.Codec. The memory is the receiver's.
func (codec) Unmarshal(data []byte, v any) error {
	raw, ok := v.(*[]byte)
	if !ok {
		return errors.New("answers are read as bytes")
	}
	*raw = data
	return nil
}
