package addons

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/loadgen"
)

// What a load needs is there, in the scenario's namespace, and nothing else.
func TestNew(t *testing.T) {
	cohorts := func(all ...loadgen.Entry) (plan loadgen.Plan) {
		for _, e := range all {
			plan.Cohorts = append(plan.Cohorts, loadgen.Cohort{Name: "c" + string(e), Entry: e})
		}
		return plan
	}
	for _, tc := range []struct {
		name string
		plan loadgen.Plan
		want []string
	}{
		{"sidecar", cohorts(""), []string{"Deployment/load-client"}},
		{"plain", cohorts(loadgen.Plain), []string{"Deployment/load-client-plain"}},
		{"gateway", cohorts(loadgen.Gateway), []string{
			"Deployment/ingress", "Deployment/load-client-plain", "Service/ingress",
		}},
		{"all", cohorts(loadgen.Gateway, loadgen.Plain, loadgen.Sidecar, ""),
			[]string{
				"Deployment/ingress", "Deployment/load-client", "Deployment/load-client-plain", "Service/ingress",
			}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := New(In("story"), tc.plan, false)
			if err != nil {
				t.Fatal(err)
			}
			if got := named(t, p.Callers); !slices.Equal(got, tc.want) {
				t.Errorf("got callers %q, want %q", got, tc.want)
			}
			want := []string{
				"Deployment/canarylab-accesslog", "EnvoyFilter/canarylab-access-log", "Service/canarylab-accesslog",
			}
			if got := named(t, p.Recorder); !slices.Equal(got, want) {
				t.Errorf("got recorder %q, want %q", got, want)
			}
		})
	}
}

// Whoever looks for what is broken sees of each object that is the lab's own that it is not.
func TestTheLabsOwnSaySo(t *testing.T) {
	plan := loadgen.Plan{Cohorts: []loadgen.Cohort{{Name: "a"}, {Name: "b", Entry: loadgen.Plain}}}
	p, err := New(In("story"), plan, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range slices.Concat(p.Recorder, p.Callers) {
		if text := o.GetAnnotations()["kubernetes.io/description"]; !strings.Contains(text, "leave it alone") {
			t.Errorf("%s %s: got the description %q, want that it is to be left alone", o.GetKind(), o.GetName(), text)
		}
	}
}

// named returns the kinds and names of objects, which all have to be in namespace story.
func named(t *testing.T, objects []environment.Object) (all []string) {
	t.Helper()
	for _, o := range objects {
		if o.GetNamespace() != "story" {
			t.Errorf("%s %s: got namespace %q, want story", o.GetKind(), o.GetName(), o.GetNamespace())
		}
		all = append(all, o.GetKind()+"/"+o.GetName())
	}
	slices.Sort(all)
	return all
}

// A scenario with a gate has a Prometheus, from the image that the engine asks for, and others have none.
func TestNewWithPrometheus(t *testing.T) {
	plan := loadgen.Plan{Cohorts: []loadgen.Cohort{{Name: "a"}}}
	for _, with := range []bool{false, true} {
		p, err := New(In("story"), plan, with)
		if err != nil {
			t.Fatal(err)
		}
		callers, err := kube.YAML(p.Callers)
		if err != nil {
			t.Fatal(err)
		}
		got := bytes.Contains(callers, []byte("image: "+PrometheusImage)) && bytes.Contains(callers,
			[]byte("name: "+Prometheus))
		if got != with {
			t.Errorf("asked for a Prometheus: %t, got one: %t", with, got)
		}
	}
}

// A load that several pods share is a Job of so many: each has a number by which it knows its part, and none is
// replaced.
func TestCallersOfASharedLoadAreJobs(t *testing.T) {
	plan := loadgen.Plan{Cohorts: []loadgen.Cohort{{Name: "a"}, {Name: "b", Entry: loadgen.Gateway}}}
	single, err := New(In("story"), plan, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, agents := range []int{1, 3} {
		plan.Agents = agents
		p, err := New(In("story"), plan, false)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"Deployment/ingress", "Deployment/load-client", "Deployment/load-client-plain", "Service/ingress",
		}
		if agents > 1 {
			want = []string{"Deployment/ingress", "Job/load-client", "Job/load-client-plain", "Service/ingress"}
		}
		// The gateway is none of the callers.
		if got := slices.Sorted(slices.Values(named(t, p.Callers))); !slices.Equal(got, want) {
			t.Errorf("%d agents: got %q, want %q", agents, got, want)
		}
		if !reflect.DeepEqual(p.Recorder, single.Recorder) {
			t.Errorf("%d agents: got another recorder, want the same", agents)
		}
	}
	was := map[string]environment.Object{}
	for _, o := range single.Callers {
		was[o.GetKind()+o.GetName()] = o
	}
	plan.Agents = 3
	p, err := New(In("story"), plan, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range p.Callers {
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
		job := map[string]any{
			"completionMode": "Indexed", "completions": int64(3), "parallelism": int64(3), "backoffLimit": int64(0),
		}
		if !reflect.DeepEqual(spec, job) {
			t.Errorf("%s: got %v, want %v", o.GetName(), spec, job)
		}
		if got, _, _ := unstructured.NestedString(template, "spec", "restartPolicy"); got != "Never" {
			t.Errorf("%s: got restart policy %q, want Never: a Job takes no other that does not send twice",
				o.GetName(), got)
		}
		unstructured.RemoveNestedField(template, "spec", "restartPolicy")
		before, _, err := unstructured.NestedMap(was["Deployment"+o.GetName()].Object, "spec", "template")
		// Together they ask for what one pod asks for.
		if got, want := takeCPU(t, template), takeCPU(t, before)/3; got != want {
			t.Errorf("%s: got pods that ask for %dm, want %dm", o.GetName(), got, want)
		}
		if err != nil || !reflect.DeepEqual(template, before) {
			t.Errorf("%s: got pods %v, want those of the Deployment: %v (%v)", o.GetName(), template, before, err)
		}
	}
}

// takeCPU returns how much processor time the one container of a pod asks for, in thousandths of a core, and takes that
// out of the template.
func takeCPU(t *testing.T, template map[string]any) int64 {
	t.Helper()
	container := template["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)
	cpu, _, err := unstructured.NestedString(container, "resources", "requests", "cpu")
	if err != nil {
		t.Fatal(err)
	}
	asked, err := resource.ParseQuantity(cpu)
	if err != nil {
		t.Fatal(err)
	}
	unstructured.RemoveNestedField(container, "resources", "requests", "cpu")
	return asked.MilliValue()
}
