package kube

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
)

// An api is the part of an API server that Apply needs: discovery of a few kinds, and PATCH.
type api struct {
	mu      sync.Mutex
	applied []string          // "PATCH path", in order
	refuse  map[string]string // by path: a webhook's message
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	reply := func(code int, v any) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(v)
	}
	resource := func(name, kind string, namespaced bool) map[string]any {
		return map[string]any{"name": name, "kind": kind, "namespaced": namespaced, "verbs": []string{"patch"}}
	}
	switch {
	case r.Method == http.MethodPatch:
		a.mu.Lock()
		defer a.mu.Unlock()
		a.applied = append(a.applied, r.URL.Path)
		if why, ok := a.refuse[r.URL.Path]; ok {
			reply(400, map[string]any{
				"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": why, "code": 400,
			})
			return
		}
		var o map[string]any
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
			reply(400, err.Error())
			return
		}
		reply(200, o)
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/customresourcedefinitions/widgets.example.com"):
		reply(200, map[string]any{
			"kind": "CustomResourceDefinition", "apiVersion": "apiextensions.k8s.io/v1",
			"metadata": map[string]any{"name": "widgets.example.com"},
			"status":   map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": "True"}}},
		})
	case r.URL.Path == "/api":
		reply(200, map[string]any{"kind": "APIVersions", "versions": []string{"v1"}})
	case r.URL.Path == "/apis":
		groups := []any{}
		for _, g := range []string{"apps/v1", "apiextensions.k8s.io/v1", "example.com/v1"} {
			group, _, _ := strings.Cut(g, "/")
			version := map[string]any{"groupVersion": g, "version": "v1"}
			groups = append(groups, map[string]any{
				"name": group, "versions": []any{version}, "preferredVersion": version,
			})
		}
		reply(200, map[string]any{"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
	default:
		lists := map[string][]any{
			"/api/v1": {
				resource("namespaces", "Namespace", false), resource("services", "Service", true),
			},
			"/apis/apps/v1":                 {resource("deployments", "Deployment", true)},
			"/apis/apiextensions.k8s.io/v1": {resource("customresourcedefinitions", "CustomResourceDefinition", false)},
			"/apis/example.com/v1":          {resource("widgets", "Widget", true)},
		}
		l, ok := lists[r.URL.Path]
		if !ok {
			reply(404, map[string]any{
				"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound",
			})
			return
		}
		group := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/apis/"), "/api/")
		reply(200, map[string]any{"kind": "APIResourceList", "groupVersion": group, "resources": l})
	}
}

func start(t *testing.T, a *api) *Client {
	t.Helper()
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	c, err := New(&rest.Config{Host: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const three = `
apiVersion: v1
kind: Namespace
metadata: {name: demo}
---
apiVersion: v1
kind: Service
metadata: {name: my-service, namespace: demo}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: my-service-v1, namespace: demo}
`

func TestApply(t *testing.T) {
	a := &api{}
	refs, err := start(t, a).Apply(context.Background(), []byte(three))
	if err != nil {
		t.Fatalf("got error %v, want none", err)
	}
	got := strings.Join(a.applied, " ")
	want := "/api/v1/namespaces/demo /api/v1/namespaces/demo/services/my-service " +
		"/apis/apps/v1/namespaces/demo/deployments/my-service-v1"
	if got != want {
		t.Errorf("got requests %s, want %s", got, want)
	}
	if len(refs) != 3 || refs[2].String() != "Deployment demo/my-service-v1" {
		t.Errorf("got refs %v, want the three objects", refs)
	}
}

func TestApplyNamesWhatWasRefused(t *testing.T) {
	a := &api{refuse: map[string]string{
		"/api/v1/namespaces/demo/services/my-service": "admission webhook denied the request: weight",
	}}
	refs, err := start(t, a).Apply(context.Background(), []byte(three))
	if err == nil || !strings.Contains(
		err.Error(), "apply Service demo/my-service: admission webhook denied the request: weight",
	) {
		t.Errorf("got error %v, want the object's name and the webhook's message", err)
	}
	if len(refs) != 1 || refs[0].String() != "Namespace demo" {
		t.Errorf("got refs %v, want what was applied before", refs)
	}
}

func TestApplyRefuses(t *testing.T) {
	for _, c := range []struct {
		name, stream, err string
		is                error
	}{
		{
			name:   "no namespace",
			stream: three + "---\napiVersion: v1\nkind: Service\nmetadata: {name: other}\n",
			err:    "apply Service other: ", is: errNoNamespace,
		},
		{
			name:   "unknown kind",
			stream: three + "---\napiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: g, namespace: demo}\n",
			err:    `no matches for kind "Gadget" in version "example.com/v1"`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := &api{}
			_, err := start(t, a).Apply(context.Background(), []byte(c.stream))
			if err == nil || !strings.Contains(err.Error(), c.err) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("got error %v, want one with %q", err, c.err)
			}
			if len(a.applied) > 0 {
				t.Errorf("got requests %v, want none before all is known to be applicable", a.applied)
			}
		})
	}
}

func TestApplyObjectsInWaves(t *testing.T) {
	a := &api{}
	stream := `
apiVersion: example.com/v1
kind: Widget
metadata: {name: w, namespace: demo}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec: {group: example.com, names: {kind: Widget}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: my-service-v1, namespace: demo}
---
apiVersion: v1
kind: Service
metadata: {name: my-service, namespace: demo}
---
apiVersion: v1
kind: Namespace
metadata: {name: demo}
`
	objects, err := Objects([]byte(stream))
	if err != nil {
		t.Fatal(err)
	}
	if err := start(t, a).ApplyObjects(context.Background(), objects); err != nil {
		t.Fatalf("got error %v, want none", err)
	}
	if len(a.applied) != 5 {
		t.Fatalf("got requests %v, want 5", a.applied)
	}
	// The order of the workloads wave's two objects is not fixed.
	got := []string{a.applied[0], a.applied[1], a.applied[4]}
	want := []string{
		"/api/v1/namespaces/demo", "/api/v1/namespaces/demo/services/my-service",
		"/apis/example.com/v1/namespaces/demo/widgets/w",
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got requests %v, want %s in its wave", a.applied, want[i])
		}
	}
}

func TestSortWaves(t *testing.T) {
	objects, err := Objects([]byte(`
{apiVersion: example.com/v1, kind: Widget, metadata: {name: w, namespace: demo}}
---
{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: c},
 spec: {group: example.com, names: {kind: Widget}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: demo}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: demo}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: demo}}
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, wave := range sortWaves(objects) {
		var kinds []string
		for _, o := range wave {
			kinds = append(kinds, o.GetKind())
		}
		got = append(got, strings.Join(kinds, "+"))
	}
	want := "Namespace, ServiceAccount, Deployment+CustomResourceDefinition, Widget"
	if g := strings.Join(got, ", "); g != want {
		t.Errorf("got waves %s, want %s", g, want)
	}
}
