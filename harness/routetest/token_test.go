package routetest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
)

const checksTokens = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec: {hosts: [web], http: [{route: [{destination: {host: web}}]}]}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  jwtRules:
  - issuer: https://a.test
    jwks: '{"keys": [{"kty": "oct", "kid": "k", "k": "YS1rZXktb2YtYS10ZXN0LXRoYXQtaXMtbG9uZy1lbm91Z2g"}]}'
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: staff, namespace: shop}
spec:
  rules: [{from: [{source: {requestPrincipals: ["https://a.test/*"]}}]}]
`

// valid is a token of the issuer that says {"iss": "https://a.test", "sub": "ann"}, signed by the key above.
const valid = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJodHRwczovL2EudGVzdCIsInN1YiI6ImFubiJ9." +
	"r0xj1K70iSF_8No_QNKi7pTyTkYrnbv8uzqeJmBHSAk"

// A request without a token is expected to get 403 where a policy asks for one, a forged one 401, and one with a token
// that somebody gives is let through. No token is in what is recorded.
func TestTokensAreJudged(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	manifests := put("web.yaml", checksTokens)
	const ann = "cohorts:\n- name: ann\n  url: http://web/"
	canary := put("canary.yaml", ann+"\n  header: {authorization: Bearer "+valid+"}\n")
	places := func(r *reports.Routing) map[string]string {
		all := map[string]string{}
		for _, c := range r.Classes {
			for _, p := range c.Asked {
				all[c.Cohort] = p.Name()
			}
		}
		return all
	}
	made, err := of(t, manifests, "")
	if err != nil {
		t.Fatal(err)
	}
	r := made.Scenario.Phases[0].Routing
	got := places(r)
	if p := got["web-all"]; !strings.HasPrefix(p, "403 at web.shop, denied by AuthorizationPolicy shop/staff") {
		t.Errorf("got %q of a request without a token, of %v", p, got)
	}
	const forged, refused = "jwt-jwtrules-0-forged-token-web", "token refused by RequestAuthentication shop/jwt"
	if p := got[forged]; p != "401 at web.shop, "+refused {
		t.Errorf("got %q of a forged token, of %v", p, got)
	}
	// A rule that takes the header away has the pods see no token.
	without := strings.Replace(checksTokens, "http: [{", "http: [{headers: {request: {remove: [Authorization]}}, ", 1)
	removed, err := of(t, put("removed.yaml", without), "")
	if err != nil {
		t.Fatal(err)
	}
	if p := places(removed.Scenario.Phases[0].Routing)[forged]; !strings.HasPrefix(p, "403") {
		t.Errorf("got %q of a token that a rule takes away, want that of a request without one", p)
	}
	says := func(r *reports.Routing) bool {
		return slices.ContainsFunc(r.Remarks, func(m reports.RoutingRemark) bool { return m.Kind == "no-token" })
	}
	if !says(r) {
		t.Error("it is not said that a valid token is missing")
	}
	if made, err = of(t, manifests, "", canary); err != nil {
		t.Fatal(err)
	}
	r = made.Scenario.Phases[0].Routing
	if p := places(r)["ann"]; p != "web.shop" {
		t.Errorf("got %q of a valid token, want it to be let through", p)
	}
	if says(r) {
		t.Error("it is said that a valid token is missing")
	}
	b, err := json.Marshal([]any{r, made.Scenario.Load.WithoutSecrets()})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), valid) || !strings.Contains(string(b), loadgen.Hidden) {
		t.Errorf("got %s, want it without the token", b)
	}
	put("canary.yaml", ann+"?access_token="+valid+"\n")
	if _, err = of(t, manifests, "", canary); err == nil || strings.Contains(err.Error(), valid) ||
		!strings.Contains(err.Error(), "has a token") {
		t.Errorf("got %v, want a token in a URL refused, and not shown", err)
	}
}
