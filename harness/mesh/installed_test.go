package mesh

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/harness/kube"
)

// An api is the part of an API server that is asked about an Istio: it lists, gets, patches and deletes its objects.
type api struct {
	mu      sync.Mutex
	objects []*unstructured.Unstructured
	deleted []string // "Kind/name", in order
	broken  bool
	// conflicts is how many patches fail because somebody else was faster. patched is called for the others.
	conflicts int
	patched   func(*unstructured.Unstructured)
}

const (
	rbacGroup      = "rbac.authorization.k8s.io"
	crdGroup       = "apiextensions.k8s.io"
	admissionGroup = "admissionregistration.k8s.io"
)

// served has the kinds that the API server knows, by their path.
var served = map[string]struct {
	group, kind string
	namespaced  bool
}{
	"/api/v1/namespaces":                                  {"", "Namespace", false},
	"/api/v1/pods":                                        {"", "Pod", true},
	"/api/v1/configmaps":                                  {"", "ConfigMap", true},
	"/apis/apps/v1/deployments":                           {"apps", "Deployment", true},
	"/apis/" + rbacGroup + "/v1/clusterroles":             {rbacGroup, "ClusterRole", false},
	"/apis/" + rbacGroup + "/v1/clusterrolebindings":      {rbacGroup, "ClusterRoleBinding", false},
	"/apis/" + crdGroup + "/v1/customresourcedefinitions": {crdGroup, "CustomResourceDefinition", false},
	"/apis/" + admissionGroup + "/v1/mutatingwebhookconfigurations": {
		admissionGroup,
		"MutatingWebhookConfiguration",
		false,
	},
	"/apis/" + admissionGroup + "/v1/validatingwebhookconfigurations": {
		admissionGroup,
		"ValidatingWebhookConfiguration",
		false,
	},
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	reply := func(code int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(v)
	}
	if a.broken {
		reply(
			500,
			map[string]any{
				"kind":       "Status",
				"apiVersion": "v1",
				"status":     "Failure",
				"code":       500,
				"message":    "etcd is on fire",
			},
		)
		return
	}
	path := r.URL.Path
	switch {
	case path == "/api":
		reply(200, map[string]any{"kind": "APIVersions", "versions": []string{"v1"}})
		return
	case path == "/apis":
		groups := map[string]any{}
		for _, s := range served {
			if version := map[string]any{"groupVersion": s.group + "/v1", "version": "v1"}; s.group != "" {
				groups[s.group] = map[string]any{
					"name":             s.group,
					"versions":         []any{version},
					"preferredVersion": version,
				}
			}
		}
		reply(
			200,
			map[string]any{"kind": "APIGroupList", "apiVersion": "v1", "groups": slices.Collect(maps.Values(groups))},
		)
		return
	}
	var resources []any
	for at, s := range served {
		if slash := strings.LastIndexByte(at, '/'); at[:slash] == path {
			resources = append(
				resources,
				map[string]any{"name": at[slash+1:], "kind": s.kind, "namespaced": s.namespaced,
					"verbs": []string{"get"}},
			)
		}
	}
	if resources != nil {
		reply(
			200,
			map[string]any{
				"kind": "APIResourceList",
				"groupVersion": strings.TrimPrefix(strings.TrimPrefix(path, "/apis/"),
					"/api/"),
				"resources": resources,
			},
		)
		return
	}
	// A path is /api/v1/namespaces/NAMESPACE/pods/NAME. The namespace is looked for beside the path of the kind.
	ns := ""
	if before, rest, ok := strings.Cut(path, "/namespaces/"); ok {
		if name, more, ok := strings.Cut(rest, "/"); ok {
			ns, path = name, before+"/"+more
		}
	}
	s, list := served[path]
	name := ""
	if !list {
		slash := strings.LastIndexByte(path, '/')
		s, name = served[path[:slash]], path[slash+1:]
	}
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		reply(400, err.Error())
		return
	}
	items := []any{}
	for i, o := range a.objects {
		if o.GetKind() != s.kind || ns != "" && o.GetNamespace() != ns || !list && o.GetName() != name ||
			!selector.Matches(labels.Set(o.GetLabels())) {
			continue
		}
		if list {
			items = append(items, o.Object)
			continue
		}
		if r.Method == http.MethodDelete {
			a.deleted = append(a.deleted, o.GetKind()+"/"+o.GetName())
			a.objects = slices.Delete(a.objects, i, i+1)
		}
		if r.Method == http.MethodPatch {
			var patch map[string]any
			if err := json.NewDecoder(r.Body).Decode(&patch); err != nil {
				reply(400, err.Error())
				return
			}
			if a.conflicts > 0 || dig(patch, "metadata", "resourceVersion") != o.GetResourceVersion() {
				a.conflicts--
				reply(
					409,
					map[string]any{
						"kind":       "Status",
						"apiVersion": "v1",
						"status":     "Failure",
						"code":       409,
						"reason":     "Conflict",
					},
				)
				return
			}
			merge(o.Object, patch)
			o.SetResourceVersion(o.GetResourceVersion() + "1")
			a.patched(o)
		}
		reply(200, o.Object)
		return
	}
	if !list {
		reply(
			404,
			map[string]any{
				"kind":       "Status",
				"apiVersion": "v1",
				"status":     "Failure",
				"code":       404,
				"reason":     "NotFound",
			},
		)
		return
	}
	group := "v1"
	if s.group != "" {
		group = s.group + "/v1"
	}
	reply(200, map[string]any{"kind": s.kind + "List", "apiVersion": group, "items": items})
}

