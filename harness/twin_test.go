package harness

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

func TestWithHTTPRoutes(t *testing.T) {
	own := Scenario{
		Name: "my-story", Title: "A canary", OnlyIstio: "why",
		Files: fstest.MapFS{
			"my-story/1-baseline.yaml":             {Data: []byte("own")},
			"my-story/gateway-api/1-baseline.yaml": {Data: []byte("twin's")},
		},
		Phases: []Phase{
			{
				Name: "baseline", Do: Apply("1-baseline.yaml"),
				Prove: []Proof{Endpoints{Subset: "v2", Want: 1}, Analysis{}},
			},
			{Name: "gate", Until: Gate{Checks: []Check{FailedShare("v2", 5), LatencyP99("v2", 250)}}},
			{Name: "rollback", Do: Revert("1-baseline.yaml"), Rollback: true},
		},
	}
	if !own.HasTwin() {
		t.Fatal("got no twin, want one: there is a folder gateway-api")
	}
	twin := own.WithHTTPRoutes()
	if twin.API != GatewayAPI || twin.OnlyIstio != "" || twin.Title != "A canary (by HTTPRoutes)" {
		t.Errorf("got API %q, title %q", twin.API, twin.Title)
	}
	if b, err := fs.ReadFile(twin.Files, "my-story/1-baseline.yaml"); err != nil || string(b) != "twin's" {
		t.Errorf("got manifest %q, %v, want that of the folder gateway-api", b, err)
	}
	if found, err := fs.Glob(twin.Files, "my-story/*.yaml"); err != nil || len(found) != 1 {
		t.Errorf("got manifests %q, %v, want one", found, err)
	}
	if twin.HasTwin() {
		t.Error("a twin has a twin")
	}
	if got := twin.Phases[0].Prove[0]; got != (Endpoints{Service: "my-service-v2", Want: 1}) {
		t.Errorf("got proof %q, want one about the Service", got)
	}
	if got := twin.Phases[2].Do; got != RevertHTTPRoute("1-baseline.yaml") {
		t.Errorf("got step %v", got)
	}
	gate, ok := twin.Phases[1].Until.(Gate)
	if !ok {
		t.Fatalf("got detector %v", twin.Phases[1].Until)
	}
	for _, c := range gate.Checks {
		for _, text := range []string{c.Query, c.Series} {
			const want = `cluster_name=~"outbound\\|80\\|\\|my-service-v2\\..*"`
			if !strings.Contains(text, want) || strings.Contains(text, `\\|v2\\|`) {
				t.Errorf("%s: got %s, want %s", c.Name, text, want)
			}
		}
	}
	// The scenario's own is as it was.
	if own.Phases[2].Do != Revert("1-baseline.yaml") || own.Phases[0].Prove[0] != (Endpoints{Subset: "v2", Want: 1}) ||
		own.Phases[1].Until.(Gate).Checks[0].Query != FailedShare("v2", 5).Query {
		t.Errorf("the scenario was changed: %+v", own.Phases)
	}
}
