package harness

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/sampleapp"
)

// rollout is a scenario with the manifests of one of the catalogue's.
func rollout(t *testing.T) Scenario {
	t.Helper()
	files := fstest.MapFS{}
	for _, file := range []string{"1-baseline.yaml", "2-canary-5.yaml"} {
		b, err := os.ReadFile("../scenarios/weighted-rollout/" + file)
		if err != nil {
			t.Fatal(err)
		}
		files["weighted-rollout/"+file] = &fstest.MapFile{Data: b}
	}
	return Scenario{
		Name: "weighted-rollout", Title: "A rollout", Canary: "v2", Files: files,
		Load: loadgen.Plan{URL: "http://my-service/", Cohorts: []loadgen.Cohort{
			{Name: "everyone", Rate: 500}, {Name: "beta", Rate: 10},
		}},
		Phases: []Phase{
			{Name: "baseline", Do: Apply("1-baseline.yaml"), Expect: []expect.Expectation{
				expect.Share("v1", 100), expect.Untouched("v2"),
			}},
			{Name: "canary", Do: Apply("2-canary-5.yaml"), Expect: []expect.Expectation{
				expect.Share("v2", 5), expect.NoErrors(),
			}},
			{
				Name: "rollback", Do: Revert("1-baseline.yaml"), Rollback: true,
				Expect: []expect.Expectation{expect.Share("v1", 100)},
			},
		},
	}
}

func TestCheck(t *testing.T) {
	if err := rollout(t).Check(); err != nil {
		t.Fatal(err)
	}
	claim := func(all ...expect.Expectation) func(*Scenario) {
		return func(s *Scenario) { s.Phases[1].Expect = all }
	}
	edit := func(old, new string) func(*Scenario) {
		return func(s *Scenario) {
			f := s.Files.(fstest.MapFS)["weighted-rollout/2-canary-5.yaml"]
			f.Data = []byte(strings.Replace(string(f.Data), old, new, 1))
		}
	}
	for _, tc := range []struct {
		name  string
		spoil func(*Scenario)
		want  string // the whole of the one error, or its beginning
	}{
		{"what Validate finds", func(s *Scenario) { s.Title = "" }, "scenario weighted-rollout: no title"},
		{"no files", func(s *Scenario) { s.Files = nil }, "scenario weighted-rollout: no files"},
		{
			"an unknown field", edit("weight: 95", "wieght: 95"),
			"weighted-rollout/2-canary-5.yaml:15: unknown field spec.http[0].route[0].wieght: did you mean weight?",
		},
		{"syntax, told once", edit("  http:", "  http: {"), "weighted-rollout/2-canary-5.yaml:"},
		{
			"another namespace, told once", edit("namespace: weighted-rollout", "namespace: default"),
			"weighted-rollout/2-canary-5.yaml:6: VirtualService my-service is in namespace default",
		},
		{
			"no such file", func(s *Scenario) { s.Phases[1].Do = Apply("9-none.yaml") },
			"scenario weighted-rollout: phase 2 (canary): ",
		},
		{
			"an unknown canary", func(s *Scenario) { s.Canary = "v22" },
			`scenario weighted-rollout: the canary: no file has a version "v22": did you mean v2? (there are: v1, v2)`,
		},
		{
			"an unknown version", claim(expect.Share("v3", 5)),
			`scenario weighted-rollout: phase 2 (canary): "5 % of all requests answered by v3": ` +
				`no file has a version "v3"`,
		},
		{
			"an unknown subset",
			func(s *Scenario) { s.Phases[1].Prove = []Proof{Endpoints{Subset: "canary", Want: 1}} },
			`scenario weighted-rollout: phase 2 (canary): "every caller's proxy has 1 endpoint for subset canary": ` +
				`no file has a subset of my-service "canary"`,
		},
		{
			"unknown pods", func(s *Scenario) { s.Phases[1].Prove = []Proof{ReadyPods{Version: "v3", Want: 1}} },
			`scenario weighted-rollout: phase 2 (canary): "1 pod of v3 ready"`,
		},
		{
			"a fault for nobody",
			func(s *Scenario) { s.Phases[1].Do = Inject{Version: "v3", Faults: sampleapp.Faults{ErrorRate: 0.1}} },
			`scenario weighted-rollout: phase 2 (canary): "inject`,
		},
		{
			"an unknown deployment", func(s *Scenario) { s.Phases[2].Do = ScaleTo{Deployment: "my-service-v3"} },
			`scenario weighted-rollout: phase 3 (rollback): "kubectl scale deployment my-service-v3 --replicas=0": ` +
				`no file has a deployment "my-service-v3": did you mean my-service-v`,
		},
		{
			"a denial for nobody",
			func(s *Scenario) { s.Phases[1].Prove = []Proof{Denied{Of: Undo{"my-service-v3"}, With: "no"}} },
			`scenario weighted-rollout: phase 2 (canary): "kubectl rollout undo deployment my-service-v3 is denied: `,
		},
		{
			"a share of 150 percent", claim(expect.Share("v2", 150).Of("everyone")),
			"scenario weighted-rollout: phase 2 (canary): ",
		},
		{
			"claims that do not go together", claim(expect.NoErrors(), expect.Flag(503, "UH", 5)),
			"scenario weighted-rollout: phase 2 (canary): ",
		},
		{
			"too few requests", claim(expect.Share("v2", 5).Of("beta")),
			`scenario weighted-rollout: phase 2 (canary): "5 % of the requests of beta answered by v2" takes 3,767 ` +
				"requests, and at most 600 are sent in 1m0s: raise the rate or the phase's Deadline",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := rollout(t)
			tc.spoil(&s)
			got := flatten(s.Check())
			if len(got) == 0 || !strings.HasPrefix(got[0].Error(), tc.want) {
				t.Fatalf("got %q, want an error that begins with %q", got, tc.want)
			}
			if len(got) > 1 {
				t.Errorf("got %q, want one error", got)
			}
			var phase *PhaseError
			if errors.As(got[0], &phase) && s.Phases[phase.Number-1].Name != phase.Name {
				t.Errorf("got phase %d (%s), want the number to be the name's", phase.Number, phase.Name)
			}
			var problem manifest.Problem
			if errors.As(got[0], &problem) &&
				(problem.Line == 0 || problem.File != "weighted-rollout/2-canary-5.yaml") {
				t.Errorf("got file %s, line %d, want those of the mistake", problem.File, problem.Line)
			}
		})
	}
}

// A load that swells may have enough requests for a claim at its height, so that it is not refused.
func TestCheckLooksAtTheHighestLoad(t *testing.T) {
	s := rollout(t)
	s.Load.Cohorts = []loadgen.Cohort{{Name: "everyone", Rate: 20}}
	if err := s.Check(); err == nil || !strings.Contains(err.Error(), "at most 1,200 are sent in 1m0s") {
		t.Errorf("got %v, want too few requests", err)
	}
	s.Load.Shape = &loadgen.Shape{Ramp: &loadgen.Ramp{From: 1, To: 5, Over: 2 * time.Minute}}
	if err := s.Check(); err != nil {
		t.Errorf("got %v, want enough requests at the end of the ramp", err)
	}
}