// merge applies a JSON merge patch (RFC 7396).
func merge(into, patch map[string]any) {
	for k, v := range patch {
		switch v := v.(type) {
		case nil:
			delete(into, k)
		case map[string]any:
			if _, ok := into[k].(map[string]any); !ok {
				into[k] = map[string]any{}
			}
			merge(into[k].(map[string]any), v)
		default:
			into[k] = v
		}
	}
}

func (a *api) client(t *testing.T) *kube.Client {
	t.Helper()
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	k, err := kube.New(&rest.Config{Host: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// istio returns what Istio's own charts make, with settings in istioctl's form, and an image of istiod.
func istio(t *testing.T, image string, values ...string) []*unstructured.Unstructured {
	t.Helper()
	m := rendered(t, Options{Values: values})
	for _, o := range m.Core {
		if o.GetKind() == "Deployment" {
			containers := dig(o.Object, "spec", "template", "spec", "containers").([]any)
			containers[0].(map[string]any)["image"] = image
		}
	}
	return m.Core
}

func join(all ...[]*unstructured.Unstructured) []*unstructured.Unstructured {
	return slices.Concat(all...)
}

func TestFindPicksTheIstioThatInjects(t *testing.T) {
	plain := istio(t, "docker.io/istio/pilot:1.30.2")
	old := istio(t, "gcr.io:443/istio/pilot:1.29.0-distroless", "revision=1-29")
	// This revision has two tags, and namespaces may ask by either.
	tagged := istio(
		t,
		"docker.io/istio/pilot:1.31.0",
		"revision=1-31",
		"values.revisionTags[0]=prod",
		"values.revisionTags[1]=test",
	)
	byDefault := istio(t, "docker.io/istio/pilot:1.31.0", "revision=1-31", "values.revisionTags[0]=default")
	elsewhere := istio(t, "docker.io/istio/pilot:1.31.0", "values.global.istioNamespace=mesh")
	for _, o := range elsewhere {
		if o.GetKind() == "Deployment" {
			o.SetNamespace("mesh")
		}
	}
	for _, tc := range []struct {
		name     string
		objects  []*unstructured.Unstructured
		revision string
		want     Installed
	}{
		{"one without revisions", plain, "", Installed{
			Namespace: "istio-system", Revision: "default", Version: "1.30.2", Image: "docker.io/istio/pilot:1.30.2",
		}},
		{"by its name", plain, "default", Installed{
			"istio-system", "default", "default", "1.30.2", "docker.io/istio/pilot:1.30.2",
		}},
		{"the default beside another", join(old, plain), "", Installed{"istio-system", "default", "", "1.30.2",
			"docker.io/istio/pilot:1.30.2"}},
		{"another beside the default", join(plain, old), "1-29", Installed{
			"istio-system", "1-29", "1-29", "1.29.0-distroless", "gcr.io:443/istio/pilot:1.29.0-distroless",
		}},
		{"by a tag", join(plain, old, tagged), "prod", Installed{"istio-system", "1-31", "prod", "1.31.0",
			"docker.io/istio/pilot:1.31.0"}},
		{"by another tag", join(plain, old, tagged), "test", Installed{"istio-system", "1-31", "test", "1.31.0",
			"docker.io/istio/pilot:1.31.0"}},
		{"a tag makes it the default", join(old, byDefault), "", Installed{"istio-system", "1-31", "", "1.31.0",
			"docker.io/istio/pilot:1.31.0"}},
		{"in another namespace", elsewhere, "", Installed{
			"mesh", "default", "", "1.31.0", "docker.io/istio/pilot:1.31.0",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Find(t.Context(), (&api{objects: tc.objects}).client(t), tc.revision, nil)
			if err != nil || got != tc.want {
				t.Errorf("got %+v (%v), want %+v", got, err, tc.want)
			}
		})
	}
}

func TestFindSaysWhatThereIs(t *testing.T) {
	revisions := join(
		istio(t, "docker.io/istio/pilot:1.31.0", "revision=1-31"),
		istio(t, "docker.io/istio/pilot:1.29.0",
			"revision=1-29"),
	)
	_, err := Find(t.Context(), (&api{objects: revisions}).client(t), "", nil)
	want := "namespaces that ask for the default revision; the revisions of Istio here are " +
		"1-29 (1.29.0, in istio-system), 1-31 (1.31.0, in istio-system): name one (--istio-revision)"
	if err == nil ||
		errors.Is(err, ErrNoIstio) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	_, err = Find(t.Context(), (&api{objects: revisions}).client(t), "1-30", nil)
	if err == nil || !strings.Contains(err.Error(), "for revision 1-30;") {
		t.Errorf("got %v, want which revision there is not", err)
	}
	// A webhook whose istiod is gone injects nothing.
	noIstiod := slices.DeleteFunc(slices.Clone(revisions), func(o *unstructured.Unstructured) bool {
		return o.GetKind() == "Deployment" && o.GetName() == "istiod-1-29"
	})
	if got, err := Find(t.Context(), (&api{objects: noIstiod}).client(t), "1-29", nil); err == nil {
		t.Errorf("got %+v, want an error: its istiod is not there", got)
	}
	app := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "app", "namespace": "demo"},
	}}
	for name, objects := range map[string][]*unstructured.Unstructured{
		"nothing":           nil,
		"other deployments": {app},
		"what a removed Istio leaves": slices.DeleteFunc(istio(t, "x:1"), func(o *unstructured.Unstructured) bool {
			return o.GetKind() == "Deployment"
		}),
	} {
		if _, err := Find(t.Context(), (&api{objects: objects}).client(t), "", nil); !errors.Is(err, ErrNoIstio) {
			t.Errorf("%s: got %v, want ErrNoIstio", name, err)
		}
	}
	if _, err := Find(t.Context(), (&api{broken: true}).client(t), "", nil); err == nil || errors.Is(err, ErrNoIstio) {
		t.Errorf("got %v, want an error: not to know is not to have none", err)
	}
}

