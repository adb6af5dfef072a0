package manifest

import (
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/kube"
)

func names(t *testing.T, stream ...string) Names {
	t.Helper()
	objects, err := kube.Objects([]byte(strings.Join(stream, "---\n")))
	if err != nil {
		t.Fatal(err)
	}
	return NamesIn(objects)
}

func TestNamesIn(t *testing.T) {
	long := strings.Replace(rule, "host: my-service", "host: my-service.demo.svc.cluster.local", 1)
	mirror := strings.Replace(route, "    timeout: 3s\n", "    mirror: {host: other, subset: v9}\n", 1)
	n := names(t, service, strings.Replace(deployment, "--version=v2", "--version=v2.1", 1), long, rule, mirror)
	for _, tc := range []struct {
		what      string
		got, want []string
	}{
		{"deployments", n.Deployments, []string{"my-service-v2"}},
		{"versions", n.Versions, []string{"v2", "v2.1"}},
		{"subsets of my-service that are defined", n.Defined["my-service"], []string{"v1"}},
		{"subsets of my-service with a route", n.Routed["my-service"], []string{"v1", "v2"}},
		{"subsets of other with a route", n.Routed["other"], []string{"v9"}},
	} {
		if !slices.Equal(tc.got, tc.want) {
			t.Errorf("%s: got %q, want %q", tc.what, tc.got, tc.want)
		}
	}
}

func TestNamesTellWhatThereIs(t *testing.T) {
	n := names(t, deployment, rule, route)
	for _, tc := range []struct {
		name string
		got  error
		want string // "" for none
	}{
		{"a version of pods", n.Version("v2"), ""},
		{"a version that is a subset", n.Version("v1"), ""},
		{"no version", n.Version("canary"), `no file has a version "canary" (there are: v1, v2)`},
		{"a subset", n.Subset("my-service.demo", "v1"), ""},
		{
			"a subset with a route alone", n.Subset("my-service", "v2"),
			`no file has a subset of my-service "v2" (there are: v1)`,
		},
		{
			"a subset of a host without any", n.Subset("other", "v1"),
			`no file has a subset of other "v1", nor any other`,
		},
		{"a deployment", n.Deployment("my-service-v2"), ""},
		{"no deployment", n.Deployment("my-servce-v2"), `did you mean my-service-v2?`},
	} {
		if tc.want == "" && tc.got != nil || tc.want != "" && (tc.got == nil || !strings.Contains(
			tc.got.Error(), tc.want,
		)) {
			t.Errorf("%s: got %v, want %q", tc.name, tc.got, tc.want)
		}
	}
}
