package routes

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/internal/kebab"
	"github.com/canarylab/canarylab/loadgen"
)

func TestClasses(t *testing.T) {
	table := read(t, "a.yaml", reviews+`
  - match:
    - uri: {prefix: /api}
      headers: {end-user: {exact: jason}}
    route: [{destination: {host: reviews, subset: v2}}]
  - name: login
    match: [{uri: {exact: /login}, method: {exact: POST}}]
    route: [{destination: {host: web}}]
  -
`+route("v1"))
	all := table.Classes()
	for _, c := range []struct {
		name, path string
		rule       int
		kind       ClassKind
		takes      int
	}{
		{"reviews-api-end-user-jason", "/api", 0, Meets, 0},
		{"reviews-api-end-user-jason-beside-path", "/apicanarylab", 0, Meets, 0},
		{"reviews-api-end-user-jason-without-end-user", "/api", 0, NearMiss, 2},
		{"reviews-api-end-user-jason-upper-end-user", "/api", 0, NearMiss, 2},
		{"reviews-api-end-user-jason-other-path", "/canarylab", 0, NearMiss, 2},
		{"reviews-login", "/login", 1, Meets, 1},
		{"reviews-login-get", "/login", 1, NearMiss, 2},
		{"reviews-login-slash-behind", "/login/", 1, NearMiss, 2},
		{"reviews-all", "/", 2, Meets, 2},
		{"reviews-plain", "/", -1, Default, -1},
	} {
		got := named(t, all, c.name)
		if got.Request.Path != c.path || got.Rule != c.rule || got.Kind != c.kind || got.Takes != c.takes {
			t.Errorf("%s: got path %s, rule %d, kind %s, takes %d, want %+v", c.name, got.Request.Path, got.Rule,
				got.Kind,
				got.Takes, c)
		}
	}
	if got := named(t, all, "reviews-plain"); got.Request.Entry != loadgen.Plain || !got.Want.Service {
		t.Errorf("got entry %s, want %+v, want a plain caller to get the Service", got.Request.Entry, got.Want)
	}
	if got := named(t, all, "reviews-login").Request; got.Method != "POST" || got.Port != 9080 {
		t.Errorf("got %s at port %d, want POST at the Service's first port", got.Method, got.Port)
	}
	seen := map[string]string{}
	for _, c := range all {
		if !kebab.Is(c.Name) || len(c.Name) > 63 {
			t.Errorf("got name %q, want one of a cohort", c.Name)
		}
		if other := seen[c.Request.key()]; other != "" {
			t.Errorf("%s and %s are the same request", c.Name, other)
		}
		seen[c.Request.key()] = c.Name
	}
}

// A class that is said to meet a rule goes to it by the table, and where there is none the rule says why.
func checkClasses(t *testing.T, table Table) {
	t.Helper()
	met := map[int]bool{}
	for _, c := range table.Classes() {
		if got, ok := table.Match(c.Request); got != c.Takes || ok != (got >= 0) {
			t.Errorf("%s: got rule %d, want %d as the class says", c.Name, got, c.Takes)
		}
		if c.Rule < 0 {
			continue
		}
		r := table.Rules[c.Rule]
		met[c.Rule] = met[c.Rule] || c.Kind == Meets && c.Takes == c.Rule
		if c.Kind == Meets && r.Unmet == "" && r.ShadowedBy < 0 && c.Takes != c.Rule {
			t.Errorf("%s: goes to rule %d, want %d (%s)", c.Name, c.Takes, c.Rule, r.Path)
		}
		if c.Kind == NearMiss && r.meets(c.Request) && c.Takes == c.Rule {
			t.Errorf("%s: is a near miss and meets %s", c.Name, r.Path)
		}
		if c.Takes >= 0 && table.Rules[c.Takes].ShadowedBy >= 0 {
			t.Errorf("%s: goes to %s, which is said to be shadowed", c.Name, table.Rules[c.Takes].Path)
		}
	}
	for i, r := range table.Rules {
		if (r.Unmet == "") != met[i] {
			t.Errorf("%s of %s: got a class that meets it: %v, want one exactly where it is not unmet (%q)",
				r.Path, r.Object, met[i], r.Unmet)
		}
	}
}

