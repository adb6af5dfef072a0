package existing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
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

// inside are the rights that a run needs in a namespace of its scenario.
func inside() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		// The app, its callers, the recorder.
		rule("", change, "services", "configmaps", "serviceaccounts"),
		rule("apps", change, "deployments"),
		rule("apps", []string{"patch"}, "deployments/scale"),
		rule("apps", watch, "replicasets"),
		rule("batch", change, "jobs"),
		rule("networking.istio.io", change,
			"virtualservices", "destinationrules", "gateways", "sidecars", "envoyfilters", "serviceentries"),
		rule("security.istio.io", change, "peerauthentications", "authorizationpolicies"),
		// Where the cluster has these kinds, proxies may have routes of them.
		rule("gateway.networking.k8s.io", look, "gateways", "referencegrants"),
		rule("gateway.networking.k8s.io", change, "httproutes"),
		// Pods are watched, asked for their counters and configuration, and told to send load.
		rule("", watch, "pods"),
		rule("", []string{"get", "create"}, "pods/exec", "pods/portforward"),
		rule("", []string{"get"}, "pods/log"),
		rule("", look, "events"),
		// Who plays there, kept alive.
		rule("coordination.k8s.io", []string{"get", "list", "create", "update", "delete"}, "leases"),
	}
}

// rules are all rights that a run needs which makes its namespaces, none more. They are cluster-wide because those
// namespaces do not exist before it, and RBAC can't speak of namespaces by label.
func rules() []rbacv1.PolicyRule {
	return slices.Concat([]rbacv1.PolicyRule{
		// A scenario's namespace, made and removed again.
		rule("", change, "namespaces"),
	}, inside(), []rbacv1.PolicyRule{
		// Which Istio there is, and whether its injection reaches a namespace.
		rule("admissionregistration.k8s.io", look, "mutatingwebhookconfigurations"),
		rule("", look, "nodes"),
	})
}

// insideMade are the rights that a run needs in a namespace that was made for it. It may look at the namespace, and not
// change it: whoever may change its labels decides what Pod Security takes there.
func insideMade() []rbacv1.PolicyRule {
	return slices.Concat([]rbacv1.PolicyRule{rule("", []string{"get"}, "namespaces")}, inside())
}

// istios are the rights that such a run needs in istiod's namespace: to find out which Istio there is and what holds
// for all of the mesh, and to read what istiod logs. It changes nothing there.
func istios() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		rule("apps", look, "deployments"),
		rule("", watch, "pods"),
		rule("", look, "configmaps"),
		rule("", []string{"get"}, "pods/log"),
		rule("networking.istio.io", look, "envoyfilters"),
		rule("security.istio.io", look, "peerauthentications", "authorizationpolicies"),
	}
}

// everything is the right to do anything, which installing Istio needs: it makes cluster-wide roles.
func everything() []rbacv1.PolicyRule { return []rbacv1.PolicyRule{rule("*", []string{"*"}, "*")} }

// role is the name of RBAC's roles. A binding's begins with it.
const role = "canarylab"

// A Grant says who gets the rights that a run needs, and where.
type Grant struct {
	// Users are names, or service accounts by "system:serviceaccount:NAMESPACE:NAME".
	Users []string
	// Namespaces are those that were made for scenarios: the rights are for these alone, and none is cluster-wide.
	// Empty means that runs make their namespaces themselves.
	Namespaces []string
	// IstioNamespace is istiod's, where it takes rights to read. Empty means istio-system.
	IstioNamespace string
}

// RBAC is a manifest that gives just those rights. Each user has bindings of its own, so that one can be taken away.
func RBAC(g Grant) ([]byte, error) {
	if len(g.Users) == 0 {
		return nil, fmt.Errorf("%w: nobody is named who is to get the rights", cluster.ErrUsage)
	}
	var subjects []rbacv1.Subject
	for _, user := range g.Users {
		subject, err := subjectOf(user)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, subject)
	}
	var all []any
	add := func(ns string, rules []rbacv1.PolicyRule) {
		all = append(all, roleOf(ns, rules))
		for i, subject := range subjects {
			all = append(all, bindingOf(ns, g.Users[i], subject))
		}
	}
	if len(g.Namespaces) == 0 {
		add("", rules())
	} else {
		for _, ns := range g.Namespaces {
			if bad := validation.IsDNS1123Label(ns); len(bad) > 0 {
				return nil, fmt.Errorf("%w: %q can't be a namespace: %s", cluster.ErrUsage, ns, strings.Join(bad, ", "))
			}
			add(ns, insideMade())
		}
		add(istioNamespace(g.IstioNamespace), istios())
	}
	var docs []string
	for _, o := range all {
		raw, err := yaml.Marshal(o)
		if err != nil {
			return nil, err
		}
		docs = append(docs, strings.ReplaceAll(string(raw), "  creationTimestamp: null\n", ""))
	}
	const title = "# What canarylab needs in a cluster that is not its own, and nothing else.\n"
	return []byte(title + strings.Join(docs, "---\n")), nil
}

