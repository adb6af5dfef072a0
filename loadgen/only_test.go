package loadgen

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestOnly(t *testing.T) {
	plan := Plan{URL: "http://my-service:8000/path?x=1", Rate: 100, Cohorts: []Cohort{
		{Name: "in", Weight: 3}, {Name: "out", Weight: 1, Entry: Gateway},
		{Name: "named", Weight: 1, Entry: Gateway, Header: map[string]string{"host": "example.com", "x-a": "b"}},
	}}
	if got, want := plan.Entries(), []Entry{Gateway, Sidecar}; !slices.Equal(got, want) {
		t.Errorf("got entries %q, want %q", got, want)
	}
	in, err := plan.Only(Sidecar)
	if err != nil || in.URL != plan.URL || in.Rate != 0 || len(in.Cohorts) != 1 || in.Cohorts[0].Rate != 60 ||
		in.Cohorts[0].Weight != 0 {
		t.Errorf("got %+v, %v, want cohort in with 60 requests a second", in, err)
	}
	out, err := plan.Only(Gateway)
	if err != nil {
		t.Fatal(err)
	}
	out, err = out.Through("ingress")
	if err != nil || out.URL != "http://ingress/path?x=1" || len(out.Cohorts) != 2 || out.Cohorts[0].Rate != 20 {
		t.Fatalf("got %+v, %v, want two cohorts with 20 requests a second each, to the gateway", out, err)
	}
	if got := out.Cohorts[0].Header; !maps.Equal(got, map[string]string{"Host": "my-service:8000"}) {
		t.Errorf("got header %v, want the host that the plan asks for", got)
	}
	if got := out.Cohorts[1].Header; !maps.Equal(got, plan.Cohorts[2].Header) {
		t.Errorf("got header %v, want the cohort's own host", got)
	}
	// A cohort's own URL keeps its port, and asks for its own host.
	own, err := Plan{URL: "http://a/", Cohorts: []Cohort{{Name: "own", Rate: 1, URL: "http://shop.example:8080/x"}}}.
		Through("ingress")
	if err != nil || own.Cohorts[0].URL != "http://ingress:8080/x" ||
		own.Cohorts[0].Header["Host"] != "shop.example:8080" {
		t.Errorf("got %+v, %v, want the gateway's port 8080, and the host that the cohort asks for", own, err)
	}
	if plan.Cohorts[1].Header != nil || plan.Cohorts[1].Rate != 0 {
		t.Errorf("got the plan itself changed to %+v", plan.Cohorts[1])
	}
	// With one entry the plan goes as it is.
	whole, err := Plan{Rate: 10, Cohorts: []Cohort{{Name: "a", Weight: 1}, {Name: "b", Weight: 2}}}.Only(Sidecar)
	if err != nil || whole.Rate != 10 {
		t.Errorf("got %+v, %v, want the weights left to the agent", whole, err)
	}
	plan.Cohorts[0].Weight = 4
	if _, err := plan.Only(Sidecar); err == nil || !strings.Contains(err.Error(), "whole number") {
		t.Errorf("got %v, want an error: 66.7 requests a second can't be asked of an agent", err)
	}
}