func TestInjectAsksForTheRevision(t *testing.T) {
	for _, tc := range []struct {
		injection    string
		before, want map[string]string
	}{
		{"", map[string]string{"istio-injection": "enabled", "team": "a"}, map[string]string{
			"istio-injection": "enabled", "team": "a",
		}},
		{"prod", map[string]string{"istio-injection": "enabled", "team": "a"}, map[string]string{
			"istio.io/rev": "prod", "team": "a",
		}},
		{"default", map[string]string{"istio-injection": "enabled"}, map[string]string{"istio.io/rev": "default"}},
		// A namespace that does not ask gets none.
		{"prod", map[string]string{"istio-injection": "disabled"}, map[string]string{"istio-injection": "disabled"}},
		{"prod", map[string]string{"team": "a"}, map[string]string{"team": "a"}},
		{"prod", nil, nil},
	} {
		o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace",
			"metadata": map[string]any{"name": "x"}}}
		o.SetLabels(tc.before)
		Installed{Injection: tc.injection}.Inject(o)
		if got := o.GetLabels(); !maps.Equal(got, tc.want) {
			t.Errorf("%q, %v: got %v, want %v", tc.injection, tc.before, got, tc.want)
		}
	}
}

// Istio's charts must make what the lab looks for: istiod's pods, and the mesh configuration.
func TestAnInstalledNamesWhatTheChartsMake(t *testing.T) {
	for _, tc := range []struct {
		revision, configMap string
		values              []string
	}{
		{"default", "istio", nil},
		{"1-31", "istio-1-31", []string{"revision=1-31"}},
	} {
		objects := istio(t, "x:1", tc.values...)
		m := Installed{Namespace: "istio-system", Revision: tc.revision}
		if got := m.configMap(); got != tc.configMap || find(objects, "ConfigMap", got) == nil {
			t.Errorf("%s: got %s, want %s, which has to be there", tc.revision, got, tc.configMap)
		}
		selector, err := labels.Parse(m.Selector())
		if err != nil {
			t.Fatal(err)
		}
		matched := 0
		for _, o := range objects {
			if o.GetKind() != "Deployment" {
				continue
			}
			pod, _, _ := unstructured.NestedStringMap(o.Object, "spec", "template", "metadata", "labels")
			if selector.Matches(labels.Set(pod)) {
				matched++
			}
		}
		if matched != 1 {
			t.Errorf("%s: got %d deployments whose pods %s finds, want one", tc.revision, matched, m.Selector())
		}
	}
	if got := Own.Selector(); got != "app=istiod,istio.io/rev=default" {
		t.Errorf("got %s for the lab's own, want its default revision", got)
	}
	if got := (Installed{}).configMap(); got != "istio" {
		t.Errorf("got %s without a revision, want istio", got)
	}
}

