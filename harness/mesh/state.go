package mesh

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A state is what is compared of a proxy's configuration: all that a VirtualService, a
// DestinationRule, a Service, a policy or a pod's readiness decides for the hosts of one namespace.
// Each part is a canonical text that people can read.
type state struct {
	// routes has the ordered routes of each virtual host, by its name, such as "my-service.demo.svc.cluster.local:80".
	routes map[string][]string
	// clusters has the compared parts of each cluster, by its name, such as
	// "outbound|80|v2|my-service.demo.svc.cluster.local".
	clusters map[string]map[string]string
	// endpoints has the "ip:port" of the healthy endpoints of each cluster that gets them from istiod, sorted.
	endpoints map[string][]string
	// listeners has the parts of listeners that scope has compared, by the names of the parts.
	listeners map[string]string
	scope     *scope
}

func newState() state {
	return state{
		routes: map[string][]string{}, clusters: map[string]map[string]string{},
		endpoints: map[string][]string{}, listeners: map[string]string{},
	}
}

// equal tells whether two states are the same. It does not compare listeners that were read with different scopes.
func (s state) equal(o state) bool {
	return maps.EqualFunc(s.routes, o.routes, slices.Equal) &&
		maps.EqualFunc(s.clusters, o.clusters, maps.Equal[map[string]string]) &&
		maps.EqualFunc(s.endpoints, o.endpoints, slices.Equal) &&
		(s.scope != o.scope || maps.Equal(s.listeners, o.listeners))
}

// An expectation is the state that one proxy should have.
type expectation struct {
	state
	// routeConfigs are Envoy's route configurations that the virtual hosts are in, such as "80".
	routeConfigs []string
	// listenerNames are the listeners that have a part in the state, or had one earlier.
	listenerNames []string
}

// difference says in words where got is not as want, one text for each difference. It compares
// endpoints only of the clusters whose endpoints want knows.
func difference(want, got state) []string {
	diffs := compareNamed("virtual host", want.routes, got.routes, routeDifference)
	diffs = append(diffs, compareNamed("cluster", want.clusters, got.clusters, clusterDifference)...)
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

// compareNamed names what only one of want and got has, and compares what both have.
func compareNamed[T any](
	what string, want, got map[string]T, compare func(name string, want, got T) []string,
) (diffs []string) {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if have, ok := got[name]; ok {
			diffs = append(diffs, compare(name, want[name], have)...)
		} else {
			diffs = append(diffs, what+" "+name+" is missing")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			diffs = append(diffs, what+" "+name+" is still there")
		}
	}
	return diffs
}

// routeDifference compares routes in order, because the first that matches a request takes it.
func routeDifference(vh string, want, got []string) (diffs []string) {
	if len(want) != len(got) {
		return []string{fmt.Sprintf("virtual host %s: got %d routes, want %d: got %s, want %s",
			vh, len(got), len(want), strings.Join(got, " "), strings.Join(want, " "))}
	}
	for i := range want {
		if want[i] != got[i] {
			diffs = append(diffs, fmt.Sprintf("virtual host %s, route %d: got %s, want %s", vh, i+1, got[i], want[i]))
		}
	}
	return diffs
}

func clusterDifference(cluster string, want, got map[string]string) (diffs []string) {
	for _, part := range comparedParts {
		if g, w := got[part], want[part]; g != w {
			diffs = append(diffs, fmt.Sprintf("cluster %s, %s: got %s, want %s", cluster, part, orNone(g), orNone(w)))
		}
	}
	return diffs
}

func orNone(s string) string { return cmp.Or(s, "none") }
