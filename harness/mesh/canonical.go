package mesh

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// namespaces are those whose services' hosts are looked at.
type namespaces []string

// haveVirtualHost tells whether an Envoy virtual host, "host:port", belongs to a service of one of them.
func (n namespaces) haveVirtualHost(name string) bool {
	h, _, ok := strings.Cut(name, ":")
	return ok && n.have(h)
}

// haveCluster tells whether an Envoy cluster, "outbound|port|subset|host", belongs to a service of one of them.
func (n namespaces) haveCluster(name string) bool {
	return strings.HasPrefix(name, "outbound|") && n.have(name)
}

// have tells whether a text ends with the host of a service of one of them.
func (n namespaces) have(text string) bool {
	return slices.ContainsFunc(n, func(ns string) bool { return strings.HasSuffix(text, "."+ns+".svc."+domain) })
}

// pattern is a regular expression of their names.
func (n namespaces) pattern() string {
	var all []string
	for _, ns := range n {
		all = append(all, regexp.QuoteMeta(ns))
	}
	return strings.Join(all, "|")
}

// canonicalProto turns a message into the JSON that Envoy prints for it, and that JSON into its canonical form.
func canonicalProto[T any](m proto.Message, canonical func(map[string]any) (T, error)) (form T, err error) {
	b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return form, fmt.Errorf("print %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	var tree map[string]any
	if err := json.Unmarshal(b, &tree); err != nil {
		return form, fmt.Errorf("read back %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return canonical(tree)
}

// routeNoise are the parts of a route that do not steer requests: names for traces, statistics and people.
var routeNoise = []string{"metadata", "decorator", "stat_prefix", "name"}

// actionNoise are the parts of a route's action that follow from Istio's version, not from the VirtualService.
var actionNoise = []string{
	"max_grpc_timeout", "max_stream_duration", "cluster_not_found_response_code", "append_x_forwarded_host",
}

func canonicalRoute(route map[string]any) (string, error) {
	for _, key := range routeNoise {
		delete(route, key)
	}
	if action, ok := route["route"].(map[string]any); ok {
		for _, key := range actionNoise {
			delete(action, key)
		}
		if retry, ok := action["retry_policy"].(map[string]any); ok {
			delete(retry, "retry_host_predicate")
			delete(retry, "host_selection_retry_max_attempts")
		}
	}
	return canonicalJSON(route)
}

// canonicalRoutes are the canonical forms of routes, in their order.
func canonicalRoutes(routes []map[string]any) ([]string, error) {
	texts := make([]string, len(routes))
	for i, route := range routes {
		var err error
		if texts[i], err = canonicalRoute(route); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// clusterParts are the parts of a cluster that the traffic policy of a Service or DestinationRule
// decides, as far as they are the same in every version of Istio.
var clusterParts = []string{
	"type", "lb_policy", "connect_timeout", "circuit_breakers", "outlier_detection", "ring_hash_lb_config",
	"maglev_lb_config",
}

func canonicalCluster(cluster map[string]any) (map[string]string, error) {
	parts := map[string]string{tlsPart: clientTLS(cluster)}
	for _, key := range clusterParts {
		v, ok := cluster[key]
		if !ok {
			continue
		}
		var err error
		if parts[key], err = canonicalJSON(v); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// tlsPart is the part of a cluster that clientTLS describes.
const tlsPart = "tls"

// comparedParts are all parts of a cluster that are compared.
var comparedParts = append(slices.Clip(clusterParts), tlsPart)

// clientTLS says how a cluster's requests are encrypted: as each endpoint takes it (Istio's auto
// mTLS), always in the way that a DestinationRule says, or not at all. It leaves out certificates
// and the like, which belong to the mesh.
func clientTLS(cluster map[string]any) string {
	if socket, ok := cluster["transport_socket"].(map[string]any); ok {
		return fmt.Sprint("always by ", socket["name"])
	}
	if _, ok := cluster["transport_socket_matches"]; ok {
		return "as the endpoint takes it"
	}
	return "none"
}

// canonicalJSON is JSON with sorted keys.
func canonicalJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("print what is compared: %w", err)
	}
	return string(b), nil
}
