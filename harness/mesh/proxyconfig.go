package mesh

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A holding is the state that a proxy has, by its own account.
type holding struct {
	state
	// updated is when the proxy last took over a route configuration, a cluster or a listener that is in the state, by its clock.
	updated time.Time
	// seen tells that updated is when a change was seen, not the proxy's word.
	seen bool
	// aside are the endpoints, by cluster, that the proxy sends nothing to: because istiod calls them unhealthy or draining, or because its own outlier
	// detection ejected them, which it does not tell apart here.
	aside map[string][]string
	// refused is the reason of the newest rejected configuration, refusedAt its time. Empty and zero without one.
	refused   string
	refusedAt time.Time
}

// reject takes in the rejection that a part of a dump has, if any.
func (h *holding) reject(f failure) {
	if f.LastUpdateAttempt.After(h.refusedAt) {
		h.refused, h.refusedAt = f.Details, f.LastUpdateAttempt
	}
}

// A failure is Envoy's UpdateFailureState: what became of the newest version of a resource that was not taken over. It goes
// away when a later version is.
type failure struct {
	LastUpdateAttempt time.Time `json:"last_update_attempt"`
	Details           string    `json:"details"`
}

// The parts of Envoy's config_dump (envoy.admin.v3.ConfigDump) that are read. Where a resource was asked for, configs
// has its instances; a dynamic cluster, route configuration or listener has the time of its last change beside it.
type configDump struct {
	Configs []struct {
		Name        string    `json:"name"`
		LastUpdated time.Time `json:"last_updated"`
		ErrorState  failure   `json:"error_state"`
		RouteConfig struct {
			VirtualHosts []struct {
				Name   string           `json:"name"`
				Routes []map[string]any `json:"routes"`
			} `json:"virtual_hosts"`
		} `json:"route_config"`
		Cluster     map[string]any `json:"cluster"`
		ActiveState struct {
			LastUpdated time.Time      `json:"last_updated"`
			Listener    map[string]any `json:"listener"`
		} `json:"active_state"`
		EndpointConfig struct {
			ClusterName string `json:"cluster_name"`
			Endpoints   []struct {
				LbEndpoints []struct {
					Endpoint struct {
						Address struct {
							SocketAddress struct {
								Address   string `json:"address"`
								PortValue int    `json:"port_value"`
							} `json:"socket_address"`
						} `json:"address"`
					} `json:"endpoint"`
					HealthStatus string `json:"health_status"`
				} `json:"lb_endpoints"`
			} `json:"endpoints"`
		} `json:"endpoint_config"`
	} `json:"configs"`
}

// readHolding makes a holding of a proxy's dumps of its dynamic route configurations, its active dynamic clusters and
// its dynamic endpoints. A virtual host or cluster is kept where wanted has it, or where ns has its service.
func readHolding(routes, clusters, endpoints []byte, wanted state, ns string) (holding, error) {
	h := holding{state: newState(), aside: map[string][]string{}}
	var dump configDump
	if err := json.Unmarshal(routes, &dump); err != nil {
		return holding{}, fmt.Errorf("read the route configurations: %w", err)
	}
	for _, c := range dump.Configs {
		h.reject(c.ErrorState)
		kept := false
		for _, vh := range c.RouteConfig.VirtualHosts {
			if _, want := wanted.routes[vh.Name]; !want && !ourVirtualHost(vh.Name, ns) {
				continue
			}
			texts := []string{}
			for _, route := range vh.Routes {
				t, err := canonicalRoute(route)
				if err != nil {
					return holding{}, err
				}
				texts = append(texts, t)
			}
			h.routes[vh.Name] = texts
			kept = true
		}
		if kept && c.LastUpdated.After(h.updated) {
			h.updated = c.LastUpdated
		}
	}

	dump = configDump{}
	if err := json.Unmarshal(clusters, &dump); err != nil {
		return holding{}, fmt.Errorf("read the clusters: %w", err)
	}
	for _, c := range dump.Configs {
		h.reject(c.ErrorState)
		name, _ := c.Cluster["name"].(string)
		if !ourCluster(name, ns) {
			continue
		}
		parts, err := canonicalCluster(c.Cluster)
		if err != nil {
			return holding{}, err
		}
		h.clusters[name] = parts
		if c.LastUpdated.After(h.updated) {
			h.updated = c.LastUpdated
		}
	}

	dump = configDump{}
	if err := json.Unmarshal(endpoints, &dump); err != nil {
		return holding{}, fmt.Errorf("read the endpoints: %w", err)
	}
	for _, c := range dump.Configs {
		name := c.EndpointConfig.ClusterName
		if !ourCluster(name, ns) {
			continue
		}
		addresses := []string{}
		for _, locality := range c.EndpointConfig.Endpoints {
			for _, e := range locality.LbEndpoints {
				a := e.Endpoint.Address.SocketAddress
				address := net.JoinHostPort(a.Address, strconv.Itoa(a.PortValue))
				if s := e.HealthStatus; s != "" && s != "HEALTHY" && s != "UNKNOWN" {
					h.aside[name] = append(h.aside[name], address)
					continue
				}
				addresses = append(addresses, address)
			}
		}
		slices.Sort(addresses)
		h.endpoints[name] = addresses
	}
	return h, nil
}

