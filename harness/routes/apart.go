package routes

import (
	"slices"
	"strings"
)

// apart tells whether the order of two bindings at a gateway surely does not matter: no request meets a rule of each.
// Istio moves a rule that takes everything behind all others, so that one of these may be there.
func (t Table) apart(a, b *binding, gateway string) bool {
	for _, i := range a.rules {
		for _, j := range b.rules {
			x, y := t.Rules[i], t.Rules[j]
			if !slices.Contains(x.Gateways, gateway) || !slices.Contains(y.Gateways, gateway) {
				continue
			}
			if x.catchAll() != y.catchAll() {
				continue
			}
			if !x.excludes(y) {
				return false
			}
		}
	}
	return true
}

// excludes tells whether surely no request meets both rules.
func (rule Rule) excludes(other Rule) bool {
	if rule.Port != 0 && other.Port != 0 && rule.Port != other.Port {
		return true
	}
	return slices.ContainsFunc(rule.Conditions, func(c Condition) bool {
		return slices.ContainsFunc(other.Conditions, c.excludes)
	})
}

// excludes tells whether surely no request meets both conditions.
func (c Condition) excludes(o Condition) bool {
	same := c.Of == o.Of && (c.Name == o.Name || c.Of == OfHeader && strings.EqualFold(c.Name, o.Name))
	if !same || c.Not && o.Not {
		return false
	}
	if o.Not {
		c, o = o, c
	}
	if c.Not { // o is not turned around
		return c.Op == Present || c.Op == Exact && o.Op == Exact && c.Value == o.Value
	}
	if o.Op == Exact && !c.IgnoreCase && !o.IgnoreCase {
		return !c.test(o.Value)
	}
	if c.Op == Exact && !c.IgnoreCase && !o.IgnoreCase {
		return !o.test(c.Value)
	}
	x, okX := c.asPrefix()
	y, okY := o.asPrefix()
	if c.Op == PathPrefix {
		x, okX = c.Value, true
	}
	if o.Op == PathPrefix {
		y, okY = o.Value, true
	}
	if !okX || !okY {
		return false
	}
	x, y = strings.ToLower(x), strings.ToLower(y)
	return !strings.HasPrefix(x, y) && !strings.HasPrefix(y, x)
}
