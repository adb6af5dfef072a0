package harness

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/sampleapp"
)

// restoring returns what it takes to get from what the steps from leave to what the steps to leave, as calls.
func restoring(t *testing.T, f *fakeMesh, from, to []Step) []string {
	t.Helper()
	s := story()
	s.Files.(fstest.MapFS)["story/5-deployment.yaml"] = &fstest.MapFile{Data: []byte(
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: my-service-v2, namespace: story}\nspec: " +
			"{replicas: 2, template: {metadata: {labels: {version: v2}, annotations: {new: \"yes\"}}}}\n")}
	state := func(steps []Step) *state {
		s.Phases = s.Phases[:1]
		for _, step := range steps {
			s.Phases = append(s.Phases, Phase{Do: step})
		}
		st, err := s.state(len(steps))
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	r := restore{name: "it", from: state(from), to: state(to)}
	if err := r.do(t.Context(), moment{scenario: s, env: f.env()}); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, call := range f.calls {
		all = append(all, strings.ReplaceAll(call, whole, "apply all"))
	}
	return all
}

// whole is what is applied of the state after the baseline.
const whole = "apply Namespace/story VirtualService/my-service DestinationRule/my-service " +
	"Deployment/my-service-v1 Deployment/my-service-v2"

func TestRestore(t *testing.T) {
	errors := Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 1}}
	slow := Inject{Version: "v2", Pods: 1, Faults: sampleapp.Faults{ErrorRate: 0.5}}
	none := ScaleTo{Deployment: "my-service-v2"}
	restart := Restart{Deployment: "my-service-v2"}
	for _, test := range []struct {
		name     string
		from, to []Step
		want     []string
	}{
		{"a route", []Step{Apply("2-half.yaml")}, nil, []string{"apply all"}},
		{"what was deleted", []Step{Delete("2-half.yaml")}, nil, []string{"apply all"}},
		{
			"what was not there", nil, []Step{Delete("2-half.yaml")},
			[]string{strings.Replace(whole, " VirtualService/my-service", "", 1), "delete"},
		},
		{"replicas", []Step{none}, nil, []string{"apply all", "scale my-service-v2 1"}},
		{"no replicas", nil, []Step{none}, []string{"apply all", "scale my-service-v2 0"}},
		{
			"replicas of a manifest", []Step{none}, []Step{none, Apply("5-deployment.yaml")},
			[]string{"apply all", "scale my-service-v2 2"},
		},
		{"the same replicas", nil, []Step{Apply("5-deployment.yaml")}, []string{"apply all"}},
		{"faults", []Step{errors}, nil, []string{"apply all", "ready story", "pods v2", "inject v2"}},
		{
			"other faults", []Step{errors}, []Step{errors, slow},
			[]string{"apply all", "ready story", "pods v2", "inject v2", "inject v2", "inject v2"},
		},
		{"faults that were replaced", nil, []Step{slow, Inject{Version: "v2"}}, []string{"apply all"}},
		{"faults that went with their pods", []Step{errors, restart}, []Step{restart}, []string{"apply all"}},
		{
			"new pods", nil, []Step{restart, Apply("2-half.yaml")},
			[]string{"apply all", "restart my-service-v2", "ready story", "apply all"},
		},
		{"a rollout undone", []Step{Apply("5-deployment.yaml"), Undo{"my-service-v2"}}, nil, []string{"apply all"}},
		{"istiod", []Step{StopIstiod{}}, nil, []string{"start istiod", "apply all"}},
		{"no istiod", nil, []Step{StopIstiod{}}, []string{"apply all", "await 1", "stop istiod"}},
		{
			"no istiod as before", []Step{StopIstiod{}}, []Step{StopIstiod{}},
			[]string{"start istiod", "apply all", "await 1", "stop istiod"},
		},
	} {
		got := restoring(t, newFakeMesh(), test.from, test.to)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
}

// An undone Deployment is applied as it was before.
func TestStateOfWhatWasUndone(t *testing.T) {
	s := story()
	s.Files.(fstest.MapFS)["story/5-deployment.yaml"] = &fstest.MapFile{Data: []byte(
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: my-service-v2, namespace: story}\nspec: " +
			"{template: {metadata: {labels: {version: v2}, annotations: {new: \"yes\"}}}}\n")}
	s.Phases = []Phase{s.Phases[0], {Do: Apply("5-deployment.yaml")}, {Do: Undo{"my-service-v2"}}}
	for phase, want := range []string{"", "yes", ""} {
		st, err := s.state(phase)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range st.manifests() {
			if o.GetKind() != deploymentKind || o.GetName() != "my-service-v2" {
				continue
			}
			if got, _ := dig(template(o), "metadata", "annotations", "new").(string); got != want {
				t.Errorf("after phase %d: got the annotation %q, want %q", phase, got, want)
			}
		}
	}
}

// A version without pods has nobody to heal.
func TestRestoreWithoutPods(t *testing.T) {
	f := newFakeMesh()
	s := story()
	faults := Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 1}}
	s.Phases = []Phase{s.Phases[0], {Do: faults}}
	from, err := s.state(1)
	if err != nil {
		t.Fatal(err)
	}
	to, err := s.state(0)
	if err != nil {
		t.Fatal(err)
	}
	env := f.env()
	env.Apps = noPods{f}
	if err := (restore{from: from, to: to}).do(t.Context(), moment{scenario: s, env: env}); err != nil {
		t.Fatal(err)
	}
	if f.called("inject v2") {
		t.Error("got an injection, and there is no pod")
	}
}

// noPods is a mesh without a pod that is ready.
type noPods struct{ *fakeMesh }

func (noPods) CountPods(context.Context, string, string) (environment.PodCount, error) {
	return environment.PodCount{}, nil
}
