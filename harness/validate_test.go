package harness

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/mesh"
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
		{"load elsewhere", func(s *Scenario) { s.Load.URL = "http://example.com/" }, "the load goes to example.com"},
		{"cohort elsewhere", func(s *Scenario) {
			s.Load.Cohorts = slices.Clone(s.Load.Cohorts)
			s.Load.Cohorts[0].URL = "http://example.com/"
		}, "the load goes to example.com"},
		{"load's run", func(s *Scenario) { s.Load.Run = "mine" }, "the engine sets"},
		{"canary cohort", func(s *Scenario) { s.CanaryCohort = "nobody" }, `"nobody" is not in the load`},
		{"first step", func(s *Scenario) { s.Phases[0].Do = nil }, "the first phase has to apply"},
		{"namespace", func(s *Scenario) { s.Phases[0].Do = Apply("2-half.yaml") }, "makes no namespace"},
		{"label", func(s *Scenario) {
			head := strings.ReplaceAll(testHead, mesh.Manager, "me")
			s.Files.(fstest.MapFS)["story/1-baseline.yaml"].Data = []byte(head)
		}, "needs the labels"},
		{"elsewhere", func(s *Scenario) {
			elsewhere := strings.ReplaceAll(testRoute("half"), "story", "other")
			s.Files.(fstest.MapFS)["story/2-half.yaml"].Data = []byte(elsewhere)
		}, "is not in namespace story"},
		{"the engine's file", func(s *Scenario) {
			files := s.Files.(fstest.MapFS)
			files["story/callers.yaml"] = files["story/2-half.yaml"]
			s.Phases[1].Do = Apply("callers.yaml")
		}, "the name of one that the engine keeps"},
		{"no such file", func(s *Scenario) { s.Phases[1].Do = Apply("7-none.yaml") }, "7-none.yaml"},
		{
			"empty file",
			func(s *Scenario) { s.Files.(fstest.MapFS)["story/2-half.yaml"].Data = []byte("# nothing\n") }, "is empty",
		},
		{"twice", func(s *Scenario) { s.Phases[1].Name = "baseline" }, "used twice"},
		{"claims nothing", func(s *Scenario) { s.Phases[1].Expect, s.Phases[1].Prove = nil, nil }, "it claims nothing"},
		{"deadline", func(s *Scenario) { s.Phases[1].Deadline = -time.Second }, "its deadline"},
		{
			"cohort", func(s *Scenario) { s.Phases[1].Expect = []expect.Expectation{expect.NoErrors().Of("beta")} },
			`cohort "beta"`,
		},
		{"clock of a cohort", func(s *Scenario) { s.Phases[1].Cohort = "everyone" }, "for the clock of a rollback"},
		{
			"recovery",
			func(s *Scenario) { s.Phases[1].Expect = []expect.Expectation{expect.RecoveredWithin(time.Second)} },
			"does not roll back",
		},
		{
			"comparison",
			func(s *Scenario) {
				s.Phases[1].Rollback = true
				s.Phases[1].Expect = []expect.Expectation{expect.SlowerThan("baseline")}
			},
			"no earlier phase of that name rolls back",
		},
		{
			"revert to the future", func(s *Scenario) { s.Phases[1].Do = Revert("3-broken.yaml") },
			"no earlier phase applied it",
		},
		{"rollback by nothing", func(s *Scenario) { s.Phases[1].Do, s.Phases[1].Rollback = nil, true }, "has no step"},
		{"undo nothing", func(s *Scenario) { s.Phases[1].Do = Undo{} }, "no deployment"},
		{
			"delete the namespace", func(s *Scenario) { s.Phases[1].Do = Delete("1-baseline.yaml") },
			"the engine's to delete",
		},
		{"scale", func(s *Scenario) { s.Phases[1].Do = ScaleTo{Deployment: "d", Replicas: -1} }, "-1 replicas"},
		{"inject nowhere", func(s *Scenario) { s.Phases[1].Do = Inject{} }, "no version"},
		{
			"inject too much",
			func(s *Scenario) { s.Phases[1].Do = Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 2}} },
			"errorRate",
		},
		{"proof", func(s *Scenario) { s.Phases[1].Prove = []Proof{Endpoints{}} }, "want a subset"},
		{"awaited proof", func(s *Scenario) { s.Phases[1].Await = []Proof{Ejected{}} }, "want a subset"},
		{"denial of nothing", func(s *Scenario) { s.Phases[1].Prove = []Proof{Denied{}} }, "want a step"},
		{"restart nothing", func(s *Scenario) { s.Phases[1].Do = Restart{} }, "no deployment"},
		{"label", func(s *Scenario) { s.Labels = []string{"quick"} }, `"quick" is not`},
		{"a break without its story", func(s *Scenario) { s.Phases[1].Breaks = true }, "tells the cause"},
		{
			"nothing breaks", func(s *Scenario) { s.Phases[1].Do, s.Phases[1].Breaks = nil, true },
			"neither breaks nor fixes",
		},
		{
			"alarm of nobody", func(s *Scenario) { s.Phases[1].Expect = []expect.Expectation{expect.Promoted()} },
			"there is no Until",
		},
		{
			"lingering without a rollback",
			func(s *Scenario) { s.Phases[1].Expect = []expect.Expectation{expect.LingersFor(time.Second)} },
			"does not roll back",
		},
		{
			"share until a decision", func(s *Scenario) {
				s.Phases[1].Until = SequentialTest{Good: 1, Bad: 10}
				s.Phases[1].Expect = append(s.Phases[1].Expect, expect.AbortedWithin(time.Second))
			},
			"the phase ends when",
		},
		{"test of nothing", func(s *Scenario) {
			s.Phases[1].Until, s.Phases[1].Expect = SequentialTest{Good: 10, Bad: 1}, []expect.Expectation{
				expect.Promoted(),
			}
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
