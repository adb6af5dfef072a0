package live

import (
	"errors"
	"maps"
	"reflect"
	"runtime"
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
		c.adapt(got)
		of := func(o environment.Object) []any {
			template, _, _ := unstructured.NestedMap(o.Object, "spec", "template", "metadata")
			return []any{o.Object["metadata"], template}
		}
		if !reflect.DeepEqual(of(got), of(want)) {
			t.Errorf("got %v, want %v", of(got), of(want))
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

// Pods on a borrowed cluster are what Pod Security's profile restricted takes, name what a quota counts, and go where
// their images can run. On the lab's own cluster the load agent asks for the real-time class.
func TestPodsOnABorrowedClusterAreRestricted(t *testing.T) {
	added, err := addons.New(addons.In("demo"), loadgen.Plan{Cohorts: []loadgen.Cohort{{Name: "all"}, {
		Name: "plain", Entry: loadgen.Plain,
	}, {Name: "outside", Entry: loadgen.Gateway}}}, true)
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Concat(added.Recorder, added.Callers, []environment.Object{
		parsed(t, aPod), parsed(t, aDeployment), parsed(t, aJob),
	})
	pods := 0
	for _, o := range all {
		o = o.DeepCopy()
		Cluster{Labels: map[string]string{"a": "b"}}.adapt(o)
		for _, path := range [][]string{{"spec"}, {"spec", "template", "spec"}} {
			pod, _, _ := unstructured.NestedMap(o.Object, path...)
			containers, _ := pod["containers"].([]any)
			if containers == nil {
				continue
			}
			pods++
			context, _ := pod["securityContext"].(map[string]any)
			if context["runAsNonRoot"] != true || !reflect.DeepEqual(context["seccompProfile"], map[string]any{
				"type": "RuntimeDefault",
			}) || pod["nodeSelector"].(map[string]any)["kubernetes.io/arch"] != runtime.GOARCH {
				t.Errorf("%s %s: got %v on %v, want it restricted", o.GetKind(), o.GetName(), context,
					pod["nodeSelector"])
			}
			first, _ := pod["initContainers"].([]any)
			for _, each := range slices.Concat(containers, first) {
				c := each.(map[string]any)
				want := map[string]any{
					"allowPrivilegeEscalation": false, "capabilities": map[string]any{"drop": []any{"ALL"}},
				}
				if !reflect.DeepEqual(c["securityContext"], want) {
					t.Errorf("%s %s: got %v, want %v", o.GetName(), c["name"], c["securityContext"], want)
				}
				for _, of := range []string{"requests", "limits"} {
					for _, what := range []string{"cpu", "memory"} {
						if v, _, _ := unstructured.NestedString(c, "resources", of, what); v == "" {
							t.Errorf("%s %s: got no %s of %s", o.GetName(), c["name"], of, what)
						}
					}
				}
			}
		}
	}
	if pods < 7 {
		t.Errorf("got %d pods, want those of the recorder, the callers, the gateway, Prometheus and three more", pods)
	}
	for _, o := range added.Callers {
		own := o.DeepCopy()
		if (Cluster{}).adapt(own); !reflect.DeepEqual(own, o) {
			t.Errorf("%s: got it changed on the lab's own cluster", o.GetName())
		}
	}
}

// What a manifest says itself is left as it is.
func TestLimitsThatAreThereStay(t *testing.T) {
	o := parsed(t, `{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: demo}, spec: {containers: [
		{name: a, image: "nginx:1", resources: {requests: {cpu: "1"}, limits: {memory: 1Gi}}}]}}`)
	Cluster{Labels: map[string]string{"a": "b"}}.adapt(o)
	containers, _, _ := unstructured.NestedSlice(o.Object, "spec", "containers")
	want := map[string]any{
		"requests": map[string]any{"cpu": "1", "memory": "16Mi"}, "limits": map[string]any{"cpu": "2", "memory": "1Gi"},
	}
	if got := containers[0].(map[string]any)["resources"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Whoever has lost the namespace to somebody else removes nothing there.
func TestNothingIsRemovedOfANamespaceThatIsLost(t *testing.T) {
	lost := errors.New("somebody else has it")
	for _, made := range []bool{false, true} {
		o := objects{Cluster{Made: made, Lost: func() error { return lost }}} // any call of the API would panic
		if err := o.Remove(t.Context(), "demo"); !errors.Is(err, lost) {
			t.Errorf("got %v, want %v", err, lost)
		}
	}
}

// Simulated proxies have to find an istiod that is not where the lab's own is.
func TestAFleetIsToldWhereIstiodIs(t *testing.T) {
	const job = `{apiVersion: batch/v1, kind: Job, metadata: {name: j, namespace: demo}, spec: {template: {
		spec: {containers: [{name: fleet, image: "canarylab/fleet:dev", args: [serve, -proxies=5]}]}}}}`
	args := func(c Cluster) []string {
		o := parsed(t, job)
		c.adapt(o)
		containers, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
		all, _, _ := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
		return all
	}
	own, theirs := []string{"serve", "-proxies=5"}, mesh.Installed{Namespace: "mesh", Revision: "1-31"}
	if got := args(Cluster{Mesh: mesh.Own}); !slices.Equal(got, own) {
		t.Errorf("got %q beside the lab's own istiod, want %q", got, own)
	}
	want := append(own, "-istiod=istiod-1-31.mesh.svc:15010")
	if got := args(Cluster{Mesh: theirs}); !slices.Equal(got, want) {
		t.Errorf("got %q beside another, want %q", got, want)
	}
}
