package existing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/kube"
)

// askedSideBySide bounds the questions of a preflight that are under way at once.
const askedSideBySide = 16

var (
	// change are the verbs for what the lab makes: server-side apply is a patch, which creates what is not there.
	change = []string{"get", "list", "watch", "create", "patch", "delete"}
	watch  = []string{"get", "list", "watch"}
	look   = []string{"get", "list"}
)

func rule(group string, verbs []string, resources ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
}

// rules are all rights that a run needs, none more. They are cluster-wide because the namespaces that a run
// makes do not exist before it, and RBAC can't speak of namespaces by label.
func rules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		// A scenario's namespace, made and removed again.
		rule("", change, "namespaces"),
		// What is in it: the app, its callers, the recorder.
		rule("", change, "services", "configmaps", "serviceaccounts"),
		rule("apps", change, "deployments"),
		rule("apps", []string{"patch"}, "deployments/scale"),
		rule("apps", watch, "replicasets"),
		rule("batch", change, "jobs"),
		rule("networking.istio.io", change,
			"virtualservices", "destinationrules", "gateways", "sidecars", "envoyfilters", "serviceentries"),
		rule("security.istio.io", change, "peerauthentications", "authorizationpolicies"),
		// Pods are watched, asked for their counters and configuration, and told to send load.
		rule("", watch, "pods"),
		rule("", []string{"get", "create"}, "pods/exec", "pods/portforward"),
		rule("", []string{"get"}, "pods/log"),
		rule("", look, "events"),
		// Which Istio there is, and whether its injection reaches a namespace.
		rule("admissionregistration.k8s.io", look, "mutatingwebhookconfigurations"),
		rule("", look, "nodes"),
	}
}

// everything is the right to do anything, which installing Istio needs: it makes cluster-wide roles.
func everything() []rbacv1.PolicyRule { return []rbacv1.PolicyRule{rule("*", []string{"*"}, "*")} }

// role is the name of RBAC's ClusterRole and of its binding.
const role = "canarylab"

// RBAC is a manifest that gives a user (or, by "system:serviceaccount:NAMESPACE:NAME", a service account) just
// those rights.
func RBAC(user string) ([]byte, error) {
	subject := rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}
	if rest, ok := strings.CutPrefix(user, "system:serviceaccount:"); ok {
		ns, name, found := strings.Cut(rest, ":")
		if !found || ns == "" || name == "" || strings.Contains(name, ":") {
			return nil, fmt.Errorf("%w: user %q: a service account is system:serviceaccount:NAMESPACE:NAME",
				cluster.ErrUsage, user)
		}
		subject = rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: ns, Name: name}
	}
	var docs []string
	for _, o := range []any{
		&rbacv1.ClusterRole{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"},
			ObjectMeta: metav1.ObjectMeta{Name: role}, Rules: rules(),
		},
		&rbacv1.ClusterRoleBinding{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"},
			ObjectMeta: metav1.ObjectMeta{Name: role}, Subjects: []rbacv1.Subject{subject},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		},
	} {
		raw, err := yaml.Marshal(o)
		if err != nil {
			return nil, err
		}
		docs = append(docs, strings.ReplaceAll(string(raw), "  creationTimestamp: null\n", ""))
	}
	const title = "# What canarylab needs in a cluster that is not its own, and nothing else.\n"
	return []byte(title + strings.Join(docs, "---\n")), nil
}

// Permitted is nil if the user has all rights that a run takes or, with install, those that installing Istio takes. The
// error says how to get those that are missing.
func (c *Cluster) Permitted(ctx context.Context, install bool) error {
	if install {
		if err := permitted(ctx, c.kube, everything()); err != nil {
			const admin = "--install-istio makes cluster-wide roles and webhooks, which takes an administrator: %w"
			return fmt.Errorf(admin, err)
		}
		return nil
	}
	if err := permitted(ctx, c.kube, rules()); err != nil {
		return fmt.Errorf("%w; canarylab rbac prints a manifest that grants them", err)
	}
	return nil
}

// errForbidden is wrapped by the error that names the rights that are missing.
var errForbidden = errors.New("rights are missing")

// permitted asks the API server whether this user has the rights of rules, in every namespace. It creates nothing
// to find out.
func permitted(ctx context.Context, k *kube.Client, rules []rbacv1.PolicyRule) error {
	var (
		mu     sync.Mutex
		denied = map[string][]string{} // verbs by resource
	)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(askedSideBySide)
	for _, rule := range rules {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				g.Go(func() error {
					allowed, err := k.Allowed(ctx, verb, rule.APIGroups[0], resource)
					if err == nil && !allowed {
						mu.Lock()
						defer mu.Unlock()
						what := strings.TrimSuffix(resource+"."+rule.APIGroups[0], ".")
						denied[what] = append(denied[what], verb)
					}
					return err
				})
			}
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if len(denied) == 0 {
		return nil
	}
	var missing []string
	for _, what := range slices.Sorted(maps.Keys(denied)) {
		slices.Sort(denied[what])
		if what == "*.*" {
			missing = append(missing, "to do anything with anything")
			continue
		}
		missing = append(missing, what+" ("+strings.Join(denied[what], ", ")+")")
	}
	return fmt.Errorf("%w: %s", errForbidden, strings.Join(missing, ", "))
}