// randomMatch returns a match of a VirtualService in which much overlaps.
func randomMatch(rng *rand.Rand) string {
	pick := func(all ...string) string { return all[rng.IntN(len(all))] }
	var parts []string
	if rng.IntN(4) > 0 {
		parts = append(parts, "uri: {"+pick("prefix: /", "prefix: /a", "prefix: /a/", "prefix: /ab", "exact: /a",
			"exact: /",
			"regex: '/a.*'", "regex: '/a/[0-9]+'", "regex: '.*'", "regex: '.*/b'", "prefix: /A")+"}")
		if rng.IntN(4) == 0 {
			parts = append(parts, "ignoreUriCase: true")
		}
	}
	if rng.IntN(3) == 0 {
		parts = append(parts, pick("headers", "headers", "withoutHeaders")+": {"+pick("h", "g")+": "+
			pick("{exact: x}", "{prefix: x}", "{regex: 'x.*'}", "{regex: '*'}", "{}", "{regex: 'x|y'}")+"}")
	}
	if rng.IntN(4) == 0 {
		parts = append(parts, "method: {exact: "+pick("GET", "POST")+"}")
	}
	if rng.IntN(5) == 0 {
		parts = append(parts, "queryParams: {q: "+pick("{exact: x}", "{prefix: x}", "{regex: '[a-z]'}")+"}")
	}
	if rng.IntN(6) == 0 {
		parts = append(parts, "sourceLabels: {app: "+pick("a", "b")+"}")
	}
	if rng.IntN(8) == 0 {
		parts = append(parts, "port: "+pick("9080", "9081"))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// randomRoutes returns a VirtualService with up to six routes, each named by its number.
func randomRoutes(rng *rand.Rand) string {
	var b strings.Builder
	b.WriteString(reviews)
	for i := range 1 + rng.IntN(6) {
		fmt.Fprintf(&b, "  - name: r%d\n", i)
		if n := rng.IntN(4); n > 0 {
			var matches []string
			for m := range n {
				matches = append(matches, fmt.Sprintf("{name: m%d, %s", m, strings.TrimPrefix(randomMatch(rng), "{")))
			}
			b.WriteString("    match: [" + strings.Join(matches, ", ") + "]\n")
		}
		b.WriteString(route("v1"))
	}
	return b.String()
}

func randomRequest(rng *rand.Rand) Request {
	pick := func(all ...string) string { return all[rng.IntN(len(all))] }
	r := in(pick("/", "/a", "/A", "/a/", "/ab", "/a/1", "/a/b", "/abc", "/x/b") + pick("", "", "?q=x", "?q=xy", "?q="))
	for _, h := range []string{"h", "g"} {
		if rng.IntN(2) == 0 {
			r = r.with(h, pick("x", "xy", "y", ""))
		}
	}
	r.Method = pick("GET", "POST", "PUT")
	if rng.IntN(3) == 0 {
		r.SourceLabels = map[string]string{"app": pick("a", "b")}
	}
	if rng.IntN(4) == 0 {
		r.Port = 9081
	}
	return r
}

func TestClassesOfRandomRoutesAreRight(t *testing.T) {
	shadowed, met := 0, 0
	for seed := range uint64(80) {
		rng := rand.New(rand.NewPCG(seed, 1))
		text := randomRoutes(rng)
		table := read(t, "random.yaml", text)
		checkClasses(t, table)
		for range 100 {
			r := randomRequest(rng)
			if i, ok := table.Match(r); ok && table.Rules[i].ShadowedBy >= 0 {
				t.Errorf("%+v goes to %s, which is said to be shadowed", r, table.Rules[i].Path)
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
	if shadowed < 40 || met < 80 {
		t.Errorf("got %d shadowed rules and %d that are met, want many of both: the test tries nothing", shadowed, met)
	}
}

func TestSamples(t *testing.T) {
	for _, c := range []struct{ regex, want string }{
		{"/v[0-9]+/items", "/v1/items"},
		{"a|b", "a"},
		{".*canary=true.*", "canary=true"},
		{"^/users/([^/]+)$", "/users/a"},
		{"(?i)jason", "jason"},
		{"[a-z]{3}", "aaa"},
		{`\d{4}`, "1111"},
		{"", ""},
	} {
		got := samples(c.regex)
		if len(got) == 0 || !strings.EqualFold(got[0], c.want) {
			t.Errorf("%q: got %q, want %q first", c.regex, got, c.want)
		}
	}
	for _, regex := range []string{`a\bb`, "(", "[^\\x00-\\x{10FFFF}]"} {
		if got := samples(regex); len(got) > 0 {
			t.Errorf("%q: got %q, want none", regex, got)
		}
	}
}

func TestUnmetSaysWhy(t *testing.T) {
	for _, c := range []struct{ match, want string }{
		{"headers: {'@request.auth.claims.a': {exact: b}}", "a claim of a token"},
		{`uri: {regex: 'a\bb'}`, "no text was found"},
		{"uri: {prefix: api}", "no path of a request begins with api"},
		{"scheme: {exact: https}", "no request was found"},
		{"port: 9082", "which is not for HTTP"},
	} {
		table := read(t, "a.yaml", reviews+"  - match: [{"+c.match+"}]\n"+route("v2")+"  -\n"+route("v1"))
		if got := table.Rules[0].Unmet; !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q in it", c.match, got, c.want)
		}
		checkClasses(t, table)
	}
}

func TestUnmetNamesWhatTakesIt(t *testing.T) {
	// No prefix or exact path shadows the last rule, and all of it is taken.
	table := read(t, "a.yaml", reviews+`
  - match: [{uri: {regex: '/[a-z]+'}}]
    route: [{destination: {host: web}}]
  - match: [{uri: {regex: '/[a-c]+'}}]
`+route("v1"))
	r := table.Rules[1]
	if r.ShadowedBy >= 0 || !strings.Contains(r.Unmet, "goes to http[0].match[0] of VirtualService shop/reviews") {
		t.Errorf("got shadowed by %d, unmet %q, want a rule that nothing proves to be shadowed and that is not met",
			r.ShadowedBy, r.Unmet)
	}
}

func TestNamesOfManyClassesStayUnique(t *testing.T) {
	long := strings.Repeat("/a-very-long-path", 9)
	table := read(t, "a.yaml", reviews+"  - match: [{uri: {prefix: "+long+"1}}, {uri: {prefix: "+
		""+long+"2}}]\n"+route("v1"))
	var names []string
	for _, c := range table.Classes() {
		if len(c.Name) > 63 {
			t.Errorf("got a name of %d letters, want 63 at most", len(c.Name))
		}
		names = append(names, c.Name)
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("got names %v, want each once", names)
	}
}
