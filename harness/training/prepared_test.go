package training

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/sampleapp"
)

const (
	storyHead = "# Tells it all.\napiVersion: v1\nkind: Namespace\n" +
		"metadata: {name: tale, labels: {istio-injection: enabled, app.kubernetes.io/managed-by: canarylab}}\n---\n" +
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: my-service-v2, namespace: tale}\n" +
		"spec: {replicas: 1, template: {metadata: {labels: {app: x}}}}\n---\n"
	storyRule = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n" +
		"metadata: {name: my-service, namespace: tale}\n" +
		"spec: {host: my-service.tale.svc.cluster.local, subsets: [{name: v2, labels: {version: %}}]}\n"
)

// tale is a mission whose break restarts v2, and scales it.
func tale() Mission {
	claims := []expect.Expectation{expect.Share("v2", 10), expect.Flag(503, "UH", 10)}
	return Mission{
		Story: harness.Scenario{
			Name: "tale", Title: "A tale",
			Load: loadgen.Plan{URL: "http://x/", Cohorts: []loadgen.Cohort{{Name: "all", Rate: 500}}},
			Files: fstest.MapFS{
				"tale/1.yaml": {Data: []byte(storyHead + strings.ReplaceAll(storyRule, "%", "v2"))},
				"tale/2.yaml": {Data: []byte(strings.ReplaceAll(storyRule, "%", "v3"))},
			},
			Phases: []harness.Phase{
				{Name: "well", Do: harness.Apply("1.yaml"), Expect: claims},
				{Name: "restarted", Do: harness.Restart{Deployment: "my-service-v2"}, Expect: claims},
				{Name: "scaled", Do: harness.ScaleTo{Deployment: "my-service-v2", Replicas: 4}, Expect: claims},
				{Name: "broken", Do: harness.Apply("2.yaml"), Expect: claims},
			},
		},
		Well: "well", Broken: "broken", Hints: Hints{"a", "b", "c"},
		Diagnosis: Diagnosis{Hops: []analysis.Hop{analysis.ClientHop}, Causes: []Cause{NoPods}},
	}
}

// What is written is the story's, in a namespace and in words that tell nothing, and the story itself stays as it is.
func TestAMissionIsPrepared(t *testing.T) {
	m := tale()
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	p, err := prepare(m, Namespace, restartedAt)
	if err != nil {
		t.Fatal(err)
	}
	b, err := kube.YAML(p.change)
	if err != nil {
		t.Fatal(err)
	}
	change := string(b)
	for _, want := range []string{
		"version: v3", "host: my-service.shop.svc.cluster.local", "replicas: 4", "kubectl.kubernetes.io/restartedAt",
		"namespace: shop",
	} {
		if !strings.Contains(change, want) {
			t.Errorf("the change lacks %q:\n%s", want, change)
		}
	}
	if strings.Contains(change, "tale") || strings.Contains(change, "#") ||
		strings.Contains(change, "kind: Namespace") {
		t.Errorf("the change tells the mission, or has what does not change:\n%s", change)
	}
	before, err := m.Story.Manifests(0)
	if err != nil || before[2].GetNamespace() != "tale" {
		t.Errorf("got %v, %v, want the story as it was", before, err)
	}
}

// What a story injects into pods that run is an argument of theirs in a mission, the last one that it says.
func TestFaultsBecomeArguments(t *testing.T) {
	m := tale()
	head := strings.Replace(storyHead, "{metadata: {labels: {app: x}}}",
		"{metadata: {labels: {version: v2}}, spec: {containers: [{name: app, args: [--version=v2]}]}}", 1)
	m.Story.Files = fstest.MapFS{
		"tale/1.yaml": {Data: []byte(head + strings.ReplaceAll(storyRule, "%", "v2"))},
		"tale/2.yaml": {Data: []byte(strings.ReplaceAll(storyRule, "%", "v3"))},
	}
	m.Story.Phases[1].Do = harness.Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 1, Latency: time.Second}}
	m.Story.Phases[2].Do = harness.Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 0.3, ErrorCode: 500}}
	p, err := prepare(m, Namespace, restartedAt)
	if err != nil {
		t.Fatal(err)
	}
	twin, err := kube.YAML(p.twin)
	if err != nil || strings.Contains(string(twin), "error") {
		t.Errorf("got %v, want the twin without a fault:\n%s", err, twin)
	}
	change, err := kube.YAML(p.change)
	want := "- args:\n        - --version=v2\n        - --error-rate=0.3\n        - --error-code=500\n"
	if err != nil || !strings.Contains(string(change), want) {
		t.Errorf("got %v, want %q in\n%s", err, want, change)
	}
}

// What a mission can't be made of is found before there is a cluster.
func TestMissionsThatCantBe(t *testing.T) {
	for _, tc := range []struct {
		change func(*Mission)
		want   string
	}{
		{func(m *Mission) { m.Well = "none" }, `no phase "none"`},
		{func(m *Mission) { m.Story.Phases[2].Do = harness.Inject{Version: "v2", Pods: 1} }, "is no object"},
		{
			func(m *Mission) { m.Story.Phases[2].Do = harness.Inject{Version: "v3"} },
			"no deployment has pods of version v3",
		},
		{func(m *Mission) {
			m.Story.Phases[2].Do = harness.Delete("2.yaml")
			m.Broken = "scaled"
		}, "takes DestinationRule"},
		{func(m *Mission) { m.Story.Phases[0].Expect = nil }, "asks for no share"},
		{func(m *Mission) { m.Story.Phases[3].Expect = nil }, "no failure with a flag, and no share"},
		{func(m *Mission) { m.Hints[1] = "" }, `no hint "what"`},
		{func(m *Mission) { m.Diagnosis.Causes = nil }, "no diagnosis"},
		{func(m *Mission) { m.Right = []Try{{Name: "nonsense", Apply: "a: ["}} }, "nonsense"},
	} {
		m := tale()
		tc.change(&m)
		if err := m.Check(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q in it", err, tc.want)
		}
	}
}
