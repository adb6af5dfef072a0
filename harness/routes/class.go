package routes

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/loadgen"
)

// A Class is a kind of request that is worth sending, and what should become of it.
type Class struct {
	// Name is unique in the table and in kebab case, such as "reviews-end-user-jason" or
	// "reviews-without-end-user".
	Name string
	// Rule is the rule that the class is derived from, as index in Table.Rules; -1 for a default of a host without
	// rules, and for a case of TestCases.
	Rule int
	Kind ClassKind
	// Why says in a few words what is special about it: "meets http[0].match[0]", "header end-user is absent".
	Why     string
	Request Request
	// Takes is the rule that the request should meet by the table: Rule for one that meets it, another one or -1
	// for a near miss, and the rule before it for one that is shadowed.
	Takes int
	// Want is where the request should go. Not turns it around, for a user's test case: there it must not go.
	Want Want
	Not  bool
}

// A ClassKind says why a class is worth sending.
type ClassKind string

// The kinds of classes.
const (
	// Meets: the request meets all of the rule's conditions.
	Meets ClassKind = "meets"
	// NearMiss: the request misses the rule by one condition.
	NearMiss ClassKind = "near-miss"
	// Default: a plain request to a host, which meets no condition on purpose.
	Default ClassKind = "default"
	// Case: a test case of the user's own.
	Case ClassKind = "case"
)

// Classes derives the classes of all rules and hosts. Requests that are the same are one class.
//
// Each rule has one that meets it at each of its gateways, and near misses at the first of them, since the same
// rules are asked in the same way everywhere. A caller without a sidecar is asked for once for each Service: no
// rule of the mesh is there for its requests, whatever they are.
func (t Table) Classes() []Class {
	c := &classes{table: t, seen: map[string]bool{}, names: map[string]bool{}}
	first := map[int]bool{}
	var near []sample
	for _, s := range t.world.samples {
		c.add(s.rule, Meets, c.stem(s), "meets "+t.Rules[s.rule].Path, s.request)
		if !first[s.rule] {
			first[s.rule] = true
			near = append(near, s)
		}
	}
	for i, r := range t.Rules {
		if !first[i] {
			c.shadowed(i, r)
		}
	}
	for _, s := range near {
		c.near(s)
	}
	for _, b := range t.world.bindings {
		for _, g := range b.gateways {
			c.defaults(b, g)
		}
	}
	return c.all
}

// classes gathers classes.
type classes struct {
	table       Table
	all         []Class
	seen, names map[string]bool
}

// add adds a class unless its request is there already.
func (c *classes) add(rule int, kind ClassKind, name, why string, q Request) {
	key := q.key()
	if c.seen[key] {
		return
	}
	c.seen[key] = true
	takes, _ := c.table.Match(q)
	c.all = append(c.all, Class{
		Name: c.unique(name), Rule: rule, Kind: kind, Why: why, Request: q, Takes: takes, Want: c.table.Want(q),
	})
}

// near adds the near misses of a rule, and what looks like one and is none.
func (c *classes) near(s sample) {
	r := c.table.Rules[s.rule]
	stem := c.stem(s)
	for _, cond := range r.Conditions {
		if v, ok := cond.besides(s.request); ok && r.meets(v.request) {
			kind := NearMiss
			if takes, _ := c.table.Match(v.request); takes == s.rule {
				kind = Meets
			}
			c.add(s.rule, kind, stem+"-"+v.name, v.why, v.request)
		}
		for _, v := range cond.misses(s.request) {
			c.add(s.rule, NearMiss, stem+"-"+v.name, v.why, v.request)
		}
	}
	if len(r.SourceLabels) > 0 && s.gateway == Mesh {
		q := s.request
		q.SourceLabels = nil
		c.add(s.rule, NearMiss, stem+"-other-caller", "the caller's pod lacks the labels", q)
	}
	if r.SourceNamespace != "" && s.gateway == Mesh {
		q := s.request
		for ns := range c.table.world.namespaces {
			if ns != r.SourceNamespace && (q.SourceNamespace == r.SourceNamespace || ns < q.SourceNamespace) {
				q.SourceNamespace = ns
			}
		}
		if q.SourceNamespace != r.SourceNamespace {
			c.add(s.rule, NearMiss, stem+"-other-namespace", "the caller is in namespace "+q.SourceNamespace, q)
		}
	}
	if svc := c.table.world.services[s.request.Host]; svc != nil && r.Port != 0 && s.gateway == Mesh {
		for _, p := range svc.ports {
			if p.http && p.number != r.Port {
				q := s.request
				q.Port = p.number
				c.add(s.rule, NearMiss, stem+"-other-port", fmt.Sprintf("the port is %d", p.number), q)
				break
			}
		}
	}
}

