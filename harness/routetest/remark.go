package routetest

import (
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/authz"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/routes"
	"github.com/canarylab/canarylab/reports"
)

// remarks are what is known of a side without sending anything, and a claim for each that fails the run: a rule which
// provably no request can meet is a mistake, whatever the traffic shows. dead are the policies' rules of that kind.
//
// Only the manifests that are tested fail: those that were there first may have what the change mends.
func (s *sender) remarks(side *Side, dead map[int]bool) (all []reports.RoutingRemark, claims []expect.Expectation) {
	all = remarksOf(side)
	own := side == s.sides[0]
	// Package authz looks at what package routes does not.
	all = slices.DeleteFunc(all, func(r reports.RoutingRemark) bool {
		kind, _, _ := strings.Cut(r.Object, " ")
		return r.Kind == string(routes.NotLookedAt) &&
			(kind == "AuthorizationPolicy" || kind == "RequestAuthentication")
	})
	for _, f := range side.Table.Findings {
		if f.Kind != routes.Shadowed && (f.Kind != routes.PolicyPort || !side.asksInVain(f, dead)) {
			continue
		}
		i := slices.IndexFunc(all, func(r reports.RoutingRemark) bool {
			return r.Kind == string(f.Kind) && r.Source == f.Source.String() && r.Text == f.Text
		})
		switch {
		case i < 0:
		case own:
			all[i].Fails = true
			claims = append(claims, expect.NotDead(f.Object+" in "+f.Source.String(), f.Text))
		case f.Kind == routes.Shadowed:
			all = slices.Delete(all, i, i+1) // the rules that no request met have it
		}
	}
	for _, r := range side.Table.Rules {
		for _, text := range unjudged(r) {
			all = append(all, reports.RoutingRemark{
				Kind: "not-judged", Source: r.Source.String(), Object: r.Object + " " + r.Path, Text: text,
			})
		}
	}
	all = append(all, s.tokens(side)...)
	var who []authz.Identity
	for _, c := range side.Plan.Callers {
		who = append(who, authz.Identity{Namespace: c.Namespace, Account: c.Account})
	}
	for _, f := range side.Policies.Unknown(who) {
		all = append(all, reports.RoutingRemark{
			Kind: string(f.Kind), Source: f.Source.String(), Object: f.Object, Text: f.Text, Do: f.Do, Mistake: true,
		})
	}
	return all, claims
}

// asksInVain tells whether a finding is about a rule of a policy that no request can meet.
func (s *Side) asksInVain(f routes.Finding, dead map[int]bool) bool {
	for i := range dead {
		r := s.Policies.Rules[i]
		if r.Object == f.Object && r.Within(f.Source) {
			return true
		}
	}
	return false
}
