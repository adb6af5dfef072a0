package routes

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/loadgen"
)

// randomAtGateway returns up to three VirtualServices at one gateway whose hosts overlap.
func randomAtGateway(rng *rand.Rand) string {
	pick := func(all ...string) string { return all[rng.IntN(len(all))] }
	var b strings.Builder
	b.WriteString(shop + ingress)
	for i := range 1 + rng.IntN(3) {
		fmt.Fprintf(&b, "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\n"+
			"metadata: {name: v%d, namespace: shop}\nspec:\n  gateways: [edge/ingress%s]\n  hosts: [%s]\n  http:\n", i,
			pick("", ", mesh"), pick("a.example.com", "'*.example.com'", "a.example.com, b.example.com", "'*'",
				"any.test, reviews"))
		for range 1 + rng.IntN(3) {
			match := randomMatch(rng)
			if rng.IntN(4) == 0 {
				match = strings.Replace(match, "{", "{gateways: ["+pick("mesh", "edge/ingress",
					"edge/ingress, mesh")+"], ", 1)
			}
			fmt.Fprintf(&b, "  - match: [%s]\n    route: [{destination: {host: web}}]\n", strings.Replace(match,
				", }", "}", 1))
		}
	}
	return b.String()
}

// randomKube returns up to three HTTPRoutes at one gateway whose hosts overlap.
func randomKube(rng *rand.Rand) string {
	pick := func(all ...string) string { return all[rng.IntN(len(all))] }
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(kubeGateway, "---\n"))
	for i := range 1 + rng.IntN(3) {
		fmt.Fprintf(&b, "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"+
			"metadata: {name: r%d, namespace: %s}\nspec:\n  parentRefs: [{name: gw, namespace: edge}]\n"+
			"  hostnames: [%s]\n  rules:\n", i, pick("shop", "edge"),
			pick("a.example.com", "'*.example.com'", "a.example.com, b.example.com", "one.example.com"))
		for range 1 + rng.IntN(3) {
			var parts []string
			if rng.IntN(5) > 0 {
				parts = append(parts, "path: "+pick("{value: /}", "{value: /a}", "{value: /a/}",
					"{type: Exact, value: /a}",
					"{type: RegularExpression, value: '/a.*'}", "{value: /a/b}"))
			}
			if rng.IntN(3) == 0 {
				parts = append(parts, "headers: [{name: "+pick("h", "G")+", value: x}]")
			}
			if rng.IntN(4) == 0 {
				parts = append(parts, "method: "+pick("GET", "POST"))
			}
			if rng.IntN(5) == 0 {
				parts = append(parts, "queryParams: [{name: q, value: "+pick("x", "xy")+"}]")
			}
			fmt.Fprintf(&b, "  - matches: [{%s}]\n    backendRefs: [{name: web, port: 80}]\n", strings.Join(parts,
				", "))
		}
	}
	return b.String()
}

func TestClassesAtGatewaysOfRandomRoutesAreRight(t *testing.T) {
	shadowed, met := 0, 0
	for seed := range uint64(120) {
		rng := rand.New(rand.NewPCG(seed, 3))
		text, gateway := randomAtGateway(rng), "edge/ingress"
		if seed%2 == 1 {
			text, gateway = randomKube(rng), "edge/gw"
		}
		table := read(t, "random.yaml", text)
		for _, f := range table.Findings {
			if f.Kind == Unreadable {
				t.Fatalf("seed %d: %s\n%s", seed, f.Text, text)
			}
		}
		checkClasses(t, table)
		for range 100 {
			r := randomRequest(rng)
			r.Host = []string{"a.example.com", "b.example.com", "one.example.com", "any.test", "reviews"}[rng.IntN(5)]
			if r.Host != "reviews" || rng.IntN(2) == 0 {
				r.Entry, r.Gateway, r.Port, r.SourceLabels, r.SourceNamespace = loadgen.Gateway, gateway, 80, nil, ""
			}
			if i, ok := table.Match(r); ok && table.Rules[i].ShadowedBy >= 0 {
				t.Errorf("%+v goes to %s of %s, which is said to be shadowed", r, table.Rules[i].Path,
					table.Rules[i].Object)
			}
		}
		for _, r := range table.Rules {
			if r.ShadowedBy >= 0 {
				shadowed++
			} else if r.Unmet == "" {
				met++
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d:\n%s", seed, text)
		}
	}
	if shadowed < 20 || met < 80 {
		t.Errorf("got %d shadowed rules and %d that are met, want many of both: the test tries nothing", shadowed, met)
	}
}