func subjectOf(user string) (rbacv1.Subject, error) {
	rest, ok := strings.CutPrefix(user, "system:serviceaccount:")
	if !ok {
		return rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}, nil
	}
	ns, name, found := strings.Cut(rest, ":")
	if !found || ns == "" || name == "" || strings.Contains(name, ":") {
		return rbacv1.Subject{}, fmt.Errorf("%w: user %q: a service account is system:serviceaccount:NAMESPACE:NAME",
			cluster.ErrUsage, user)
	}
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: ns, Name: name}, nil
}

// roleOf is a role of a namespace, or of the whole cluster.
func roleOf(ns string, rules []rbacv1.PolicyRule) any {
	meta := metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"}
	if ns == "" {
		return &rbacv1.ClusterRole{TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: role}, Rules: rules}
	}
	meta.Kind = "Role"
	return &rbacv1.Role{TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: role, Namespace: ns}, Rules: rules}
}

// bindingOf gives a user that role.
func bindingOf(ns, user string, subject rbacv1.Subject) any {
	meta := metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"}
	named := metav1.ObjectMeta{Name: role + "-" + plain(user), Namespace: ns}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}
	if ns == "" {
		return &rbacv1.ClusterRoleBinding{
			TypeMeta: meta, ObjectMeta: named, Subjects: []rbacv1.Subject{subject}, RoleRef: ref,
		}
	}
	meta.Kind, ref.Kind = "RoleBinding", "Role"
	return &rbacv1.RoleBinding{TypeMeta: meta, ObjectMeta: named, Subjects: []rbacv1.Subject{subject}, RoleRef: ref}
}

// odd is what the name of a binding does without, though RBAC takes most of it.
var odd = regexp.MustCompile(`[^a-z0-9.-]+`)

// plain makes a user's name part of a binding's. One that had to be changed ends in a digest, so that two users never
// have one binding.
func plain(user string) string {
	made := odd.ReplaceAllString(user, "-")
	if made == user {
		return made
	}
	sum := sha256.Sum256([]byte(user))
	return made + "-" + hex.EncodeToString(sum[:4])
}

// Permitted is nil if the user has all rights that a run takes or, with install, those that installing Istio takes. The
// error says how to get those that are missing.
func (c *Cluster) Permitted(ctx context.Context, install bool) error {
	if install {
		if err := permitted(ctx, c.kube, metav1.NamespaceAll, everything()); err != nil {
			const admin = "--install-istio makes cluster-wide roles and webhooks, which takes an administrator: %w"
			return fmt.Errorf(admin, err)
		}
		return nil
	}
	made := c.provider.Access.MadeNamespaces()
	if len(made) == 0 {
		if err := permitted(ctx, c.kube, metav1.NamespaceAll, rules()); err != nil {
			return fmt.Errorf("%w; canarylab rbac prints a manifest that grants them; without cluster-wide rights, "+
				"have an administrator make namespaces and name them with --namespaces", err)
		}
		return nil
	}
	var errs []error
	for _, ns := range made {
		if err := permitted(ctx, c.kube, ns, insideMade()); err != nil {
			errs = append(errs, fmt.Errorf("in namespace %s: %w", ns, err))
		}
	}
	istio := c.provider.Access.istioNamespace()
	if err := permitted(ctx, c.kube, istio, istios()); err != nil {
		errs = append(errs, fmt.Errorf("in Istio's namespace %s: %w", istio, err))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w; canarylab rbac --namespaces %s prints a manifest that grants them", err,
			strings.Join(made, ","))
	}
	return nil
}

// errForbidden is wrapped by the error that names the rights that are missing.
var errForbidden = errors.New("rights are missing")

// permitted asks the API server whether this user has the rights of rules, in a namespace or in every one. It creates
// nothing to find out.
func permitted(ctx context.Context, k *kube.Client, ns string, rules []rbacv1.PolicyRule) error {
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
					allowed, err := k.AllowedIn(ctx, ns, verb, rule.APIGroups[0], resource)
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
