package existing

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/kube"
)

func TestRBACGrantsWhatTheRulesSay(t *testing.T) {
	for _, tc := range []struct {
		user string
		want rbacv1.Subject
	}{
		{"jane", rbacv1.Subject{Kind: "User", APIGroup: "rbac.authorization.k8s.io", Name: "jane"}},
		{"jane@example.com", rbacv1.Subject{
			Kind: "User", APIGroup: "rbac.authorization.k8s.io", Name: "jane@example.com",
		}},
		// A service account is of the core group.
		{"system:serviceaccount:ci:runner", rbacv1.Subject{Kind: "ServiceAccount", Namespace: "ci", Name: "runner"}},
	} {
		manifest, err := RBAC(Grant{Users: []string{tc.user}})
		if err != nil {
			t.Fatal(err)
		}
		docs := bytes.Split(manifest, []byte("---\n"))
		if len(docs) != 2 {
			t.Fatalf("%s: got %d documents, want two:\n%s", tc.user, len(docs), manifest)
		}
		var role rbacv1.ClusterRole
		var binding rbacv1.ClusterRoleBinding
		err = errors.Join(yaml.UnmarshalStrict(docs[0], &role), yaml.UnmarshalStrict(docs[1], &binding))
		if err != nil {
			t.Fatalf("%s: got %v:\n%s", tc.user, err, manifest)
		}
		if role.Kind != "ClusterRole" || role.APIVersion != "rbac.authorization.k8s.io/v1" ||
			!reflect.DeepEqual(role.Rules, rules()) {
			t.Errorf("%s: got %+v, want the rules", tc.user, role)
		}
		if len(binding.Subjects) != 1 || binding.Subjects[0] != tc.want || binding.Kind != "ClusterRoleBinding" {
			t.Errorf("%s: got %+v, want it bound to %+v", tc.user, binding, tc.want)
		}
		if ref := binding.RoleRef; ref.Name != role.Name || ref.Kind != role.Kind ||
			ref.APIGroup != "rbac.authorization.k8s.io" {
			t.Errorf("%s: got a binding of %+v, want of the role %s", tc.user, ref, role.Name)
		}
		if bytes.Contains(manifest, []byte("creationTimestamp")) || !bytes.HasPrefix(manifest, []byte("# ")) {
			t.Errorf("%s: got\n%s\nwant a line that says what it is, and no field that means nothing", tc.user,
				manifest)
		}
	}
	for _, bad := range []string{"system:serviceaccount:", "system:serviceaccount:ci", "system:serviceaccount::runner",
		"system:serviceaccount:ci:"} {
		_, err := RBAC(Grant{Users: []string{bad}})
		if !errors.Is(err, cluster.ErrUsage) || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: got %v, want an error that says how a service account is written", bad, err)
		}
	}
}

// resources are the plurals of the kinds that are in the lab's manifests. A kind that is not in here has to be added.
var resources = map[string]string{
	"Namespace": "namespaces", "Service": "services", "Deployment": "deployments", "Job": "jobs",
	"HTTPRoute":      "httproutes",
	"VirtualService": "virtualservices", "DestinationRule": "destinationrules", "Gateway": "gateways",
	"EnvoyFilter": "envoyfilters",
	"Sidecar":     "sidecars", "ServiceEntry": "serviceentries", "PeerAuthentication": "peerauthentications",
	"AuthorizationPolicy": "authorizationpolicies",
	"ConfigMap":           "configmaps", "ServiceAccount": "serviceaccounts",
}

