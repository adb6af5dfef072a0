package routes

import (
	"math/rand/v2"
	"strings"
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcher "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	networking "istio.io/api/networking/v1alpha3"
	"istio.io/istio/pilot/pkg/model"
	istioroute "istio.io/istio/pilot/pkg/networking/core/route"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/host"
	"istio.io/istio/pkg/util/sets"
)

// The routes that Istio itself makes for Envoy, asked one after the other as Envoy's protocol says, take the same
// requests as the rules.
func TestMatchAgreesWithIstiosRoutes(t *testing.T) {
	asked := 0
	for seed := range uint64(80) {
		rng := rand.New(rand.NewPCG(seed, 2))
		text := randomRoutes(rng)
		table := read(t, "random.yaml", text)
		var vs *virtualService
		for _, o := range objects(t, "random.yaml", text) {
			if o.GetKind() == "VirtualService" {
				var err error
				if vs, err = newVirtualService(o); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 50 {
			r := randomRequest(rng)
			want := ""
			for _, route := range istiosRoutes(vs, r) {
				if takes(route.Match, r) {
					want = route.Name
					break
				}
			}
			got := ""
			if i, ok := table.Match(r); ok {
				got = table.Rules[i].Name
				asked++
			}
			if got != want {
				t.Fatalf("seed %d, %+v: got %q, want %q as Istio has it:\n%s", seed, r, got, want, text)
			}
		}
	}
	if asked < 500 {
		t.Errorf("got %d requests that a rule takes, want many more: the test tries nothing", asked)
	}
}

func istiosRoutes(vs *virtualService, r Request) []*routev3.Route {
	node := &model.Proxy{Labels: r.SourceLabels, Metadata: &model.NodeMetadata{Namespace: r.SourceNamespace}}
	all, err := istioroute.BuildHTTPRoutesForVirtualService(node, config.Config{
		Meta: config.Meta{Name: vs.GetName(), Namespace: vs.GetNamespace()}, Spec: vs.spec,
	}, r.Port, sets.New(Mesh), istioroute.RouteOptions{
		LookupService:            func(host.Name) *model.Service { return nil },
		LookupDestinationCluster: istioroute.GetDestinationCluster,
		LookupHash: func(*networking.HTTPRouteDestination) *networking.LoadBalancerSettings_ConsistentHashLB {
			return nil
		},
	})
	if err != nil {
		return nil // no route is for this caller
	}
	return all
}

// takes tells whether Envoy's match lets a request through, by the comments of envoy.config.route.v3.RouteMatch.
func takes(m *routev3.RouteMatch, r Request) bool {
	path, _ := r.path()
	fold := func(s string) string {
		if m.GetCaseSensitive() != nil && !m.GetCaseSensitive().GetValue() {
			return strings.ToLower(s)
		}
		return s
	}
	ok := false
	switch p := m.PathSpecifier.(type) {
	case *routev3.RouteMatch_Prefix:
		ok = strings.HasPrefix(fold(path), fold(p.Prefix))
	case *routev3.RouteMatch_Path:
		ok = fold(path) == fold(p.Path)
	case *routev3.RouteMatch_SafeRegex:
		ok = compile(p.SafeRegex.Regex).MatchString(path)
	}
	for _, h := range m.Headers {
		c := Condition{Of: OfHeader, Name: h.Name}
		if h.Name == ":method" {
			c.Of = OfMethod
		}
		v, there := r.value(c)
		var hit bool
		switch {
		case h.GetPresentMatch():
			hit = there
		case !there && !h.TreatMissingHeaderAsEmpty:
			ok = false // whatever is inverted
			continue
		default:
			hit = fits(h.GetStringMatch(), v)
		}
		ok = ok && hit != h.InvertMatch
	}
	for _, q := range m.QueryParameters {
		v, there := r.value(Condition{Of: OfQuery, Name: q.Name})
		ok = ok && there && (q.GetPresentMatch() || fits(q.GetStringMatch(), v))
	}
	return ok
}

func fits(m *matcher.StringMatcher, v string) bool {
	switch p := m.MatchPattern.(type) {
	case *matcher.StringMatcher_Exact:
		return v == p.Exact
	case *matcher.StringMatcher_Prefix:
		return strings.HasPrefix(v, p.Prefix)
	case *matcher.StringMatcher_SafeRegex:
		return compile(p.SafeRegex.Regex).MatchString(v)
	}
	return false
}
