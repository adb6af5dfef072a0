package routetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/authz"
	"github.com/canarylab/canarylab/harness/routes"
	"github.com/canarylab/canarylab/harness/standin"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
)

// tokenAims are the classes for a side's RequestAuthentications: for each of their issuers requests with a token that
// somebody else has signed. Those without a token are all others, and a valid one takes a key that is not here.
func (s *sender) tokenAims(side *Side) (all []aimed) {
	for _, r := range side.Policies.TokenRules() {
		if svc, port, ok := s.checked(side, r); ok {
			probe := r.Forged()
			probe.Meets = true
			probe.From = s.who(side, svc)[0]
			all = append(all, s.aimAt(r.Object, r.Path, svc, port, probe))
		}
	}
	return all
}

// checked returns a Service, with a port, that leads to pods which check tokens of a rule.
func (s *sender) checked(side *Side, r authz.TokenRule) (svc standin.Service, port int, ok bool) {
	for _, svc := range side.Plan.Services {
		for _, p := range svc.Ports {
			if w, ok := s.served(side, svc, p.Number); ok && r.Concerns(target(w, svc, p.Number)) {
				return svc, p.Number, true
			}
		}
	}
	return svc, 0, false
}

// tokenAtGateway says why it is not known what becomes of a request with a token that comes through a gateway, where
// that checks it too: it keeps the token to itself, unless forwardOriginalToken is set.
func (s *sender) tokenAtGateway(side *Side, c sent) string {
	if c.here.Entry != loadgen.Gateway {
		return ""
	}
	for _, r := range side.Policies.TokenRules() {
		if r.Concerns(s.gatewayTarget(side, c.here.Port)) && r.Has(asPolicies(c.here)) {
			return fmt.Sprintf("%s is for the gateway too, and whether the pods see a token depends on it", r.Object)
		}
	}
	return ""
}

func asPolicies(q routes.Request) authz.Request { return authz.Request{Path: q.Path, Header: q.Header} }

// tokens are remarks about what is not judged of tokens, one for each RequestAuthentication of which no cohort of
// somebody's own has a token.
func (s *sender) tokens(side *Side) (all []reports.RoutingRemark) {
	rules := side.Policies.TokenRules()
	for i, r := range rules {
		if i > 0 && rules[i-1].Object == r.Object {
			continue // it is said of all of them at once
		}
		var issuers []string
		keys, given := true, false
		for _, other := range rules {
			if other.Object != r.Object {
				continue
			}
			issuers, keys = append(issuers, other.Issuer), keys && other.Keys
			given = given || slices.ContainsFunc(s.sent, func(c sent) bool {
				return c.Kind == routes.Case && other.Has(asPolicies(c.Request))
			})
		}
		if given {
			continue
		}
		do := "To have one of yours judged, give a cohort of a canary.yaml its header."
		if !keys {
			do = "To have one of yours judged, write the issuer's keys into jwks for the test, and give a cohort of " +
				"a canary.yaml its header."
		}
		const text = "What a valid token of %s gets is not judged: nobody can make one without the key that signs " +
			"them. Judged are requests without a token, and with one that somebody else has signed."
		all = append(all, reports.RoutingRemark{
			Kind: "no-token", Source: r.Source.String(), Object: r.Object,
			Text: fmt.Sprintf(text, strings.Join(issuers, " or ")), Do: do,
		})
	}
	return all
}