// A scenario that needs a right which nobody is asked for fails in the middle of a run.
func TestRulesReachForEveryManifest(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../../../scenarios/*/*.yaml", "../../addons/manifests/*.yaml"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("got %q (%v) for %s, want manifests", found, err, pattern)
		}
		files = append(files, found...)
	}
	may := func(verb, group, resource string) bool {
		return slices.ContainsFunc(rules(), func(r rbacv1.PolicyRule) bool {
			return slices.Contains(r.APIGroups, group) && slices.Contains(r.Resources, resource) &&
				slices.Contains(r.Verbs, verb)
		})
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		objects, err := kube.Objects(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			// Server-side apply is a patch, and a create too where there is nothing yet.
			for _, verb := range []string{"get", "patch", "create", "delete"} {
				if gvk := o.GroupVersionKind(); !may(verb, gvk.Group, resources[gvk.Kind]) {
					t.Errorf("%s: %s: got no rule for %s, want one", file, gvk, verb)
				}
			}
		}
	}
	// What is not in a manifest: the agents of a load that is shared, their streams, and what is read to
	// explain a failure.
	for _, c := range []struct{ verb, group, resource string }{
		{"create", "batch", "jobs"}, {"patch", "batch", "jobs"}, {"list", "batch", "jobs"},
		{"get", "", "pods/exec"}, {"create", "", "pods/exec"}, {"get", "", "pods/portforward"},
		{"create", "", "pods/portforward"},
		{"get", "", "pods/log"}, {"list", "", "pods"}, {"watch", "", "pods"}, {"list", "", "events"},
		{"watch", "", "namespaces"},
		{"patch", "apps", "deployments/scale"}, {"list", "apps", "replicasets"}, {"get", "", "configmaps"},
		{"list", "networking.istio.io", "sidecars"}, {"list", "networking.istio.io", "gateways"},
		{"list", "networking.istio.io", "serviceentries"},
		{"list", "security.istio.io", "peerauthentications"}, {"list",
			"admissionregistration.k8s.io", "mutatingwebhookconfigurations"}, {"list", "", "nodes"},
	} {
		if !may(c.verb, c.group, c.resource) {
			t.Errorf("got no rule for %s of %s in %q, want one", c.verb, c.resource, c.group)
		}
	}
	for _, r := range rules() {
		// permitted looks at one group, and "*" is more than anybody needs.
		if len(r.APIGroups) != 1 || slices.Contains(slices.Concat(r.APIGroups, r.Resources, r.Verbs), "*") {
			t.Errorf("got the rule %+v, want one group, and no asterisk", r)
		}
		if slices.Contains(r.Resources, "secrets") {
			t.Errorf("got the rule %+v, want nobody's secrets asked for", r)
		}
	}
}

func client(t *testing.T, a *api) *kube.Client {
	t.Helper()
	k, err := kube.New(&rest.Config{Host: a.serve(t)})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestRightsAreAskedForBeforeAnythingIsMade(t *testing.T) {
	a := &api{}
	if err := permitted(t.Context(), client(t, a), "", rules()); err != nil {
		t.Errorf("got %v, want none", err)
	}
	var want []string
	for _, r := range rules() {
		for _, resource := range r.Resources {
			for _, verb := range r.Verbs {
				want = append(want, verb+" "+r.APIGroups[0]+"/"+resource)
			}
		}
	}
	slices.Sort(want)
	got := slices.Sorted(slices.Values(a.reviewed))
	// In no namespace: that is, in every one.
	if !slices.Equal(got, want) {
		t.Errorf("got %q asked, want each right of the rules once: %q", got, want)
	}
	for _, call := range a.asked {
		if call != "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews" {
			t.Errorf("got %s, want questions about rights alone", call)
		}
	}
}

func TestRightsThatAreMissingAreNamed(t *testing.T) {
	a := &api{denied: map[string]bool{
		"patch /namespaces": true, "create /namespaces": true, "get /pods/exec": true,
		"watch networking.istio.io/sidecars": true,
	}}
	err := permitted(t.Context(), client(t, a), "", rules())
	if !errors.Is(err, errForbidden) {
		t.Fatalf("got %v, want errForbidden", err)
	}
	const want = ": namespaces (create, patch), pods/exec (get), sidecars.networking.istio.io (watch)"
	if !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %q, want %q", err, want)
	}
	err = permitted(t.Context(), client(t, &api{denied: map[string]bool{"* */*": true}}), "", everything())
	if !errors.Is(err, errForbidden) || !strings.Contains(err.Error(), "anything") {
		t.Errorf("got %v, want it found out who may not do everything", err)
	}
}

// Not to know is not to be allowed.
func TestRightsThatCantBeAskedFor(t *testing.T) {
	err := permitted(t.Context(), client(t, &api{broken: true}), "", rules())
	if err == nil || errors.Is(err, errForbidden) || !strings.Contains(err.Error(), "is allowed") {
		t.Errorf("got %v, want an error that says what was asked", err)
	}
}

