package realmesh

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/text"
)

// Every way back is timed in one run, on one canary that has all requests, and the report compares them.
func TestWaysBackAreCompared(t *testing.T) {
	labtest.ByTurns(t, turnOfRollbacks)
	ctx := t.Context()
	l := theLab.Open(ctx, t)
	defer settleAfter(ctx, t, l.Kube())
	const ns = "ways-back"
	route := func(subset string) []byte {
		return []byte("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: my-service, " +
			"namespace: " + ns +
			"}\nspec: {hosts: [my-service], http: [{route: [{destination: {host: my-service, subset: " + subset +
			"}}]}]}\n")
	}
	// The same Deployment with the other version in it: what kubectl rollout undo takes back.
	rollout := bytes.Split(baseline(t, ns), []byte("---\n"))
	var v1 []byte
	for _, doc := range rollout {
		if bytes.Contains(doc, []byte("name: my-service-v1")) {
			v1 = bytes.ReplaceAll(doc, []byte("--version=v1"), []byte("--version=v2"))
		}
	}
	s := harness.Scenario{
		Name: ns, Title: "Ways back from a canary", Canary: "v2",
		Files: fstest.MapFS{
			ns + "/1-baseline.yaml": {Data: baseline(t, ns)},
			ns + "/2-canary.yaml":   {Data: route("v2")},
			ns + "/3-rollout.yaml":  {Data: v1},
			ns + "/4-route.yaml":    {Data: route("v1")},
		},
		Load: loadgen.Plan{URL: "http://my-service/", Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: 300}}},
	}
	watched := []expect.Expectation{expect.Status(200, 100)}
	canary := func(name string) harness.Phase {
		return harness.Phase{
			Name: name, Do: harness.Apply("2-canary.yaml"), Expect: []expect.Expectation{expect.Share("v2", 100)},
		}
	}
	back := func(name string, by harness.Step, claims ...expect.Expectation) harness.Phase {
		return harness.Phase{Name: name, Do: by, Rollback: true, Expect: claims}
	}
	s.Phases = []harness.Phase{
		{Name: "baseline", Do: harness.Apply("1-baseline.yaml"), Expect: watched},
		canary("canary 1"),
		back("revert", harness.Revert("1-baseline.yaml"), expect.RecoveredWithin(5*time.Second),
			expect.Share("v1", 100)),
		{Name: "rolled out", Do: harness.Apply("3-rollout.yaml"), Expect: []expect.Expectation{
			expect.Share("v2", 100),
		}},
		back("undo", harness.Undo{Deployment: "my-service-v1"}, expect.RecoveredWithin(time.Minute),
			expect.Share("v1", 100)),
		canary("canary 2"),
		// Without a route, the Service gives each version its pods' part: that is no way back, and the clock says so.
		back("delete", harness.Delete("4-route.yaml"), expect.Share("v2", 50)),
		canary("canary 3"),
		// Without pods, the canary's share is 503 UH: the requests are burned until somebody changes the route.
		back("scale", harness.ScaleTo{Deployment: "my-service-v2", Replicas: 0}, expect.Flag(503, "UH", 100)),
	}
	rep, err := theLab.Steady(ctx, t, s, harness.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	if err := text.Write(&shown, rep, text.Options{Full: true}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", shown.String()[strings.Index(shown.String(), "rollbacks ─"):])
	labtest.Passed(t, rep)
	clocks := map[string]*analysis.Rollback{}
	for _, p := range rep.Phases {
		if r := p.Observation.Rollback; r != nil {
			clocks[p.Name] = r
		}
	}
	if r := clocks["revert"]; r == nil || !r.Recovered() || r.Method == "" || r.High <= r.Low {
		t.Errorf("revert: got %+v, want a bracket", r)
	}
	if r := clocks["undo"]; r == nil || !r.Recovered() {
		t.Errorf("undo: got %+v, want a bracket", r)
	}
	for _, name := range []string{"delete", "scale"} {
		if r := clocks[name]; r == nil || r.Recovered() {
			t.Errorf("%s: got %+v, want a rollback that never took effect", name, r)
		}
	}
}

// Callers inside the mesh, callers without a sidecar and callers through the gateway meet what their way has
// for them, in one run and with one set of books.
func TestEntriesMeetTheirRoutes(t *testing.T) {
	ctx := t.Context()
	theLab.Open(ctx, t)
	const ns = "entries"
	s := harness.Scenario{
		Name: ns, Title: "Three ways in", Canary: "v2",
		Files: fstest.MapFS{
			ns + "/1-baseline.yaml": {Data: baseline(t, ns)},
			ns + "/2-gateway.yaml": {Data: []byte(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ingress, namespace: entries}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [my-service.example.com]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ingress, namespace: entries}
spec:
  hosts: [my-service.example.com]
  gateways: [ingress]
  http: [{route: [{destination: {host: my-service, subset: v2}}]}]
`)},
		},
		// A Service deals out connections, not requests.
		Load: loadgen.Plan{URL: "http://my-service/", Rate: 600, FreshConnections: true, Cohorts: []loadgen.Cohort{
			{Name: "inside", Weight: 2},
			{Name: "plain", Weight: 2, Entry: loadgen.Plain},
			{Name: "outside", Weight: 1, Entry: loadgen.Gateway, Header: map[string]string{
				"Host": "my-service.example.com",
			}},
			{Name: "lost", Weight: 1, Entry: loadgen.Gateway, Header: map[string]string{"Host": "nobody.example.com"}},
		}},
		Phases: []harness.Phase{
			{Name: "baseline", Do: harness.Apply("1-baseline.yaml"), Expect: []expect.Expectation{
				expect.Share("v1", 100).Of("inside"),
				// The Service knows no weights: both pods get the same.
				expect.Share("v2", 50).Of("plain"),
				// The gateway listens to nobody yet.
				expect.Status(0, 100).Of("outside"), expect.Status(0, 100).Of("lost"),
			}},
			{Name: "gateway", Do: harness.Apply("2-gateway.yaml"), Expect: []expect.Expectation{
				expect.Share("v1", 100).Of("inside"), expect.Share("v2", 50).Of("plain"),
				expect.Share("v2", 100).Of("outside"),
				expect.Flag(404, "NR", 100).Of("lost"),
			}},
		},
	}
	rep, err := theLab.Steady(ctx, t, s, harness.Options{})
	if err != nil {
		t.Fatal(err)
	}
	labtest.Passed(t, rep)
	for _, f := range rep.Phases[1].Observation.Settled.Of("lost").Failures {
		if f.Hop != analysis.GateHop {
			t.Errorf("got %+v, want the gateway", f)
		}
	}
}
