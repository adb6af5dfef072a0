package mesh

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// A proxyConfig is the state that a proxy says it has.
type proxyConfig struct {
	state
	// updated is when the proxy last applied a route configuration, a cluster or a listener that
	// is in the state, by its clock.
	updated time.Time
	// observed tells that updated is when a change was observed, and does not come from the proxy.
	observed bool
	// unhealthy has, by cluster, the endpoints that the proxy sends nothing to. Either istiod calls
	// them unhealthy or draining, or the proxy's own outlier detection ejected them. The dump does
	// not tell the two apart.
	unhealthy map[string][]string
	// rejected is the reason of the newest configuration that the proxy rejected, rejectedAt its
	// time. Both are empty without one.
	rejected   string
	rejectedAt time.Time
}

// touch notes that the proxy applied a part of its configuration at a moment.
func (c *proxyConfig) touch(at time.Time) {
	if at.After(c.updated) {
		c.updated = at
	}
}

// noteRejection takes over the rejection in a part of a dump, if there is one.
func (c *proxyConfig) noteRejection(f updateFailure) {
	if f.LastUpdateAttempt.After(c.rejectedAt) {
		c.rejected, c.rejectedAt = f.Details, f.LastUpdateAttempt
	}
}

// An updateFailure is Envoy's UpdateFailureState: why a proxy rejected the newest version of a
// resource. It goes away when the proxy accepts a later one.
type updateFailure struct {
	LastUpdateAttempt time.Time `json:"last_update_attempt"`
	Details           string    `json:"details"`
}

// A configDump has the parts of Envoy's config_dump (envoy.admin.v3.ConfigDump) that are read.
// Where a resource was asked for, configs has its instances. A dynamic cluster, route configuration
// or listener has the time of its last change beside it.
type configDump struct {
	Configs []struct {
		Name        string        `json:"name"`
		LastUpdated time.Time     `json:"last_updated"`
		ErrorState  updateFailure `json:"error_state"`
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
						Address envoyAddress `json:"address"`
					} `json:"endpoint"`
					HealthStatus string `json:"health_status"`
				} `json:"lb_endpoints"`
			} `json:"endpoints"`
		} `json:"endpoint_config"`
	} `json:"configs"`
}

func parseDump(b []byte, what string) (d configDump, err error) {
	if err := json.Unmarshal(b, &d); err != nil {
		return d, fmt.Errorf("read the %s: %w", what, err)
	}
	return d, nil
}

// readProxyConfig reads a proxy's dumps of its dynamic route configurations, its active dynamic
// clusters and its dynamic endpoints. It keeps a virtual host or cluster if wanted has it, or if
// its service is in ns.
func readProxyConfig(routes, clusters, endpoints []byte, wanted state, ns namespaces) (proxyConfig, error) {
	c := proxyConfig{state: newState(), unhealthy: map[string][]string{}}
	err := c.readRoutes(routes, wanted, ns)
	if err == nil {
		err = c.readClusters(clusters, ns)
	}
	if err == nil {
		err = c.readEndpoints(endpoints, ns)
	}
	return c, err
}

func (c *proxyConfig) readRoutes(routes []byte, wanted state, ns namespaces) error {
	dump, err := parseDump(routes, "route configurations")
	if err != nil {
		return err
	}
	for _, d := range dump.Configs {
		c.noteRejection(d.ErrorState)
		for _, vh := range d.RouteConfig.VirtualHosts {
			if _, want := wanted.routes[vh.Name]; !want && !ns.haveVirtualHost(vh.Name) {
				continue
			}
			if c.routes[vh.Name], err = canonicalRoutes(vh.Routes); err != nil {
				return err
			}
			c.touch(d.LastUpdated)
		}
	}
	return nil
}

func (c *proxyConfig) readClusters(clusters []byte, ns namespaces) error {
	dump, err := parseDump(clusters, "clusters")
	if err != nil {
		return err
	}
	for _, d := range dump.Configs {
		c.noteRejection(d.ErrorState)
		name, _ := d.Cluster["name"].(string)
		if !ns.haveCluster(name) {
			continue
		}
		if c.clusters[name], err = canonicalCluster(d.Cluster); err != nil {
			return err
		}
		c.touch(d.LastUpdated)
	}
	return nil
}

func (c *proxyConfig) readEndpoints(endpoints []byte, ns namespaces) error {
	dump, err := parseDump(endpoints, "endpoints")
	if err != nil {
		return err
	}
	for _, d := range dump.Configs {
		name := d.EndpointConfig.ClusterName
		if !ns.haveCluster(name) {
			continue
		}
		addresses := []string{}
		for _, locality := range d.EndpointConfig.Endpoints {
			for _, e := range locality.LbEndpoints {
				if a := e.Endpoint.Address.String(); healthyEDS(e.HealthStatus) {
					addresses = append(addresses, a)
				} else {
					c.unhealthy[name] = append(c.unhealthy[name], a)
				}
			}
		}
		slices.Sort(addresses)
		c.endpoints[name] = addresses
	}
	return nil
}

// lacksEndpoint tells whether the proxy calls an endpoint unhealthy that want has. Then the proxy has to be asked why.
func (c *proxyConfig) lacksEndpoint(want state) bool {
	for cluster, addresses := range c.unhealthy {
		if slices.ContainsFunc(addresses, func(a string) bool { return slices.Contains(want.endpoints[cluster], a) }) {
			return true
		}
	}
	return false
}

// readEjected adds the endpoints that the proxy itself ejected to those that it has, from its list of hosts.
func (c *proxyConfig) readEjected(clusters []byte) error {
	for cluster := range c.unhealthy {
		hosts, _, err := readHosts(clusters, cluster)
		if err != nil {
			return err
		}
		for _, host := range hosts {
			if host.Ejected && !host.Unhealthy && slices.Contains(c.unhealthy[cluster], host.Address) {
				c.endpoints[cluster] = append(c.endpoints[cluster], host.Address)
			}
		}
		slices.Sort(c.endpoints[cluster])
	}
	return nil
}

// readListeners reads a proxy's dump of its dynamic listeners, as far as s goes. It ignores a
// listener that is not in use yet, or no longer.
func (c *proxyConfig) readListeners(listeners []byte, s *scope) error {
	c.scope = s
	dump, err := parseDump(listeners, "listeners")
	if err != nil {
		return err
	}
	for _, d := range dump.Configs {
		c.noteRejection(d.ErrorState)
		l := d.ActiveState.Listener
		if l == nil {
			continue
		}
		parts, err := s.parts(l)
		if err != nil {
			return err
		}
		maps.Copy(c.listeners, parts)
		// A removal from a listener updates its time too.
		if direction, _ := l["traffic_direction"].(string); s.covers(d.Name, direction) {
			c.touch(d.ActiveState.LastUpdated)
		}
	}
	return nil
}
