package scenarios_test

import (
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/authoring"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/scenarios"
)

// Nobody has to guess whether the Gateway API can say a story.
func TestEachStoryHasATwinOrAReason(t *testing.T) {
	for _, s := range scenarios.All() {
		twin, err := scenarios.Twin(s)
		switch {
		case s.HasTwin() && s.OnlyIstio != "":
			t.Errorf("%s: got manifests in %s, and a reason why there are none: %s", s.Name, harness.TwinFolder,
				s.OnlyIstio)
		case !s.HasTwin() && s.OnlyIstio == "":
			t.Errorf("%s: got neither manifests in %s/%s nor a reason in OnlyIstio, want one of the two", s.Name,
				s.Name, harness.TwinFolder)
		case s.HasTwin() && (err != nil || twin.API != harness.GatewayAPI):
			t.Errorf("%s: got a twin of API %q, %v", s.Name, twin.API, err)
		case !s.HasTwin() && (err == nil || !strings.Contains(err.Error(), s.OnlyIstio)):
			t.Errorf("%s: got error %v, want one with %q", s.Name, err, s.OnlyIstio)
		}
	}
}

// twins are the stories that are played by HTTPRoutes, by name, beside their own.
func twins(t *testing.T) map[string]harness.Scenario {
	t.Helper()
	list, left, err := scenarios.Play(scenarios.All(), harness.GatewayAPI)
	if err != nil || len(list) == 0 || len(list)+len(left) != len(scenarios.All()) {
		t.Fatalf("got %d twins, %d stories without, %v", len(list), len(left), err)
	}
	all := map[string]harness.Scenario{}
	for _, s := range list {
		all[s.Name] = s
	}
	return all
}

// A twin makes the same claims of the same load, in as many phases.
func TestTwinsClaimTheSame(t *testing.T) {
	all := twins(t)
	for _, s := range scenarios.All() {
		twin, ok := all[s.Name]
		if !ok {
			continue
		}
		if !reflect.DeepEqual(twin.Load, s.Load) || len(twin.Phases) != len(s.Phases) {
			t.Errorf("%s: got another load, or %d phases, want %d", s.Name, len(twin.Phases), len(s.Phases))
			continue
		}
		for i, p := range s.Phases {
			if got := twin.Phases[i]; !reflect.DeepEqual(got.Expect, p.Expect) || got.Rollback != p.Rollback ||
				got.Breaks != p.Breaks || got.Fixes != p.Fixes || len(got.Prove) != len(p.Prove) {
				t.Errorf("%s: phase %d of the twin is another one: got %+v, want %+v", s.Name, i+1, got, p)
			}
		}
	}
}

func TestTwinsAreValid(t *testing.T) {
	for name, s := range twins(t) {
		for _, problem := range authoring.Where(".", name, s.Check()) {
			t.Errorf("%s: %v", name, problem)
		}
		files, err := fs.Glob(s.Files, path.Join(name, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: got files %q, %v", name, files, err)
		}
		routes := 0
		for _, file := range files {
			b, err := fs.ReadFile(s.Files, file)
			if err != nil {
				t.Fatal(err)
			}
			objects, err := kube.Objects(b)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			for _, o := range objects {
				if o.GetKind() == "HTTPRoute" {
					routes++
				}
				if slices.Contains([]string{"VirtualService", "DestinationRule"}, o.GetKind()) {
					t.Errorf("%s of the twin has %s %s, want HTTPRoutes and Services alone", file, o.GetKind(),
						o.GetName())
				}
			}
		}
		if routes == 0 || !s.AsksGatewayAPI() {
			t.Errorf("%s: got a twin without HTTPRoutes", name)
		}
		// What is told must not be about what is not there.
		told := strings.Join(append([]string{s.Title, s.Cause, s.Fix, s.Back}, s.See...), " ")
		for _, word := range []string{"VirtualService", "virtualservice", "subset v"} {
			if strings.Contains(told, word) {
				t.Errorf("%s: the twin's texts speak of a %s: %s", name, word, told)
			}
		}
	}
}

func TestPlayWantsAnAPIThatThereIs(t *testing.T) {
	all := scenarios.All()
	if list, left, err := scenarios.Play(all, ""); err != nil || len(left) > 0 || !reflect.DeepEqual(list, all) {
		t.Errorf("no API: got %d, %d left out, %v, want all as they are", len(list), len(left), err)
	}
	_, _, err := scenarios.Play(all, "ingress")
	if err == nil || !strings.Contains(err.Error(), `no API "ingress" (there is: gateway`) {
		t.Errorf("got %v, want an error that names the API", err)
	}
	_, err = scenarios.Twin(harness.Scenario{Name: "mine", Folder: "./mine"})
	if err == nil || !strings.Contains(err.Error(), "./mine") {
		t.Errorf("a story without Go: got %v", err)
	}
}
