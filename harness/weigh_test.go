package harness

import (
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/canarylab/canarylab/reports"
)

// weighed is a story whose routes share requests by weights, and that the fake mesh understands: v1, half, v1.
func weighed() Scenario {
	s := calm()
	to := func(subset, weight string) string {
		return "{destination: {host: my-service, subset: " + subset + "}" + weight + "}"
	}
	route := func(name string, to ...string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(testRoute(name) +
			"spec: {hosts: [my-service], http: [{timeout: 5s, route: [" + strings.Join(to, ", ") + "]}]}\n")}
	}
	files := s.Files.(fstest.MapFS)
	baseline := route("v1", to("v1", ""))
	baseline.Data = []byte(testHead + string(baseline.Data) + testDR + testPods)
	files["story/1-baseline.yaml"] = baseline
	files["story/2-half.yaml"] = route("half", to("v1", ", weight: 50"), to("v2", ", weight: 50"))
	return s
}

func TestWeigh(t *testing.T) {
	s := weighed()
	for phase, want := range []int{0, 50, 0} {
		if got, ok := s.Weight(phase); got != want || !ok {
			t.Errorf("phase %d: got %d %%, %t, want %d %%", phase, got, ok, want)
		}
	}
	step, ok := s.Weigh(30)
	if !ok {
		t.Fatal("got no step")
	}
	s.Phases = append(s.Phases, Phase{Do: step})
	if got, ok := s.Weight(3); got != 30 || !ok {
		t.Errorf("after the step: got %d %%, %t, want 30 %%", got, ok)
	}
	if got, _ := s.Weight(2); got != 0 {
		t.Errorf("before the step: got %d %%: it changed what was there", got)
	}
	st, err := s.state(3)
	if err != nil {
		t.Fatal(err)
	}
	vs, _ := st.route()
	if http := dig(vs.Object, "spec", "http").([]any); dig(http[0], "timeout") != "5s" {
		t.Errorf("got the route %v, want its other fields as they were", http)
	}
	const want = `kubectl patch virtualservice my-service --type=json -p '[{"op":"replace",` +
		`"path":"/spec/http/0/route","value":[{"destination":{"host":"my-service","subset":"v1"},"weight":70},` +
		`{"destination":{"host":"my-service","subset":"v2"},"weight":30}]}]'`
	if step.String() != want {
		t.Errorf("got\n%s\nwant\n%s", step, want)
	}
	for _, percent := range []int{-1, 101} {
		if step, _ := s.Weigh(percent); step.check(s, nil) == nil {
			t.Errorf("%d %%: want an error", percent)
		}
	}
}

// Where callers are told apart, or there are other subsets, a weight says nothing.
func TestWeighIsNotForEveryStory(t *testing.T) {
	for name, change := range map[string]func(s *Scenario){
		"no canary":    func(s *Scenario) { s.Canary = "" },
		"another host": replaced("host: my-service, subset: v2", "host: other, subset: v2"),
		"a third":      replaced("subset: v2", "subset: v3"),
		"no subset":    replaced("host: my-service, subset: v1}, weight", "host: my-service}, weight"),
		"by header":    replaced("{timeout: 5s", "{match: [{headers: {a: {exact: b}}}], timeout: 5s"),
		"two routes":   replaced("http: [", "http: [{route: [{destination: {host: my-service, subset: v1}}]}, "),
		"no route":     func(s *Scenario) { s.Phases = append(s.Phases, Phase{Do: Delete("2-half.yaml")}) },
	} {
		s := weighed()
		change(&s)
		if _, ok := s.Weigh(10); ok {
			t.Errorf("%s: got a step", name)
		}
	}
}

// replaced changes the second file.
func replaced(old, with string) func(*Scenario) {
	return func(s *Scenario) {
		file := s.Files.(fstest.MapFS)["story/2-half.yaml"]
		file.Data = []byte(strings.ReplaceAll(string(file.Data), old, with))
	}
}

// A weight that is tried goes to the mesh, and the way back takes it along.
func TestTriedWeight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeMesh()
		s := weighed()
		step, _ := s.Weigh(30)
		pace := &script{moves: []Move{{To: 1}, {Try: &Phase{Name: "by hand", Do: step}}, {To: 0}, {To: 1}}}
		rep := led(t, f, s, pace, "baseline", "half", "by hand", "baseline (2)", "half (2)")
		if a := rep.Phases[2].Action; a == nil || a.Kind != "weigh" || a.Brief != "give v2 30 %" {
			t.Errorf("got %+v", a)
		}
		if rep.Phases[2].Outcome() != reports.Pass || len(rep.Phases[2].Verdicts) != 0 {
			t.Errorf("got %+v, want nothing claimed", rep.Phases[2].Verdicts)
		}
	})
}