// ejected tells whether an endpoint that is wanted is aside: then the proxy has to be asked why.
func (h *holding) ejected(want state) bool {
	for c, addresses := range h.aside {
		if slices.ContainsFunc(addresses, func(a string) bool { return slices.Contains(want.endpoints[c], a) }) {
			return true
		}
	}
	return false
}

// readEjected counts endpoints among those that the proxy holds which it ejected by itself, from its account of its hosts.
func (h *holding) readEjected(clusters []byte) error {
	for c := range h.aside {
		hosts, _, err := readHosts(clusters, c)
		if err != nil {
			return err
		}
		for _, host := range hosts {
			if host.Ejected && !host.Unhealthy && slices.Contains(h.aside[c], host.Address) {
				h.endpoints[c] = append(h.endpoints[c], host.Address)
			}
		}
		slices.Sort(h.endpoints[c])
	}
	return nil
}

// readListeners takes in a proxy's dump of its dynamic listeners, as far as s goes. A listener that is not in use yet, or no
// longer, does not count.
func (h *holding) readListeners(listeners []byte, s *scope) error {
	h.scope = s
	var dump configDump
	if err := json.Unmarshal(listeners, &dump); err != nil {
		return fmt.Errorf("read the listeners: %w", err)
	}
	for _, c := range dump.Configs {
		h.reject(c.ErrorState)
		l := c.ActiveState.Listener
		if l == nil {
			continue
		}
		parts, err := s.parts(l)
		if err != nil {
			return err
		}
		maps.Copy(h.listeners, parts)
		direction, _ := l["traffic_direction"].(string)
		// What has gone from a listener left its mark there too.
		if s.covers(c.Name, direction) && c.ActiveState.LastUpdated.After(h.updated) {
			h.updated = c.ActiveState.LastUpdated
		}
	}
	return nil
}

// difference says in words in what got is not want, each thing on its own; nothing where they are the same. Endpoints
// count only for the clusters whose endpoints want knows.
func difference(want, got state) []string {
	var diffs []string
	for _, vh := range slices.Sorted(maps.Keys(want.routes)) {
		have, ok := got.routes[vh]
		if !ok {
			diffs = append(diffs, "virtual host "+vh+" is missing")
			continue
		}
		diffs = append(diffs, routeDifference(vh, want.routes[vh], have)...)
	}
	for _, vh := range slices.Sorted(maps.Keys(got.routes)) {
		if _, ok := want.routes[vh]; !ok {
			diffs = append(diffs, "virtual host "+vh+" is still there")
		}
	}
	for _, c := range slices.Sorted(maps.Keys(want.clusters)) {
		switch have, ok := got.clusters[c]; {
		case !ok:
			diffs = append(diffs, "cluster "+c+" is missing")
		default:
			for _, part := range comparedParts {
				if g, w := have[part], want.clusters[c][part]; g != w {
					diffs = append(diffs, fmt.Sprintf("cluster %s, %s: got %s, want %s", c, part, orNone(g), orNone(w)))
				}
			}
		}
	}
	for _, c := range slices.Sorted(maps.Keys(got.clusters)) {
		if _, ok := want.clusters[c]; !ok {
			diffs = append(diffs, "cluster "+c+" is still there")
		}
	}
	for _, c := range slices.Sorted(maps.Keys(want.endpoints)) {
		// A cluster that is missing has been named already.
		if _, ok := got.clusters[c]; ok && !slices.Equal(want.endpoints[c], got.endpoints[c]) {
			diffs = append(diffs, fmt.Sprintf("endpoints of %s: got [%s], want [%s]",
				c, strings.Join(got.endpoints[c], " "), strings.Join(want.endpoints[c], " ")))
		}
	}
	parts := maps.Clone(want.listeners)
	maps.Copy(parts, got.listeners)
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		if g, w := got.listeners[part], want.listeners[part]; g != w {
			diffs = append(diffs, fmt.Sprintf("%s: got %s, want %s", part, orNone(g), orNone(w)))
		}
	}
	return diffs
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// routeDifference compares routes in order: the first that matches a request takes it.
func routeDifference(vh string, want, got []string) []string {
	if len(want) != len(got) {
		return []string{fmt.Sprintf("virtual host %s: got %d routes, want %d: got %s, want %s",
			vh, len(got), len(want), strings.Join(got, " "), strings.Join(want, " "))}
	}
	var diffs []string
	for i := range want {
		if want[i] != got[i] {
			diffs = append(diffs, fmt.Sprintf("virtual host %s, route %d: got %s, want %s", vh, i+1, got[i], want[i]))
		}
	}
	return diffs
}