// Two users have two bindings, and each way to write a name has its own.
func TestEachUserHasABinding(t *testing.T) {
	users := []string{"jane", "jane@example.com", "jane-example.com", "system:serviceaccount:ci:runner", "Jane"}
	manifest, err := RBAC(Grant{Users: users})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := kube.Objects(manifest)
	if err != nil || len(objects) != 1+len(users) {
		t.Fatalf("got %d objects (%v), want a role and %d bindings", len(objects), err, len(users))
	}
	seen := map[string]bool{}
	for _, o := range objects[1:] {
		if seen[o.GetName()] || !strings.HasPrefix(o.GetName(), "canarylab-") {
			t.Errorf("got a binding %s, want one that nobody else has", o.GetName())
		}
		seen[o.GetName()] = true
	}
	if _, err := RBAC(Grant{}); !errors.Is(err, cluster.ErrUsage) {
		t.Errorf("got %v for nobody, want it refused", err)
	}
}

// In namespaces that were made, nothing is granted beyond them but to read in Istio's.
func TestFewRights(t *testing.T) {
	manifest, err := RBAC(Grant{Users: []string{"jane", "joe"}, Namespaces: []string{"one", "two"}})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := kube.Objects(manifest)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, o.GetKind()+" "+o.GetNamespace()+"/"+o.GetName())
		if o.GetKind() != "Role" || o.GetNamespace() != "istio-system" {
			continue
		}
		var r rbacv1.Role
		raw, err := yaml.Marshal(o.Object)
		if err := errors.Join(err, yaml.UnmarshalStrict(raw, &r)); err != nil {
			t.Fatal(err)
		}
		for _, rule := range r.Rules {
			for _, verb := range rule.Verbs {
				if verb != "get" && verb != "list" && verb != "watch" {
					t.Errorf("got %s of %q in Istio's namespace, want nothing but to read", verb, rule.Resources)
				}
			}
		}
	}
	const want = "Role one/canarylab RoleBinding one/canarylab-jane RoleBinding one/canarylab-joe " +
		"Role two/canarylab RoleBinding two/canarylab-jane RoleBinding two/canarylab-joe " +
		"Role istio-system/canarylab RoleBinding istio-system/canarylab-jane RoleBinding istio-system/canarylab-joe"
	if strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := RBAC(Grant{Users: []string{"jane"}, Namespaces: []string{"No!"}}); !errors.Is(err, cluster.ErrUsage) {
		t.Errorf("got %v, want a name refused that no namespace can have", err)
	}
}

// What a run clears away is what it may delete.
func TestTheKindsThatAreClearedAreThoseThatAreMade(t *testing.T) {
	var may []string
	for _, r := range inside() {
		if slices.Contains(r.Verbs, "patch") && slices.Contains(r.Verbs, "delete") {
			for _, resource := range r.Resources {
				may = append(may, strings.TrimSuffix(resource+"."+r.APIGroups[0], "."))
			}
		}
	}
	var made []string
	for _, m := range kube.Made {
		made = append(made, m.String())
	}
	slices.Sort(may)
	slices.Sort(made)
	if !slices.Equal(may, made) {
		t.Errorf("got %q, want %q", made, may)
	}
}

func TestOwnersAreLabels(t *testing.T) {
	long := strings.Repeat("a-long-name", 9)
	seen := map[string]string{}
	for _, name := range []string{
		"jane@laptop", "jane@LAPTOP", "jane.doe@laptop", "jane-doe@laptop", "ci", "", "@", "--", "Jörg@büro", long,
		long + "x",
	} {
		got := labelOf(name)
		if len(got) > ownerLength || got == "" || strings.Trim(got, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" ||
			strings.HasPrefix(got, "-") || strings.HasSuffix(got, "-") {
			t.Errorf("%q: got %q, want part of a namespace's name", name, got)
		}
		if other, taken := seen[got]; taken {
			t.Errorf("got %s for %q and %q, want two", got, name, other)
		}
		seen[got] = name
	}
	if got := labelOf("jane@laptop"); got != "jane-at-laptop" {
		t.Errorf("got %s, want jane-at-laptop", got)
	}
}
