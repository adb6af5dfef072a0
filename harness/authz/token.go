package authz

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	security "istio.io/api/security/v1beta1"

	"github.com/canarylab/canarylab/harness/routes"
)

// An authentication is a RequestAuthentication.
type authentication struct {
	routes.Object
	spec *security.RequestAuthentication
}

// readTokens reads a RequestAuthentication.
func (p *Policies) readTokens(o routes.Object) {
	spec := &security.RequestAuthentication{}
	b, err := json.Marshal(o.Object["spec"])
	if err != nil || json.Unmarshal(b, spec) != nil {
		return
	}
	p.tokens = append(p.tokens, authentication{o, spec})
}

// concerns tells whether it is for pods.
func (a authentication) concerns(t Target) bool {
	if a.GetNamespace() != t.Namespace && a.GetNamespace() != routes.RootNamespace || len(a.spec.TargetRefs) > 0 ||
		a.spec.TargetRef != nil {
		return false
	}
	for k, v := range a.spec.GetSelector().GetMatchLabels() {
		if have, ok := t.Labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// A token is what pods make of the token of a request: no token where it is zero.
type token struct {
	// refused names the RequestAuthentication that refuses it, and why says so. unknown says why that is not known.
	refused, why, unknown string
	// claims are those of one that is valid, nil otherwise, and spaced the names of those that list texts with spaces
	// between them.
	claims map[string]any
	spaced []string
}

// principal is the token's as policies name it, empty where there is none.
func (t token) principal() string {
	issuer, _ := t.claims["iss"].(string)
	subject, _ := t.claims["sub"].(string)
	if issuer == "" || subject == "" {
		return ""
	}
	return issuer + "/" + subject
}

// of returns the texts of a condition's key, such as request.auth.claims[realm][group]
// (https://istio.io/latest/docs/reference/config/security/conditions/).
func (t token) of(key string) []string {
	switch key {
	case "request.auth.principal":
		if p := t.principal(); p != "" {
			return []string{p}
		}
		return nil
	case "request.auth.audiences":
		return t.at("aud")
	case "request.auth.presenter":
		return t.at("azp")
	}
	rest, ok := strings.CutPrefix(key, "request.auth.claims[")
	if !ok {
		return nil
	}
	return t.at(strings.Split(strings.TrimSuffix(rest, "]"), "][")...)
}

// at returns the texts of a claim. keys lead to it.
func (t token) at(keys ...string) []string {
	var v any = t.claims
	for _, key := range keys {
		in, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = in[key]
	}
	switch v := v.(type) {
	case string:
		if len(keys) == 1 && slices.Contains(t.spaced, keys[0]) {
			return strings.Fields(v)
		}
		return []string{v}
	case []any:
		var all []string
		for _, one := range v {
			if text, ok := one.(string); ok {
				all = append(all, text)
			}
		}
		return all
	}
	return nil
}

// tokenOf is what the RequestAuthentications for pods make of a request's token. Istio has one list of the rules of all
// of them. A request passes if one rule takes its token, or if no rule finds any (convertToEnvoyJwtConfig in
// pilot/pkg/security/authn/policy_applier.go).
func (p Policies) tokenOf(t Target, q Request) token {
	var out token
	for _, a := range p.tokens {
		if !a.concerns(t) {
			continue
		}
		for _, rule := range a.spec.JwtRules {
			text := tokenIn(rule, q)
			if text == "" {
				continue
			}
			claims, err := verify(rule, text)
			if err == nil {
				spaced := append([]string{"scope", "permission"}, rule.SpaceDelimitedClaims...)
				return token{claims: claims, spaced: spaced}
			}
			if errors.Is(err, jose.ErrInvalidKeySize) {
				out.unknown = nameOf(a.Object) + " has a key that is too short to verify a token by, as Envoy may"
			}
			if out.refused == "" {
				out.refused, out.why = nameOf(a.Object), err.Error()
			}
		}
	}
	return out
}

// tokenIn finds a request's token where a rule looks for it, "" for none.
func tokenIn(rule *security.JWTRule, q Request) string {
	after := func(name, prefix string) string {
		v, _ := q.header(name)
		rest, ok := strings.CutPrefix(v, prefix)
		if !ok {
			return ""
		}
		return rest
	}
	_, query, _ := strings.Cut(q.Path, "?")
	params, _ := url.ParseQuery(query)
	if len(rule.FromHeaders)+len(rule.FromParams)+len(rule.FromCookies) == 0 {
		// Envoy's default locations.
		if text := after("authorization", "Bearer "); text != "" {
			return text
		}
		return params.Get("access_token")
	}
	for _, h := range rule.FromHeaders {
		if text := after(h.Name, h.Prefix); text != "" {
			return text
		}
	}
	for _, name := range rule.FromParams {
		if text := params.Get(name); text != "" {
			return text
		}
	}
	cookies, _ := q.header("cookie")
	parsed, _ := http.ParseCookie(cookies)
	for _, c := range parsed {
		if slices.Contains(rule.FromCookies, c.Name) {
			return c.Value
		}
	}
	return ""
}

// leeway is by how much the clocks of issuers and proxies may differ: Envoy's default (JwtProvider.clock_skew_seconds).
const leeway = time.Minute

// algorithms are those that Envoy's filter takes (https://www.envoyproxy.io/docs/envoy/latest/configuration/http/
// http_filters/jwt_authn_filter).
var algorithms = []jose.SignatureAlgorithm{
	jose.ES256, jose.ES384, jose.ES512, jose.HS256, jose.HS384, jose.HS512, jose.RS256, jose.RS384, jose.RS512,
	jose.PS256, jose.PS384, jose.PS512, jose.EdDSA,
}

// verify returns the claims of a token that a rule takes, or why it does not. The error has nothing of the token.
func verify(rule *security.JWTRule, text string) (map[string]any, error) {
	parsed, err := jwt.ParseSigned(text, algorithms)
	if err != nil {
		return nil, fmt.Errorf("it is no JWT that is signed")
	}
	if rule.Jwks == "" {
		return nil, fmt.Errorf("the lab does not reach the keys of %s, and without them no token is valid", rule.Issuer)
	}
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(rule.Jwks), &keys); err != nil {
		return nil, fmt.Errorf("its jwks can't be read")
	}
	var usual jwt.Claims
	var claims map[string]any
	if err := parsed.Claims(&keys, &usual, &claims); err != nil {
		signed := slices.ContainsFunc(keys.Keys, func(k jose.JSONWebKey) bool {
			return parsed.Claims(k, &usual, &claims) == nil
		})
		// Of a shorter secret than the sum has bytes, of which HS512's has most, the library says no more than that.
		if !signed && slices.ContainsFunc(keys.Keys, func(k jose.JSONWebKey) bool {
			secret, ok := k.Key.([]byte)
			return ok && len(secret) < sha512.Size
		}) && strings.HasPrefix(algorithm(parsed), "HS") {
			return nil, jose.ErrInvalidKeySize
		}
		if !signed {
			return nil, fmt.Errorf("no key of its jwks has signed the token")
		}
	}
	if usual.Issuer != rule.Issuer {
		return nil, fmt.Errorf("the token's issuer is not %s", rule.Issuer)
	}
	if err := usual.ValidateWithLeeway(jwt.Expected{Time: time.Now()}, leeway); err != nil {
		return nil, fmt.Errorf("the token is not valid at this time")
	}
	if len(rule.Audiences) > 0 && !slices.ContainsFunc(rule.Audiences, usual.Audience.Contains) {
		return nil, fmt.Errorf("the token is for none of the audiences")
	}
	return claims, nil
}

// algorithm is that of a token.
func algorithm(t *jwt.JSONWebToken) string {
	if len(t.Headers) == 0 {
		return ""
	}
	return t.Headers[0].Algorithm
}

// forged returns a token of a rule's issuer that somebody else has signed: all but its signature is as it has to be. It
// is the same for the same rule.
func forged(rule *security.JWTRule) string {
	header := `{"alg":"RS256","typ":"JWT"}`
	var keys jose.JSONWebKeySet
	if json.Unmarshal([]byte(rule.Jwks), &keys) == nil && len(keys.Keys) > 0 && keys.Keys[0].KeyID != "" {
		b, err := json.Marshal(map[string]string{"alg": "RS256", "typ": "JWT", "kid": keys.Keys[0].KeyID})
		if err == nil {
			header = string(b)
		}
	}
	// It ends in 2100.
	claims := map[string]any{"iss": rule.Issuer, "sub": filler, "exp": 4102444800}
	if len(rule.Audiences) > 0 {
		claims["aud"] = rule.Audiences[0]
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return ""
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(header)) + "." + encode(payload)
	var signature []byte
	for i := range 8 { // 256 bytes, as those of a key of 2,048 bits
		sum := sha256.Sum256([]byte(fmt.Sprint(i, signed)))
		signature = append(signature, sum[:]...)
	}
	return signed + "." + encode(signature)
}

// A TokenRule is an issuer of a RequestAuthentication.
type TokenRule struct {
	// Object is such as "RequestAuthentication shop/jwt", Path is where in its spec the rule is, and Issuer whose
	// tokens it takes.
	Object, Path, Issuer string
	Source               routes.Source
	// Keys tells that its keys are in the manifests.
	Keys bool

	of   authentication
	rule *security.JWTRule
}

// TokenRules are those of all RequestAuthentications, in their order.
func (p Policies) TokenRules() (all []TokenRule) {
	for _, a := range p.tokens {
		for i, rule := range a.spec.JwtRules {
			path := fmt.Sprintf("jwtRules[%d]", i)
			all = append(all, TokenRule{
				nameOf(a.Object), path, rule.Issuer, at(a.Object, "spec."+path), rule.Jwks != "", a, rule,
			})
		}
	}
	return all
}

// Concerns tells whether the rule is for pods.
func (r TokenRule) Concerns(t Target) bool { return r.of.concerns(t) }

// Forged is a request to the rule's pods with a token of its issuer that somebody else has signed.
func (r TokenRule) Forged() Probe {
	text := forged(r.rule)
	probe := Probe{
		Name: "forged-token", Method: http.MethodGet, Path: "/",
		Why: "its token claims to be of " + r.Issuer + ", who has not signed it",
	}
	switch {
	case len(r.rule.FromHeaders) > 0:
		h := r.rule.FromHeaders[0]
		probe.Header = map[string]string{h.Name: h.Prefix + text}
	case len(r.rule.FromCookies) > 0:
		probe.Header = map[string]string{"cookie": r.rule.FromCookies[0] + "=" + text}
	case len(r.rule.FromParams) > 0:
		probe.Path += "?" + url.Values{r.rule.FromParams[0]: {text}}.Encode()
	default:
		probe.Header = map[string]string{"authorization": "Bearer " + text}
	}
	return probe
}

// Has tells whether a request has a token where the rule looks for it.
func (r TokenRule) Has(q Request) bool { return tokenIn(r.rule, q) != "" }