// istiodPod returns a pod of istiod.
func istiodPod(name, ns, revision, ready string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{
			"name":      name,
			"namespace": ns,
			"labels":    map[string]any{"app": "istiod", "istio.io/rev": revision},
		},
		"status": map[string]any{
			"phase":      "Running",
			"conditions": []any{map[string]any{"type": "Ready", "status": ready}},
		},
	}}
}

func TestServes(t *testing.T) {
	m := Installed{Namespace: "mesh", Revision: "1-31"}
	for _, tc := range []struct {
		name string
		pods []*unstructured.Unstructured
		want bool
	}{
		{"one is ready", []*unstructured.Unstructured{istiodPod("a", "mesh", "1-31",
			"False"), istiodPod("b", "mesh", "1-31",
			"True")}, true},
		{"none is ready", []*unstructured.Unstructured{istiodPod("a", "mesh", "1-31", "False")}, false},
		{"another revision's", []*unstructured.Unstructured{istiodPod("a", "mesh", "default", "True")}, false},
		{"another namespace's", []*unstructured.Unstructured{istiodPod("a", "istio-system", "1-31", "True")}, false},
	} {
		err := Serves(t.Context(), (&api{objects: tc.pods}).client(t), m)
		if tc.want != (err == nil) || err != nil && !strings.Contains(err.Error(), "revision 1-31 is ready in mesh") {
			t.Errorf("%s: got %v, want it to serve: %v", tc.name, err, tc.want)
		}
	}
}

