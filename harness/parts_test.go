package harness

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/loadgen"
)

// What a load needs is there, in the scenario's namespace, and nothing else.
func TestParts(t *testing.T) {
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
		{"gateway", cohorts(loadgen.Gateway), []string{"Deployment/ingress", "Deployment/load-client-plain", "Service/ingress"}},
		{"all", cohorts(loadgen.Gateway, loadgen.Plain, loadgen.Sidecar, ""),
			[]string{"Deployment/ingress", "Deployment/load-client", "Deployment/load-client-plain", "Service/ingress"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := newParts("story", tc.plan, false)
			if err != nil {
				t.Fatal(err)
			}
			if got := named(t, p.callers); !slices.Equal(got, tc.want) {
				t.Errorf("got callers %q, want %q", got, tc.want)
			}
			want := []string{"Deployment/canarylab-accesslog", "EnvoyFilter/canarylab-access-log", "Service/canarylab-accesslog"}
			if got := named(t, p.recorder); !slices.Equal(got, want) {
				t.Errorf("got recorder %q, want %q", got, want)
			}
		})
	}
}

// named are the kinds and names of manifests, which all have to be in namespace story.
func named(t *testing.T, manifests []byte) (all []string) {
	t.Helper()
	objects, err := kube.Objects(manifests)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if o.GetNamespace() != "story" {
			t.Errorf("%s %s: got namespace %q, want story", o.GetKind(), o.GetName(), o.GetNamespace())
		}
		all = append(all, o.GetKind()+"/"+o.GetName())
	}
	slices.Sort(all)
	return all
}

func TestPlanByEntry(t *testing.T) {
	plan := loadgen.Plan{URL: "http://my-service:8000/path?x=1", Rate: 100, Cohorts: []loadgen.Cohort{
		{Name: "in", Weight: 3}, {Name: "out", Weight: 1, Entry: loadgen.Gateway},
		{Name: "named", Weight: 1, Entry: loadgen.Gateway, Header: map[string]string{"host": "example.com", "x-a": "b"}},
	}}
	in, err := by(plan, loadgen.Sidecar)
	if err != nil || in.URL != plan.URL || in.Rate != 0 || len(in.Cohorts) != 1 || in.Cohorts[0].Rate != 60 || in.Cohorts[0].Weight != 0 {
		t.Errorf("got %+v, %v, want cohort in with 60 requests a second", in, err)
	}
	out, err := by(plan, loadgen.Gateway)
	if err != nil || out.URL != "http://ingress/path?x=1" || len(out.Cohorts) != 2 || out.Cohorts[0].Rate != 20 {
		t.Fatalf("got %+v, %v, want two cohorts with 20 requests a second each, to the gateway", out, err)
	}
	if got := out.Cohorts[0].Header; !maps.Equal(got, map[string]string{"Host": "my-service:8000"}) {
		t.Errorf("got header %v, want the host that the plan asks for", got)
	}
	if got := out.Cohorts[1].Header; !maps.Equal(got, plan.Cohorts[2].Header) {
		t.Errorf("got header %v, want the cohort's own host", got)
	}
	// With one entry the plan goes as it is.
	if whole, err := by(loadgen.Plan{Rate: 10, Cohorts: []loadgen.Cohort{{Name: "a", Weight: 1}, {Name: "b", Weight: 2}}}, loadgen.Sidecar); err != nil || whole.Rate != 10 {
		t.Errorf("got %+v, %v, want the weights left to the agent", whole, err)
	}
	plan.Cohorts[0].Weight = 4
	if _, err := by(plan, loadgen.Sidecar); err == nil || !strings.Contains(err.Error(), "whole number") {
		t.Errorf("got %v, want an error: 66.7 requests a second can't be asked of an agent", err)
	}
}

// A scenario with a gate has a Prometheus, from the image that the engine asks for, and others have none.
func TestPartsWithPrometheus(t *testing.T) {
	plan := loadgen.Plan{Cohorts: []loadgen.Cohort{{Name: "a"}}}
	for _, with := range []bool{false, true} {
		p, err := newParts("story", plan, with)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(p.callers, []byte("image: "+prometheusImage)) && bytes.Contains(p.callers, []byte("name: "+prometheusApp)); got != with {
			t.Errorf("asked for a Prometheus: %t, got one: %t", with, got)
		}
	}
}
