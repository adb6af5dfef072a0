package harness

import (
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/trace"
)

// parsed is the object of one document.
func parsed(t *testing.T, yaml string) *unstructured.Unstructured {
	t.Helper()
	all, err := kube.Objects([]byte(yaml))
	if err != nil || len(all) != 1 {
		t.Fatalf("got %d objects (%v), want one", len(all), err)
	}
	return all[0]
}

const (
	aNamespace = `{apiVersion: v1, kind: Namespace, metadata: {name: demo, labels: {istio-injection: enabled, team: a}}}`
	bare       = `{apiVersion: v1, kind: Namespace, metadata: {name: demo}}`
	aPod       = `{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: demo}, spec: {
		initContainers: [{name: i, image: "canarylab/loadgen:dev"}], containers: [{name: a, image: "canarylab/sampleapp:dev",
			ports: [{containerPort: 8080}]}, {name: b, image: "nginx:1"}]}}`
	aDeployment = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: demo, labels: {team: a}},
		spec: {replicas: 2, template: {
		metadata: {labels: {team: a}}, spec: {containers: [{name: a, image: "canarylab/sampleapp:dev"}, {name: without}]}}}}`
	aJob = `{apiVersion: batch/v1, kind: Job, metadata: {name: j, namespace: demo}, spec: {completions: 3, template: {
		spec: {restartPolicy: Never, containers: [{name: a, image: "canarylab/loadgen:dev"}]}}}}`
	aService = `{apiVersion: v1, kind: Service, metadata: {name: s, namespace: demo}, spec: {ports: [{port: 80}]}}`
	aRoute   = `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v, namespace: demo},
		spec: {hosts: [s], http: [{route: [{destination: {host: s}, weight: 90}]}]}}`
)

// On a cluster of the lab's own, what is applied is the file, to the byte.
func TestObjectsAreLeftAloneOnTheLabsOwnCluster(t *testing.T) {
	same := func(image string) string { return image }
	for what, c := range map[string]Cluster{"zero": {}, "own": {Mesh: mesh.Own, Reference: same, Labels: map[string]string{}}} {
		for _, y := range []string{aNamespace, bare, aPod, aDeployment, aJob, aService, aRoute} {
			got, want := parsed(t, y), parsed(t, y)
			if c.adapt(got); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got %v, want %v", what, got, want)
			}
		}
	}
}

func TestNamespacesFitAnExistingCluster(t *testing.T) {
	guest := map[string]string{"canarylab.io/cluster": "existing"}
	for _, tc := range []struct {
		name string
		yaml string
		c    Cluster
		want map[string]string
	}{
		{"its label", aNamespace, Cluster{Labels: guest}, map[string]string{"istio-injection": "enabled", "team": "a",
			"canarylab.io/cluster": "existing"}},
		{"none before", bare, Cluster{Labels: guest}, guest},
		{"another revision", aNamespace, Cluster{Mesh: mesh.Installed{Injection: "prod"}, Labels: guest},
			map[string]string{"istio.io/rev": "prod", "team": "a", "canarylab.io/cluster": "existing"}},
		{"no sidecars wanted", bare, Cluster{Mesh: mesh.Installed{Injection: "prod"}}, nil},
	} {
		got := parsed(t, tc.yaml)
		if tc.c.adapt(got); !maps.Equal(got.GetLabels(), tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, got.GetLabels(), tc.want)
		}
	}
	if len(guest) != 1 {
		t.Errorf("got the cluster's labels changed to %v", guest)
	}
	// Labels are for namespaces: a pod that carries one more is another pod to a selector, and to a Deployment's.
	for _, y := range []string{aPod, aDeployment, aService} {
		got, want := parsed(t, y), parsed(t, y)
		if (Cluster{Labels: guest, Mesh: mesh.Installed{Injection: "prod"}}).adapt(got); !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestImagesAreNamedAsTheClusterKnowsThem(t *testing.T) {
	c := Cluster{Reference: func(image string) string { return strings.Replace(image, "canarylab/", "r.example.com/team/", 1) }}
	for _, tc := range []struct{ name, yaml, want string }{
		{"a pod, also what runs first", aPod, `"r.example.com/team/loadgen:dev" "r.example.com/team/sampleapp:dev" "nginx:1"`},
		{"a deployment, also where a container has no image", aDeployment, `"r.example.com/team/sampleapp:dev" ""`},
		{"a job", aJob, `"r.example.com/team/loadgen:dev"`},
	} {
		o := parsed(t, tc.yaml)
		before := parsed(t, tc.yaml)
		c.adapt(o)
		var got []string
		for _, at := range [][]string{{"spec"}, {"spec", "template", "spec"}} {
			for _, of := range []string{"initContainers", "containers"} {
				list, _, _ := unstructured.NestedSlice(o.Object, append(slices.Clone(at), of)...)
				for _, item := range list {
					image, _ := item.(map[string]any)["image"].(string)
					got = append(got, `"`+image+`"`)
				}
			}
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, strings.Join(got, " "), tc.want)
		}
		// Nothing else changes.
		back := Cluster{Reference: func(image string) string { return strings.Replace(image, "r.example.com/team/", "canarylab/", 1) }}
		if back.adapt(o); !reflect.DeepEqual(o, before) {
			t.Errorf("%s: got %v, want nothing but images changed: %v", tc.name, o, before)
		}
	}
	for _, y := range []string{aService, aRoute, aNamespace} {
		got, want := parsed(t, y), parsed(t, y)
		if c.adapt(got); !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// Every image that the lab's manifests name has to be found, wherever it is in them.
func TestNoImageIsOverlooked(t *testing.T) {
	p, err := newParts("story", loadgen.Plan{Agents: 3, Cohorts: []loadgen.Cohort{{Name: "a"}, {Name: "b", Entry: loadgen.Plain},
		{Name: "c", Entry: loadgen.Gateway}}}, false)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	c := Cluster{Reference: func(image string) string { asked++; return "seen" }}
	for _, manifests := range [][]byte{p.recorder, p.callers} {
		all, err := kube.Objects(manifests)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range all {
			c.adapt(o)
			raw, err := o.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(raw), "canarylab/") {
				t.Errorf("%s %s: got an image overlooked in %s", o.GetKind(), o.GetName(), raw)
			}
		}
	}
	if want := strings.Count(string(p.recorder)+string(p.callers), "image: "); asked != want || want == 0 {
		t.Errorf("got %d images, want %d", asked, want)
	}
}

// A load that several pods share is a Job of so many: each has a number by which it knows its part, and none is replaced.
func TestCallersOfASharedLoadAreJobs(t *testing.T) {
	plan := loadgen.Plan{Cohorts: []loadgen.Cohort{{Name: "a"}, {Name: "b", Entry: loadgen.Gateway}}}
	single, err := newParts("story", plan, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, agents := range []int{1, 3} {
		plan.Agents = agents
		p, err := newParts("story", plan, false)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"Deployment/ingress", "Deployment/load-client", "Deployment/load-client-plain", "Service/ingress"}
		if agents > 1 {
			want = []string{"Deployment/ingress", "Job/load-client", "Job/load-client-plain", "Service/ingress"}
		}
		// The gateway is none of the callers.
		if got := slices.Sorted(slices.Values(named(t, p.callers))); !slices.Equal(got, want) {
			t.Errorf("%d agents: got %q, want %q", agents, got, want)
		}
		if string(p.recorder) != string(single.recorder) {
			t.Errorf("%d agents: got another recorder, want the same", agents)
		}
	}
	was := map[string]*unstructured.Unstructured{}
	all, err := kube.Objects(single.callers)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		was[o.GetKind()+o.GetName()] = o
	}
	plan.Agents = 3
	p, err := newParts("story", plan, false)
	if err != nil {
		t.Fatal(err)
	}
	if all, err = kube.Objects(p.callers); err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		if o.GetKind() != "Job" {
			if !reflect.DeepEqual(o, was[o.GetKind()+o.GetName()]) {
				t.Errorf("%s: got %v, want it as it was", o.GetName(), o)
			}
			continue
		}
		if o.GetAPIVersion() != "batch/v1" {
			t.Errorf("%s: got %s, want batch/v1", o.GetName(), o.GetAPIVersion())
		}
		spec := o.Object["spec"].(map[string]any)
		template := spec["template"].(map[string]any)
		delete(spec, "template")
		// backoffLimit 0: a pod that is lost took requests with it.
		job := map[string]any{"completionMode": "Indexed", "completions": int64(3), "parallelism": int64(3), "backoffLimit": int64(0)}
		if fmt.Sprint(spec) != fmt.Sprint(job) { // numbers that were written and read are of another type
			t.Errorf("%s: got %v, want %v", o.GetName(), spec, job)
		}
		if got, _, _ := unstructured.NestedString(template, "spec", "restartPolicy"); got != "Never" {
			t.Errorf("%s: got restart policy %q, want Never: a Job takes no other that does not send twice", o.GetName(), got)
		}
		unstructured.RemoveNestedField(template, "spec", "restartPolicy")
		before, _, err := unstructured.NestedMap(was["Deployment"+o.GetName()].Object, "spec", "template")
		if err != nil || !reflect.DeepEqual(template, before) {
			t.Errorf("%s: got pods %v, want those of the Deployment: %v (%v)", o.GetName(), template, before, err)
		}
	}
}

func TestOtherClocks(t *testing.T) {
	pod := func(name, node string, role trace.Role) podNews {
		return podNews{Pod: trace.Pod{Name: name, Node: node, Role: role}}
	}
	here, there := loadgen.Clock{Boot: "lab"}, loadgen.Clock{Boot: "other", Offset: -3 * time.Millisecond, Error: 400 * time.Microsecond}
	for _, tc := range []struct {
		name   string
		pods   []podNews
		clocks map[string]loadgen.Clock
		want   []string
	}{
		{"the lab's own machine", []podNews{pod("c", "a", trace.CallerRole), pod("v1", "a", trace.AppRole)}, map[string]loadgen.Clock{"c": here}, nil},
		{
			"one other machine", []podNews{pod("c", "a", trace.CallerRole), pod("v1", "a", trace.AppRole)}, map[string]loadgen.Clock{"c": there},
			[]string{"a (off by 3ms, to within 400µs)"},
		},
		{
			"two without an agent", []podNews{
				pod("c", "a", trace.CallerRole), pod("v1", "z", trace.AppRole), pod("v2", "b", trace.AppRole), pod("v3", "b", trace.AppRole),
			}, map[string]loadgen.Clock{"c": here}, []string{"b (not measured)", "z (not measured)"},
		},
		{"not on a machine yet", []podNews{pod("c", "a", trace.CallerRole), pod("v1", "", trace.AppRole)}, map[string]loadgen.Clock{"c": here}, nil},
		{
			"gone", []podNews{pod("c", "a", trace.CallerRole), pod("v1", "b", trace.AppRole), {Pod: trace.Pod{Name: "v1"}, Gone: true}},
			map[string]loadgen.Clock{"c": here}, []string{"b (not measured)"},
		},
	} {
		r := &run{roster: newRoster(), rec: &recorder{clocks: tc.clocks}}
		for _, n := range tc.pods {
			r.roster.hear(n)
		}
		if got := r.otherClocks(); !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

// A number that can't be has to be found before anything is made.
func TestLoadPodsAreChecked(t *testing.T) {
	for _, n := range []int{-1, loadgen.MaxAgents + 1} {
		f := newFakeMesh()
		dir := filepath.Join(t.TempDir(), "run")
		_, err := play(t.Context(), f.lab(), reports.Setup{Provider: "fake"}, story(), Options{Dir: dir, ID: "id", LoadPods: n})
		if err == nil || !strings.Contains(err.Error(), "1 to 64") || len(f.calls) > 0 {
			t.Errorf("%d: got %v and calls %q, want an error before any", n, err, f.calls)
		}
	}
}
