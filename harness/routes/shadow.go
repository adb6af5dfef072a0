package routes

import (
	"regexp/syntax"
	"slices"
	"strings"
)

// A place is where rules are asked one after the other: the rules of a binding in the mesh, those of a host at a
// gateway.
type place struct {
	gateway string
	rules   []int
}

// places returns every list in which rules are asked.
func (t Table) places() []place {
	var all []place
	gateways := map[string]bool{}
	for _, b := range t.world.bindings {
		for _, g := range b.gateways {
			if g != Mesh {
				gateways[g] = true
				continue
			}
			rules := slices.Clone(b.rules)
			if b.kube {
				rules = nil
				for _, other := range t.world.bindings {
					if other.kube && other.at(Mesh) && other.GetNamespace() == b.GetNamespace() &&
						other.port == b.port && other.hosts[0] == b.hosts[0] {
						rules = append(rules, other.rules...)
					}
				}
				t.sortKube(rules)
			}
			all = append(all, place{Mesh, rules})
		}
	}
	for g := range gateways {
		gw, _ := t.world.gateway(g)
		for _, s := range gw.servers {
			for _, rules := range t.serverRules(g, gw, s) {
				all = append(all, place{g, rules})
			}
		}
	}
	return all
}

// serverRules returns, for each host of a server, the rules in the order in which they are asked.
func (t Table) serverRules(name string, g *gateway, s server) map[string][]int {
	byHost := map[string][]int{}
	// Behind a rule that takes all Istio sends nothing of the same VirtualService, and the rule itself goes to the end.
	last := map[string][]int{}
	for _, b := range t.boundTo(name) {
		if g.kube && !b.attached(g, s) {
			continue
		}
		head := slices.IndexFunc(b.rules, func(i int) bool {
			r := t.Rules[i]
			return r.catchAll() && r.covers(Rule{}, name)
		})
		if head < 0 || b.kube {
			head = len(b.rules)
		}
		for _, h := range t.domains(s, b) {
			byHost[h] = append(byHost[h], b.rules[:head]...)
			last[h] = append(last[h], b.rules[head:]...)
		}
	}
	for h, rules := range byHost {
		if g.kube {
			t.sortKube(rules)
		} else {
			byHost[h] = append(t.catchAllsLast(rules), last[h]...)
		}
	}
	return byHost
}

// shadow finds the rules that an earlier one shadows wherever they are asked.
func (t *Table) shadow() {
	places := t.places()
	for i := range t.Rules {
		var candidates []int
		first := true
		for _, p := range places {
			at := slices.Index(p.rules, i)
			if at < 0 || !slices.Contains(t.Rules[i].Gateways, p.gateway) {
				continue
			}
			var here []int
			for _, a := range p.rules[:at] {
				if t.Rules[a].covers(t.Rules[i], p.gateway) {
					here = append(here, a)
				}
			}
			if first {
				candidates, first = here, false
				continue
			}
			candidates = slices.DeleteFunc(candidates, func(a int) bool { return !slices.Contains(here, a) })
		}
		if len(candidates) > 0 {
			t.Rules[i].ShadowedBy = candidates[0]
		}
	}
}

// covers tells whether a rule surely takes every request at a gateway that would meet another one.
func (rule Rule) covers(other Rule, gateway string) bool {
	if !slices.Contains(rule.Gateways, gateway) || rule.Port != 0 && rule.Port != other.Port {
		return false
	}
	if !rule.ownGateways {
		if !subset(rule.SourceLabels, other.SourceLabels) ||
			rule.SourceNamespace != "" && rule.SourceNamespace != other.SourceNamespace {
			return false
		}
	}
	return !slices.ContainsFunc(rule.Conditions, func(c Condition) bool { return !c.follows(other.Conditions) })
}

// follows tells whether a condition surely holds where others hold.
func (c Condition) follows(others []Condition) bool {
	if c.always() {
		return true
	}
	return slices.ContainsFunc(others, c.followsFrom)
}

// always tells whether every request meets the condition.
func (c Condition) always() bool {
	if c.Of != OfPath || c.Not {
		return false
	}
	lit, ok := c.asPrefix()
	return ok && (lit == "/" || lit == "") || c.Op == PathPrefix && c.Value == "/"
}

func (c Condition) followsFrom(b Condition) bool {
	same := c.Of == b.Of && (c.Name == b.Name || c.Of == OfHeader && strings.EqualFold(c.Name, b.Name))
	if !same || c.Of == OfClaim && c != b {
		return false
	}
	switch {
	case c.Not && b.Not:
		return c == b
	case c.Not:
		return b.Op == Exact && !c.test(b.Value) && !b.IgnoreCase
	case b.Not:
		return false
	case c.Op == Present:
		return true
	case b.IgnoreCase && !c.IgnoreCase && strings.ToLower(b.Value) != strings.ToUpper(b.Value):
		return false // b lets through what c may not
	case c.Op == b.Op && (c.Value == b.Value || c.IgnoreCase && strings.EqualFold(c.Value, b.Value)):
		return true
	case b.Op == Exact:
		return c.test(b.Value)
	}
	fold := func(s string) string {
		if c.IgnoreCase {
			return strings.ToLower(s)
		}
		return s
	}
	// What b lets through begins with low, and where b is of whole elements, goes on with a slash or ends.
	low, ok := b.asPrefix()
	whole := b.Op == PathPrefix
	if whole {
		low, ok = b.Value, true
	}
	if !ok {
		return false
	}
	if c.Op == PathPrefix {
		want := strings.TrimSuffix(fold(c.Value), "/")
		return strings.HasPrefix(fold(low), want+"/") || whole && fold(low) == want
	}
	top, ok := c.asPrefix()
	return ok && strings.HasPrefix(fold(low), fold(top))
}

// asPrefix returns the text with which everything begins that the condition lets through, and that suffices for
// it: that of a prefix, and of a regex which is a text with .* behind it.
func (c Condition) asPrefix() (string, bool) {
	switch c.Op {
	case Prefix:
		return c.Value, true
	case Regex:
		text, ok := strings.CutSuffix(strings.TrimSuffix(strings.TrimPrefix(c.Value, "^"), "$"), ".*")
		if !ok {
			return "", false
		}
		re, err := syntax.Parse(text, syntax.Perl)
		if err != nil {
			return "", false
		}
		switch re = re.Simplify(); {
		case re.Op == syntax.OpEmptyMatch:
			return "", true
		case re.Op == syntax.OpLiteral && re.Flags&syntax.FoldCase == 0:
			return string(re.Rune), true
		}
	}
	return "", false
}