// shadowed adds a request that would meet a rule that gets none. Another rule takes it.
func (c *classes) shadowed(rule int, r Rule) {
	if slices.ContainsFunc(r.Conditions, func(c Condition) bool { return c.unbuildable() != "" }) {
		return
	}
	for _, g := range r.Gateways {
		for _, q := range c.table.requests(rule, g) {
			if r.meets(q) {
				c.add(rule, Meets, c.stem(sample{rule, g, q}), "would meet "+r.Path, q)
				return
			}
		}
	}
}

// defaults adds a plain request to each host of a binding, and one of a caller without a sidecar.
func (c *classes) defaults(b *binding, gateway string) {
	for _, h := range b.hosts {
		one := *b
		one.hosts = []string{h}
		bases := c.table.basesOf(&one, gateway, 0)
		if len(bases) == 0 {
			continue
		}
		q := bases[0]
		name := shortHost(q.Host)
		if gateway != Mesh {
			c.add(-1, Default, name+"-default-gateway", "plain request to "+q.Host+" at "+gateway, q)
			if s := c.table.world.services[h]; s == nil || b.kube || b.at(Mesh) {
				continue
			}
			// Callers in the mesh call a Service too whose rules are for the gateway alone.
			if bases = c.table.basesOf(&one, Mesh, 0); len(bases) == 0 {
				continue
			}
			q = bases[0]
		}
		c.add(-1, Default, name+"-default", "plain request to "+q.Host, q)
		if s := c.table.world.services[q.Host]; s != nil && !s.entry {
			q.Entry = loadgen.Plain
			c.add(-1, Default, name+"-plain", "plain request to "+q.Host+" without a sidecar", q)
		}
	}
}

// stem is the beginning of the names of a rule's classes: the host, and the route's name or its conditions.
func (c *classes) stem(s sample) string {
	r := c.table.Rules[s.rule]
	words := []string{shortHost(s.request.Host)}
	if r.Name != "" {
		words = append(words, r.Name)
	} else {
		for _, cond := range r.Conditions {
			if cond.Of == OfPath && (cond.Value == "/" || cond.Value == "") {
				continue
			}
			if cond.Not {
				words = append(words, "no")
			}
			words = append(words, cond.Name, cond.Value)
		}
		if len(words) == 1 {
			words = append(words, "all")
		}
	}
	if s.gateway != Mesh {
		words = append(words, "gateway")
	}
	return kebabOf(strings.Join(words, "-"))
}

// shortHost is a Service's name, or another host's in kebab case.
func shortHost(h string) string {
	if short, ok := strings.CutSuffix(h, ".svc."+Domain); ok {
		h, _, _ = strings.Cut(short, ".")
	}
	return kebabOf(h)
}

// longest is the longest name of a class: that of a cohort (loadgen), with place for a number.
const longest = 56

// unique returns a name in kebab case that no other class has.
func (c *classes) unique(name string) string {
	name = kebabOf(name)
	if len(name) > longest {
		// The end says what is special about it.
		name = strings.Trim(name[:24], "-") + "-" + strings.Trim(name[len(name)-31:], "-")
	}
	name = cmp.Or(name, "request")
	got := name
	for n := 2; c.names[got]; n++ {
		got = fmt.Sprintf("%s-%d", name, n)
	}
	c.names[got] = true
	return got
}

// notKebab is what a name in kebab case can't have.
var notKebab = regexp.MustCompile(`[^a-z0-9]+`)

// kebabOf makes a name of a text.
func kebabOf(text string) string {
	return strings.Trim(notKebab.ReplaceAllString(strings.ToLower(text), "-"), "-")
}
