package mesh

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A listener is the part of Envoy's listener (envoy.config.listener.v3.Listener) that is read by name.
type listener struct {
	Name             string         `json:"name"`
	TrafficDirection string         `json:"traffic_direction"`
	ListenerFilters  []filter       `json:"listener_filters"`
	FilterChains     []*filterChain `json:"filter_chains"`
	DefaultChain     *filterChain   `json:"default_filter_chain"`
}

type filterChain struct {
	Name  string `json:"name"`
	Match struct {
		TransportProtocol string `json:"transport_protocol"`
	} `json:"filter_chain_match"`
	TransportSocket *struct {
		TypedConfig struct {
			RequireClientCertificate bool `json:"require_client_certificate"`
		} `json:"typed_config"`
	} `json:"transport_socket"`
	Filters []filter `json:"filters"`
	// all has every field, by key.
	all map[string]any
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *filterChain) UnmarshalJSON(b []byte) error {
	type plain filterChain
	if err := json.Unmarshal(b, (*plain)(c)); err != nil {
		return err
	}
	return json.Unmarshal(b, &c.all)
}

// A filter is one of Envoy's filters of any sort, by key. It has a name and a typed_config.
type filter map[string]any

func (f filter) name() string {
	name, _ := f["name"].(string)
	return name
}

func (f filter) config() map[string]any {
	c, _ := f["typed_config"].(map[string]any)
	return c
}

// parts returns what is compared of one listener, by names that begin with the listener's. Filter
// chains differ by what they match, and several may have the same name. So a part of a chain is the
// set of the values in all chains of that name.
func (s *scope) parts(tree map[string]any) (map[string]string, error) {
	b, err := json.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("print a listener: %w", err)
	}
	var l listener
	if err := json.Unmarshal(b, &l); err != nil {
		return nil, fmt.Errorf("read a listener: %w", err)
	}
	if !s.covers(l.Name, l.TrafficDirection) {
		return nil, nil
	}
	// Only Envoy's dump has the type of the whole listener.
	delete(tree, "@type")
	p := parts{}
	at := "listener " + l.Name
	if s.added[l.Name] {
		p.add(at, "configuration", tree)
	}
	p.fields(at, s.listener, tree)
	s.filtersOf(p, at+", listener filters", l.ListenerFilters)
	for _, c := range append(l.FilterChains, l.DefaultChain) {
		if c == nil {
			continue
		}
		at := at + ", chain " + orNone(c.Name)
		p.fields(at, s.chain, c.all)
		if s.transport && l.TrafficDirection == inbound {
			p.add(at, "transport", c.transport())
		}
		s.filtersOf(p, at+", filters", c.Filters)
		for _, f := range c.Filters {
			if f.name() != connectionManager {
				continue
			}
			var http []filter
			for _, h := range items(f.config()["http_filters"]) {
				http = append(http, h)
			}
			s.filtersOf(p, at+", HTTP filters", http)
			if s.routes && l.TrafficDirection == inbound {
				if err := p.routes(at, f.config()); err != nil {
					return nil, err
				}
			}
		}
	}
	return p.texts()
}

// transport says how connections must come that a chain accepts.
func (c *filterChain) transport() string {
	switch {
	case c.TransportSocket != nil && c.TransportSocket.TypedConfig.RequireClientCertificate:
		return "mutual TLS"
	case c.TransportSocket != nil:
		return "TLS"
	case c.Match.TransportProtocol == "tls":
		return "TLS of the app's own"
	}
	return "plaintext"
}

// filtersOf adds the compared ones of a chain's filters: their order, and the compared fields of each.
func (s *scope) filtersOf(p parts, at string, all []filter) {
	var names []string
	for _, f := range all {
		compared, ok := s.filters[f.name()]
		if !ok {
			continue
		}
		names = append(names, f.name())
		if compared[everything] {
			p.add(at, f.name(), map[string]any(f))
		} else {
			p.fields(at+", "+f.name(), compared, f.config())
		}
	}
	if len(names) > 0 {
		p.add(at, "names", strings.Join(names, ", "))
	}
}

// parts has what is compared, by name.
type parts map[string][]any

func (p parts) add(at, what string, value any) { p[at+", "+what] = append(p[at+", "+what], value) }

// fields adds the compared fields that are present.
func (p parts) fields(at string, compared fields, of map[string]any) {
	for key := range compared {
		if v, ok := of[key]; ok {
			p.add(at, key, v)
		}
	}
}

// routes adds the routes that a connection manager has itself, as inbound ones do.
func (p parts) routes(at string, manager map[string]any) error {
	config, _ := manager["route_config"].(map[string]any)
	for _, host := range items(config["virtual_hosts"]) {
		name, _ := host["name"].(string)
		texts, err := canonicalRoutes(items(host["routes"]))
		if err != nil {
			return err
		}
		p.add(at, "virtual host "+name, strings.Join(texts, " "))
		p.fields(at+", virtual host "+name, fields{"typed_per_filter_config": true, "rate_limits": true}, host)
	}
	p.fields(at+", routes", fields{"typed_per_filter_config": true}, config)
	return nil
}

// items returns the objects of a JSON array.
func items(array any) []map[string]any {
	list, _ := array.([]any)
	all := make([]map[string]any, 0, len(list))
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

func (p parts) texts() (map[string]string, error) {
	all := make(map[string]string, len(p))
	for name, values := range p {
		var texts []string
		for _, v := range values {
			t, ok := v.(string)
			if !ok {
				var err error
				if t, err = canonicalJSON(v); err != nil {
					return nil, err
				}
			}
			texts = append(texts, t)
		}
		slices.Sort(texts)
		all[name] = strings.Join(slices.Compact(texts), " and ")
	}
	return all, nil
}
