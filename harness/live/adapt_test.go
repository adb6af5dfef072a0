package live

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/loadgen"
)

// parsed is the object of one document.
func parsed(t *testing.T, yaml string) environment.Object {
	t.Helper()
	all, err := kube.Objects([]byte(yaml))
	if err != nil || len(all) != 1 {
		t.Fatalf("got %d objects (%v), want one", len(all), err)
	}
	return all[0]
}

const (
	aNamespace = `{apiVersion: v1, kind: Namespace, metadata: {name: demo, labels: {
		istio-injection: enabled, team: a}}}`
	bare = `{apiVersion: v1, kind: Namespace, metadata: {name: demo}}`
	aPod = `{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: demo}, spec: {
		initContainers: [{name: i, image: "canarylab/loadgen:dev"}], containers: [
			{name: a, image: "canarylab/sampleapp:dev", ports: [{containerPort: 8080}]}, {name: b, image: "nginx:1"}]}}`
	aDeployment = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: demo, labels: {team: a}},
		spec: {replicas: 2, template: {
		metadata: {labels: {team: a}}, spec: {containers: [
			{name: a, image: "canarylab/sampleapp:dev"}, {name: without}]}}}}`
	aJob = `{apiVersion: batch/v1, kind: Job, metadata: {name: j, namespace: demo}, spec: {completions: 3, template: {
		spec: {restartPolicy: Never, containers: [{name: a, image: "canarylab/loadgen:dev"}]}}}}`
	aService = `{apiVersion: v1, kind: Service, metadata: {name: s, namespace: demo}, spec: {ports: [{port: 80}]}}`
	aRoute   = `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v, namespace: demo},
		spec: {hosts: [s], http: [{route: [{destination: {host: s}, weight: 90}]}]}}`
)

// On a cluster of the lab's own, what is applied is the file, to the byte.
func TestObjectsAreLeftAloneOnTheLabsOwnCluster(t *testing.T) {
	same := func(image string) string { return image }
	for what, c := range map[string]Cluster{"zero": {}, "own": {
		Mesh: mesh.Own, Reference: same, Labels: map[string]string{},
	}} {
		for _, y := range []string{aNamespace, bare, aPod, aDeployment, aJob, aService, aRoute} {
			got, want := parsed(t, y), parsed(t, y)
			if c.adapt(got); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got %v, want %v", what, got, want)
			}
		}
	}
}

func TestNamespacesFitAnExistingCluster(t *testing.T) {
	borrowed := map[string]string{"canarylab.io/cluster": "existing"}
	for _, tc := range []struct {
		name string
		yaml string
		c    Cluster
		want map[string]string
	}{
		{"its label", aNamespace, Cluster{Labels: borrowed},
			map[string]string{"istio-injection": "enabled", "team": "a", "canarylab.io/cluster": "existing"}},
		{"none before", bare, Cluster{Labels: borrowed}, borrowed},
		{"another revision", aNamespace, Cluster{Mesh: mesh.Installed{Injection: "prod"}, Labels: borrowed},
			map[string]string{"istio.io/rev": "prod", "team": "a", "canarylab.io/cluster": "existing"}},
		{"no sidecars wanted", bare, Cluster{Mesh: mesh.Installed{Injection: "prod"}}, nil},
	} {
		got := parsed(t, tc.yaml)
		if tc.c.adapt(got); !maps.Equal(got.GetLabels(), tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, got.GetLabels(), tc.want)
		}
	}
	if len(borrowed) != 1 {
		t.Errorf("got the cluster's labels changed to %v", borrowed)
	}
	// Labels are for namespaces: a pod that carries one more is another pod to a selector, and to a Deployment's.
	for _, y := range []string{aPod, aDeployment, aService} {
		got, want := parsed(t, y), parsed(t, y)
		c := Cluster{Labels: borrowed, Mesh: mesh.Installed{Injection: "prod"}}
		if c.adapt(got); !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestImagesAreNamedAsTheClusterKnowsThem(t *testing.T) {
	c := Cluster{Reference: func(image string) string {
		return strings.Replace(image, "canarylab/", "r.example.com/team/", 1)
	}}
	for _, tc := range []struct{ name, yaml, want string }{
		{
			"a pod, also what runs first", aPod,
			`"r.example.com/team/loadgen:dev" "r.example.com/team/sampleapp:dev" "nginx:1"`,
		},
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
		back := Cluster{Reference: func(image string) string {
			return strings.Replace(image, "r.example.com/team/", "canarylab/", 1)
		}}
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
	p, err := addons.New(addons.In("story"), loadgen.Plan{Agents: 3, Cohorts: []loadgen.Cohort{{Name: "a"}, {
		Name: "b", Entry: loadgen.Plain,
	},
		{Name: "c", Entry: loadgen.Gateway}}}, false)
	if err != nil {
		t.Fatal(err)
	}
	asked, want := 0, 0
	c := Cluster{Reference: func(string) string { asked++; return "seen" }}
	for _, o := range slices.Concat(p.Recorder, p.Callers) {
		before, err := o.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		want += strings.Count(string(before), `"image":`)
		c.adapt(o)
		raw, err := o.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "canarylab/") {
			t.Errorf("%s %s: got an image overlooked in %s", o.GetKind(), o.GetName(), raw)
		}
	}
	if asked != want || want == 0 {
		t.Errorf("got %d images, want %d", asked, want)
	}
}

// The load agent asks for what Pod Security's baseline forbids, where the cluster is the lab's own alone.
func TestTheAgentAsksForNothingOnABorrowedCluster(t *testing.T) {
	added, err := addons.New(addons.In("demo"), loadgen.Plan{Cohorts: []loadgen.Cohort{{Name: "all"}}}, false)
	if err != nil {
		t.Fatal(err)
	}
	asks := func(c Cluster) (asks bool) {
		for _, o := range added.Callers {
			o = o.DeepCopy()
			c.adapt(o)
			containers, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
			for _, each := range containers {
				asks = asks || each.(map[string]any)["securityContext"] != nil
			}
		}
		return asks
	}
	if !asks(Cluster{}) || asks(Cluster{Labels: map[string]string{"a": "b"}}) {
		t.Error("want it asked for on the lab's own cluster, and not on a borrowed one")
	}
}
