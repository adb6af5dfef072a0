package authz

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// An issuer signs tokens.
type issuer struct {
	signer jose.Signer
	keys   string
}

func newIssuer(t *testing.T) issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	own := jose.JSONWebKey{Key: key, KeyID: "k"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: own}, nil)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k"}}})
	if err != nil {
		t.Fatal(err)
	}
	return issuer{signer, string(keys)}
}

func (i issuer) sign(t *testing.T, claims map[string]any) string {
	t.Helper()
	text, err := jwt.Signed(i.signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A token is verified by the keys in the manifests, and its claims are what policies ask for. What is not valid is
// refused before any policy is asked.
func TestTokens(t *testing.T) {
	own, other := newIssuer(t), newIssuer(t)
	stream := `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: payments}
spec:
  selector: {matchLabels: {app: ledger}}
  jwtRules:
  - {issuer: https://a.test, audiences: [ledger], jwks: '` + own.keys + `'}
  - {issuer: https://b.test, fromHeaders: [{name: x-token, prefix: "T "}], jwksUri: https://b.test/keys}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: staff, namespace: payments}
spec:
  rules:
  - from: [{source: {requestPrincipals: ["https://a.test/*"]}}]
    when:
    - {key: "request.auth.claims[realm][roles]", values: [staff]}
    - {key: "request.auth.claims[scope]", values: [pay]}
`
	p := read(t, stream)
	claims := func(change func(map[string]any)) map[string]any {
		all := map[string]any{
			"iss": "https://a.test", "sub": "ann", "aud": "ledger", "exp": time.Now().Add(time.Hour).Unix(),
			"realm": map[string]any{"roles": []string{"staff", "ops"}}, "scope": "read pay",
		}
		if change != nil {
			change(all)
		}
		return all
	}
	set := func(name string, v any) func(map[string]any) { return func(m map[string]any) { m[name] = v } }
	bearer := func(text string) map[string]string { return map[string]string{"Authorization": "Bearer " + text} }
	for _, c := range []struct {
		name            string
		header          map[string]string
		denied, refused bool
		why             string
	}{
		{"valid", bearer(own.sign(t, claims(nil))), false, false, ""},
		{"none", nil, true, false, ""},
		{"no bearer", map[string]string{"authorization": "Basic x"}, true, false, ""},
		{"another role", bearer(own.sign(t, claims(set("realm", map[string]any{"roles": []string{"ops"}})))), true,
			false, ""},
		{"another scope", bearer(own.sign(t, claims(set("scope", "read")))), true, false, ""},
		{"another key", bearer(other.sign(t, claims(nil))), false, true, "no key of its jwks"},
		{"over", bearer(own.sign(t, claims(set("exp", time.Now().Add(-time.Hour).Unix())))), false, true, "this time"},
		{"another audience", bearer(own.sign(t, claims(set("aud", "shop")))), false, true, "audiences"},
		{"another issuer", bearer(own.sign(t, claims(set("iss", "https://c.test")))), false, true, "issuer is not"},
		{"no JWT", bearer("abc"), false, true, "no JWT"},
		{"keys elsewhere", map[string]string{"x-token": "T " + own.sign(t, claims(set("iss", "https://b.test")))},
			false, true, "does not reach the keys of https://b.test"},
		{"one is valid", map[string]string{"x-token": "T x", "authorization": "Bearer " + own.sign(t, claims(nil))},
			false, false, ""},
	} {
		got := p.Decide(pods, Request{Method: "GET", Path: "/", Header: c.header})
		if got.Denied != c.denied || got.Refused != c.refused || !strings.Contains(got.Why, c.why) ||
			got.Unknown != "" {
			t.Errorf("%s: got %+v, want denied %t, refused %t, %q", c.name, got, c.denied, c.refused, c.why)
		}
	}
	// A secret that the library finds too short may be long enough for Envoy.
	short := read(t, strings.Replace(stream, own.keys, `{"keys": [{"kty": "oct", "k": "c2hvcnQ"}]}`, 1))
	const small = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL2EudGVzdCJ9.c2lnbmF0dXJl"
	if got := short.Decide(pods, Request{Header: bearer(small)}); !strings.Contains(got.Unknown, "too short") {
		t.Errorf("got %+v, want that it is not known", got)
	}
	// What somebody else has signed is refused wherever the rule looks for it.
	for _, r := range p.TokenRules() {
		probe := r.Forged()
		got := p.Decide(pods, Request{Method: probe.Method, Path: probe.Path, Header: probe.Header})
		if !got.Refused || got.By[0] != "RequestAuthentication payments/jwt" || strings.Contains(got.Why, "no JWT") {
			t.Errorf("%s: got %+v of a forged token, want it refused", r.Path, got)
		}
	}
	web := Target{Namespace: "payments", Labels: map[string]string{"app": "web"}}
	if p.TokenRules()[0].Concerns(web) {
		t.Error("got tokens checked at pods that the selector does not select")
	}
	// A rule that asks for a token is missed without one.
	probes, why := p.Probes(0, pods, []Identity{stranger})
	if len(probes) != 1 || probes[0].Meets || probes[0].Name != "no-token" ||
		!strings.Contains(why, "asks for a token") {
		t.Errorf("got %+v, %q, want a request without a token", probes, why)
	}
}