// A cluster may have had parts of an Istio before, such as its CRDs, with which every VirtualService would be deleted.
func TestUninstallRemovesNothingButItsOwn(t *testing.T) {
	mine := map[string]string{"canarylab.io/cluster": "existing"}
	m := rendered(t, Options{Gateway: true, Labels: mine})
	objects := join(m.Core, m.Gateway)
	var want []string
	for i, o := range objects {
		if o.GetNamespace() != "" {
			continue
		}
		// Every third one is somebody else's: without a label, or with another value.
		switch i % 6 {
		case 0:
			l := o.GetLabels()
			delete(l, "canarylab.io/cluster")
			o.SetLabels(l)
			continue
		case 3:
			l := o.GetLabels()
			l["canarylab.io/cluster"] = "embedded"
			o.SetLabels(l)
			continue
		}
		want = append(want, o.GetKind()+"/"+o.GetName())
	}
	other := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": map[string]any{"name": "mine",
			"labels": map[string]any{"canarylab.io/cluster": "existing"}},
	}}
	a := &api{objects: append(objects, other)}
	k := a.client(t)
	if err := Uninstall(t.Context(), k, mine); err != nil {
		t.Fatal(err)
	}
	got := slices.Sorted(slices.Values(a.deleted))
	slices.Sort(want)
	if len(want) < 10 || !slices.Equal(got, want) {
		t.Errorf("got deleted\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// A second call, after an interruption, finds nothing more.
	a.deleted = nil
	if err := Uninstall(t.Context(), k, mine); err != nil || len(a.deleted) > 0 {
		t.Errorf("once more: got %q deleted (%v), want nothing", a.deleted, err)
	}
	a.broken = true
	if err := Uninstall(t.Context(), k, mine); err == nil {
		t.Error("got no error of an API server that does not answer, want one")
	}
}

func TestLabelsAreOnEveryObject(t *testing.T) {
	mine := map[string]string{"canarylab.io/cluster": "existing", "app": "not-istiod"}
	m := rendered(t, Options{Gateway: true, Labels: mine})
	for _, o := range join(m.Core, m.Gateway) {
		if got := o.GetLabels()["canarylab.io/cluster"]; got != "existing" {
			t.Errorf("%s %s: got label %q, want existing", o.GetKind(), o.GetName(), got)
		}
	}
	// Istio's own labels win, because its selectors and the lab's need them.
	if got := find(m.Core, "Deployment", "istiod").GetLabels()["app"]; got != "istiod" {
		t.Errorf("got app %q, want istiod", got)
	}
	if plain := rendered(t, Options{Gateway: true}); plain.Sum == m.Sum {
		t.Error("got the same sum with and without labels, which decide what istiod and its webhooks look at")
	}
}

// On a borrowed cluster the lab's Istio ignores the namespaces of others.
func TestGuestsIstioLooksAtItsOwnNamespaces(t *testing.T) {
	mine := map[string]string{"canarylab.io/cluster": "existing"}
	m := rendered(t, Options{Labels: mine})
	webhooks := 0
	for _, o := range m.Core {
		list, _, _ := unstructured.NestedSlice(o.Object, "webhooks")
		for _, w := range list {
			webhooks++
			got, _, _ := unstructured.NestedString(
				w.(map[string]any),
				"namespaceSelector",
				"matchLabels",
				"canarylab.io/cluster",
			)
			if got != "existing" {
				t.Errorf("webhook of %s %s: got a selector for %q, want existing", o.GetKind(), o.GetName(), got)
			}
		}
	}
	if webhooks < 3 {
		t.Errorf("got %d webhooks, want those of injection and validation", webhooks)
	}
	config, _, _ := unstructured.NestedString(find(m.Core, "ConfigMap", "istio").Object, "data", "mesh")
	var parsed struct {
		DiscoverySelectors []metav1.LabelSelector `json:"discoverySelectors"`
	}
	if err := yaml.Unmarshal([]byte(config), &parsed); err != nil {
		t.Fatal(err)
	}
	if len(parsed.DiscoverySelectors) != 1 || !maps.Equal(parsed.DiscoverySelectors[0].MatchLabels, mine) {
		t.Errorf("got discovery selectors %+v, want one for %v", parsed.DiscoverySelectors, mine)
	}
}

// Down would remove what was there before, CRDs with everybody's objects among it.
func TestGuestsIstioIsNotInstalledOverAnother(t *testing.T) {
	mine := map[string]string{"canarylab.io/cluster": "existing"}
	m := rendered(t, Options{Labels: mine})
	foreign := find(m.Core, "CustomResourceDefinition", "virtualservices.networking.istio.io").DeepCopy()
	foreign.SetLabels(nil)
	for name, tc := range map[string]struct {
		there []*unstructured.Unstructured
		want  string
	}{
		"nothing":               {nil, ""},
		"a part of the guest's": {[]*unstructured.Unstructured{namespace(Namespace, mine, nil)}, ""},
		"a namespace": {
			[]*unstructured.Unstructured{namespace(Namespace, nil, nil)}, "Namespace istio-system",
		},
		"a CRD": {[]*unstructured.Unstructured{foreign}, "virtualservices.networking.istio.io"},
	} {
		err := checkForeign(t.Context(), (&api{objects: tc.there}).client(t), m)
		if (err != nil) != (tc.want != "") ||
			err != nil && (!errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: got %v, want an error with %q", name, err, tc.want)
		}
	}
}

// Who may look at istiod's namespace alone goes by what the namespace asks for.
func TestFindInOneNamespace(t *testing.T) {
	plain, old := istio(t, "docker.io/istio/pilot:1.31.0"), istio(t, "docker.io/istio/pilot:1.29.0", "revision=1-29")
	injected := map[string]string{"istio-injection": "enabled"}
	for _, tc := range []struct {
		name           string
		objects        []*unstructured.Unstructured
		in, revision   string
		labels         map[string]string
		want, complain string
	}{
		{"the only one", plain, "istio-system", "", injected, "default", ""},
		{"the default of two", join(old, plain), "istio-system", "", injected, "default", ""},
		{"by its label", join(plain, old), "istio-system", "", map[string]string{"istio.io/rev": "1-29"}, "1-29", ""},
		{"by a tag, and alone", old, "istio-system", "", map[string]string{"istio.io/rev": "prod"}, "1-29", ""},
		{"by a tag, of two", join(plain, old), "istio-system", "", map[string]string{"istio.io/rev": "prod"}, "",
			"1-29 (1.29.0), default (1.31.0)"},
		{"by a tag, and told", join(plain, old), "istio-system", "1-29", map[string]string{"istio.io/rev": "prod"},
			"1-29", ""},
		{"one that is not there", plain, "istio-system", "1-29", injected, "", "--istio-revision"},
		{"nothing asked for", plain, "istio-system", "", nil, "", "istio-injection=enabled"},
		{"elsewhere", plain, "mesh", "", injected, "", "namespace mesh"},
	} {
		got, err := FindIn(t.Context(), (&api{objects: tc.objects}).client(t), tc.in, tc.revision, tc.labels)
		if got.Revision != tc.want || (err == nil) != (tc.complain == "") ||
			err != nil && !strings.Contains(err.Error(), tc.complain) {
			t.Errorf("%s: got %+v (%v), want revision %q and %q", tc.name, got, err, tc.want, tc.complain)
		}
	}
	if _, err := FindIn(t.Context(), (&api{}).client(t), "mesh", "", injected); !errors.Is(err, ErrNoIstio) {
		t.Errorf("got %v, want ErrNoIstio", err)
	}
}

func TestMinor(t *testing.T) {
	for version, want := range map[string]string{
		"1.31.0": "1.31", "1.31-alpha.1": "1.31", "1.31 (eed52ebb66ad)": "1.31", "1.29.0-distroless": "1.29", "dev": "",
		"": "", "latest": "", "131": "", "unknown": "",
	} {
		if got := Minor(version); got != want {
			t.Errorf("%q: got %q, want %q", version, got, want)
		}
	}
}
