package fleet

import (
	"bytes"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// The types of resources that a sidecar asks istiod for.
const (
	typePrefix   = "type.googleapis.com/"
	clusterType  = typePrefix + "envoy.config.cluster.v3.Cluster"
	endpointType = typePrefix + "envoy.config.endpoint.v3.ClusterLoadAssignment"
	listenerType = typePrefix + "envoy.config.listener.v3.Listener"
	routeType    = typePrefix + "envoy.config.route.v3.RouteConfiguration"
	// managerType is the filter of HTTP, whose routes come by name.
	managerType = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)

// The numbers of fields, by Envoy's proto files: api/envoy/service/discovery/v3/discovery.proto for answers, and those
// of config/{cluster,listener,route}/v3 and of the filter.
const (
	answerVersion, answerResources, answerType, answerNonce = 1, 2, 4, 5
	resourceBody                                            = 2
	anyType, anyValue                                       = 1, 2

	clusterName, clusterKind, clusterEDS, edsService = 1, 2, 3, 2
	kindEDS                                          = 3

	listenerChains, listenerDefaultChain, chainFilters, filterConfig = 3, 25, 3, 4
	managerRDS, rdsName                                              = 3, 2

	tableHosts, hostDomains, hostRoutes, routeAction = 2, 2, 3, 2
	actionCluster, actionWeighted, weightedClusters  = 1, 3, 1
	weightName, weightValue, number                  = 1, 2, 1
)

// An answer is a DeltaDiscoveryResponse, as far as a proxy needs it. Its resources are the answer's memory.
type answer struct {
	kind, nonce, version string
	resources            [][]byte
}

func readAnswer(raw []byte) (a answer, err error) {
	err = each(raw, func(id protowire.Number, _ uint64, b []byte) error {
		switch id {
		case answerVersion:
			a.version = string(b)
		case answerType:
			a.kind = string(b)
		case answerNonce:
			a.nonce = string(b)
		case answerResources:
			// A resource with its name and version, around it as an Any.
			return within(b, func(body []byte) error {
				a.resources = append(a.resources, body)
				return nil
			}, resourceBody, anyValue)
		}
		return nil
	})
	return a, err
}

// endpointNames yields the name by which the endpoints of a cluster are asked for, if it has any to ask for.
func endpointNames(cluster []byte, yield func(name []byte)) error {
	var name, service []byte
	byEDS := false
	err := each(cluster, func(id protowire.Number, n uint64, b []byte) error {
		switch id {
		case clusterName:
			name = b
		case clusterKind:
			byEDS = n == kindEDS
		case clusterEDS:
			return within(b, func(s []byte) error {
				service = s
				return nil
			}, edsService)
		}
		return nil
	})
	if len(service) > 0 {
		name = service
	}
	if err == nil && byEDS {
		yield(name)
	}
	return err
}

// routeNames yields the names of the routes that a listener asks for.
func routeNames(listener []byte, yield func(name []byte)) error {
	found := func(filter []byte) error {
		http := false
		return each(filter, func(id protowire.Number, _ uint64, b []byte) error {
			if id == anyType {
				http = bytes.HasSuffix(b, []byte(managerType))
			}
			if id != anyValue || !http {
				return nil
			}
			return within(b, func(name []byte) error {
				yield(name)
				return nil
			}, managerRDS, rdsName)
		})
	}
	for _, chain := range []protowire.Number{listenerChains, listenerDefaultChain} {
		if err := within(listener, found, chain, chainFilters, filterConfig); err != nil {
			return err
		}
	}
	return nil
}

// routeOf returns where the last route of a host leads, as Receipt.Route has it. found is false where the table does
// not have the host.
func routeOf(table []byte, host string) (route string, found bool, err error) {
	err = within(table, func(virtual []byte) error {
		ours := false
		err := within(virtual, func(domain []byte) error {
			ours = ours || string(domain) == host
			return nil
		}, hostDomains)
		if err != nil || !ours {
			return err
		}
		found = true
		return within(virtual, func(action []byte) error {
			route, err = destinations(action)
			return err
		}, hostRoutes, routeAction)
	}, tableHosts)
	return route, found, err
}

// destinations are the subsets of a route with their weights.
func destinations(action []byte) (string, error) {
	var all []string
	err := each(action, func(id protowire.Number, _ uint64, b []byte) error {
		switch id {
		case actionCluster:
			all = append(all, subset(string(b))+" 100")
		case actionWeighted:
			return within(b, func(cluster []byte) error {
				var name string
				var weight uint64
				err := each(cluster, func(id protowire.Number, _ uint64, b []byte) error {
					switch id {
					case weightName:
						name = string(b)
					case weightValue:
						return each(b, func(id protowire.Number, n uint64, _ []byte) error {
							if id == number {
								weight = n
							}
							return nil
						})
					}
					return nil
				})
				if weight > 0 {
					all = append(all, fmt.Sprintf("%s %d", subset(name), weight))
				}
				return err
			}, weightedClusters)
		}
		return nil
	})
	return strings.Join(all, ", "), err
}

// subset is that of the name of one of Istio's clusters, such as outbound|80|v1|my-service.shop.svc.cluster.local, or
// the name where it has none.
func subset(cluster string) string {
	if parts := strings.Split(cluster, "|"); len(parts) == 4 && parts[2] != "" {
		return parts[2]
	}
	return cluster
}

// within calls f with each value at a path of fields.
func within(b []byte, f func([]byte) error, path ...protowire.Number) error {
	return each(b, func(id protowire.Number, _ uint64, b []byte) error {
		if id != path[0] {
			return nil
		}
		if len(path) == 1 {
			return f(b)
		}
		return within(b, f, path[1:]...)
	})
}

// each calls f with each field of a message: its number, and its value as far as it is a number, or bytes.
func each(b []byte, f func(id protowire.Number, n uint64, b []byte) error) error {
	for len(b) > 0 {
		id, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("not a message of protobuf: %w", protowire.ParseError(n))
		}
		b = b[n:]
		size := protowire.ConsumeFieldValue(id, kind, b)
		if size < 0 {
			return fmt.Errorf("not a message of protobuf: %w", protowire.ParseError(size))
		}
		var number uint64
		var value []byte
		switch kind {
		case protowire.VarintType:
			number, _ = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			value, _ = protowire.ConsumeBytes(b)
		default: // nothing that a proxy here looks at
		}
		if err := f(id, number, value); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}
