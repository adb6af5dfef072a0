package harness

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/sampleapp"
)

func TestValidate(t *testing.T) {
	if err := story().Validate(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		spoil func(*Scenario)
		want  string
	}{
		{"name", func(s *Scenario) { s.Name = "Story" }, "not a kebab-case name"},
		{"title", func(s *Scenario) { s.Title = "" }, "no title"},
		{"cause", func(s *Scenario) { s.Cause = "because" }, "a cause needs a fix"},
		{"no files", func(s *Scenario) { s.Files = nil }, "no files"},
		{"no phases", func(s *Scenario) { s.Phases = nil }, "no phases"},
		{"load", func(s *Scenario) { s.Load.Cohorts = nil }, "cohorts"},
		{"load's run", func(s *Scenario) { s.Load.Run = "mine" }, "the engine sets"},
		{"canary cohort", func(s *Scenario) { s.CanaryCohort = "nobody" }, `"nobody" is not in the load`},
		{"first step", func(s *Scenario) { s.Phases[0].Do = nil }, "the first phase has to apply"},
		{"namespace", func(s *Scenario) { s.Phases[0].Do = Apply("2-half.yaml") }, "makes no namespace"},
		{"label", func(s *Scenario) {
			s.Files.(fstest.MapFS)["story/1-baseline.yaml"].Data = []byte(strings.ReplaceAll(testHead, Manager, "me"))
		}, "needs the labels"},
		{"elsewhere", func(s *Scenario) {
			s.Files.(fstest.MapFS)["story/2-half.yaml"].Data = []byte(strings.ReplaceAll(testRoute("half"), "story", "other"))
		}, "is not in namespace story"},
		{"no such file", func(s *Scenario) { s.Phases[1].Do = Apply("7-none.yaml") }, "7-none.yaml"},
		{"empty file", func(s *Scenario) { s.Files.(fstest.MapFS)["story/2-half.yaml"].Data = []byte("# nothing\n") }, "is empty"},
		{"twice", func(s *Scenario) { s.Phases[1].Name = "baseline" }, "used twice"},
		{"claims nothing", func(s *Scenario) { s.Phases[1].Expect, s.Phases[1].Prove = nil, nil }, "it claims nothing"},
		{"deadline", func(s *Scenario) { s.Phases[1].Deadline = -time.Second }, "its deadline"},
		{"cohort", func(s *Scenario) { s.Phases[1].Expect = []expect.Expectation{expect.NoErrors().Of("beta")} }, `cohort "beta"`},
		{"clock of a cohort", func(s *Scenario) { s.Phases[1].Cohort = "everyone" }, "for the clock of a rollback"},
		{"recovery", func(s *Scenario) { s.Phases[1].Expect = []expect.Expectation{expect.RecoveredWithin(time.Second)} }, "does not roll back"},
		{"revert to the future", func(s *Scenario) { s.Phases[1].Do = Rollback{By: Revert("3-broken.yaml")} }, "no earlier phase applied it"},
		{"rollback by nothing", func(s *Scenario) { s.Phases[1].Do = Rollback{} }, "it has no step"},
		{"rollback twice", func(s *Scenario) { s.Phases[1].Do = Rollback{By: Rollback{By: Undo{"d"}}} }, "a rollback of a rollback"},
		{"undo nothing", func(s *Scenario) { s.Phases[1].Do = Undo{} }, "no deployment"},
		{"delete the namespace", func(s *Scenario) { s.Phases[1].Do = Delete("1-baseline.yaml") }, "the engine's to delete"},
		{"scale", func(s *Scenario) { s.Phases[1].Do = ScaleTo{Deployment: "d", Replicas: -1} }, "-1 replicas"},
		{"inject nowhere", func(s *Scenario) { s.Phases[1].Do = Inject{} }, "no version"},
		{"inject too much", func(s *Scenario) { s.Phases[1].Do = Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 2}} }, "errorRate"},
		{"proof", func(s *Scenario) { s.Phases[1].Prove = []Proof{Endpoints{}} }, "want a subset"},
		{"awaited proof", func(s *Scenario) { s.Phases[1].Await = []Proof{Ejected{}} }, "want a subset"},
		{"refusal of nothing", func(s *Scenario) { s.Phases[1].Prove = []Proof{Refusal{}} }, "want a step"},
		{"restart nothing", func(s *Scenario) { s.Phases[1].Do = Restart{} }, "no deployment"},
		{"label", func(s *Scenario) { s.Labels = []string{"quick"} }, `"quick" is not`},
		{"a break without its story", func(s *Scenario) { s.Phases[1].Breaks = true }, "tells the cause"},
		{"nothing breaks", func(s *Scenario) { s.Phases[1].Do, s.Phases[1].Breaks = nil, true }, "neither breaks nor fixes"},
		{"alarm of nobody", func(s *Scenario) { s.Phases[1].Expect = []expect.Expectation{expect.LetOn()} }, "there is no Until"},
		{"lingering without a rollback", func(s *Scenario) { s.Phases[1].Expect = []expect.Expectation{expect.LingersFor(time.Second)} }, "does not roll back"},
		{"share until a decision", func(s *Scenario) { s.Phases[1].Until = SequentialTest{Good: 1, Bad: 10} }, "the phase ends when"},
		{"test of nothing", func(s *Scenario) {
			s.Phases[1].Until, s.Phases[1].Expect = SequentialTest{Good: 10, Bad: 1}, []expect.Expectation{expect.LetOn()}
		}, "want 0 < good < bad"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := story()
			tc.spoil(&s)
			if err := s.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestStepsSayWhatTheyDo(t *testing.T) {
	for _, tc := range []struct {
		step Step
		want string
	}{
		{Apply("2-canary.yaml"), "kubectl apply -f 2-canary.yaml"},
		{Delete("2-canary.yaml"), "kubectl delete -f 2-canary.yaml"},
		{Undo{"my-service-v2"}, "kubectl rollout undo deployment my-service-v2"},
		{Rollback{By: Revert("1-baseline.yaml")}, "kubectl apply the VirtualService of 1-baseline.yaml"},
		{ScaleTo{Deployment: "my-service-v1"}, "kubectl scale deployment my-service-v1 --replicas=0"},
		{Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 0.5}},
			`inject {"errorRate":0.5,"errorCode":503,"latency":"0s","jitter":"0s"} into every pod of v2`},
		{Inject{Version: "v2"}, "heal every pod of v2"},
		{Inject{Version: "v2", Pods: 1}, "heal 1 pod of v2"},
		{Restart{"my-service-v2"}, "kubectl rollout restart deployment my-service-v2"},
		{StopIstiod{}, "kubectl scale deployment istiod --replicas=0"},
	} {
		if got := tc.step.String(); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

// A revert writes the route and nothing else.
func TestRevertTakesTheRouteOnly(t *testing.T) {
	objects, err := Revert("1-baseline.yaml").routes(story())
	if err != nil || len(objects) != 1 || objects[0].GetKind() != "VirtualService" || objects[0].GetAnnotations()["route"] != "v1" {
		t.Errorf("got %v, %v, want the VirtualService", objects, err)
	}
}

func TestLoadOutlivesThePhases(t *testing.T) {
	s := story()
	if got, least := s.plan("id").Duration, 3*(DefaultDeadline+settleWithin+stepWithin); got < least {
		t.Errorf("got %s, want %s or more", got, least)
	}
	for range 100 {
		s.Phases = append(s.Phases, s.Phases[0])
	}
	if got := s.plan("id").Duration; got != loadgen.MaxDuration {
		t.Errorf("got %s, want the agent's bound %s", got, loadgen.MaxDuration)
	}
}

// The files' state follows the steps: what was applied last, without what was deleted.
func TestStateOfTheFiles(t *testing.T) {
	s := story()
	s.Phases = append(s.Phases, Phase{Name: "gone", Do: Rollback{By: Delete("2-half.yaml")}})
	for phase, want := range []string{"v1", "half", "v1", ""} {
		objects, err := s.state(phase)
		if err != nil {
			t.Fatal(err)
		}
		route := ""
		for _, o := range objects {
			if o.GetKind() == "VirtualService" {
				route += o.GetAnnotations()["route"]
			}
		}
		if route != want {
			t.Errorf("after phase %d: got the route %q, want %q", phase, route, want)
		}
	}
}

// Without a step everything else is as it was, also what later steps refer to.
func TestWithout(t *testing.T) {
	whole := story()
	for i := range whole.Phases {
		if i == 0 {
			continue
		}
		s := whole.Without(i)
		if err := s.Validate(); err != nil {
			t.Errorf("without phase %d: %v", i, err)
		}
		if got := s.Phases[i].did(); !strings.Contains(got, "nothing, instead of: "+whole.Phases[i].did()) {
			t.Errorf("without phase %d: got the step %q", i, got)
		}
		if s.spec(i).Rollback != whole.spec(i).Rollback {
			t.Errorf("without phase %d: it lost its rollback clock", i)
		}
	}
}
