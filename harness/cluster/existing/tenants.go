package existing

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/harness/patience"
)

// madeLease is the name of the Lease in a namespace that was made for scenarios. The Leases of other namespaces, which
// a run deletes, are all in mesh.LabNamespace, each under its namespace's name.
const madeLease = "canarylab"

// holderFile has what tells this folder's canarylab from all others of the same owner.
const holderFile = "holder"

// leaseOf is where the Lease of a namespace is.
func (c *Cluster) leaseOf(ns string) (in, name string) {
	if len(c.provider.Access.MadeNamespaces()) > 0 {
		return ns, madeLease
	}
	return mesh.LabNamespace, ns
}

// Claim takes the Lease of a namespace and keeps it alive until release is called. The context ends if it is lost. The
// error wraps cluster.ErrTaken where somebody else plays there, or has kept the namespace. What somebody left who is
// dead is taken over.
//
// One canarylab at a time may claim with the same folder for its state: a Lease that is left of an earlier one is its
// own.
func (c *Cluster) Claim(ctx context.Context, ns, run, scenario string) (context.Context, func(), error) {
	holder, err := c.holder()
	if err != nil {
		return nil, nil, err
	}
	in, name := c.leaseOf(ns)
	me := c.provider.Access.owner()
	claim := kube.Claim{Namespace: in, Name: name, Holder: holder, Labels: map[string]string{
		mesh.ManagedBy: mesh.Manager, label: labelValue, ownerLabel: me, runLabel: run, scenarioLabel: scenario,
	}}
	held, taken, release, err := c.hold(ctx, claim)
	if h := (*kube.Held)(nil); errors.As(err, &h) {
		t := tenantOf(ns, h.Labels)
		t.Since = h.Since
		return nil, nil, &cluster.Taken{Tenant: t, Plays: true}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("keep others off namespace %s: %w", ns, err)
	}
	if err := c.keptBy(ctx, ns, me, taken); err != nil {
		release(false)
		return nil, nil, err
	}
	return held, func() { release(c.keeps(ctx, ns)) }, nil
}

// keepsWithin bounds a look at what a run has left.
var keepsWithin = patience.Of(5 * time.Second)

// keeps tells whether something is left in a namespace that was made for scenarios: its Lease, though it runs out, goes
// on to tell whose that is.
func (c *Cluster) keeps(ctx context.Context, ns string) bool {
	if len(c.provider.Access.MadeNamespaces()) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepsWithin)
	defer cancel()
	left, err := c.kube.Applied(ctx, ns)
	return err != nil || len(left) > 0
}

// hold takes a Lease, and makes the namespace that it is in where that is the lab's own.
func (c *Cluster) hold(ctx context.Context, claim kube.Claim) (
	context.Context, *coordinationv1.Lease, func(runOut bool), error,
) {
	for {
		if claim.Namespace == mesh.LabNamespace {
			shared := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
				Name:   mesh.LabNamespace,
				Labels: map[string]string{mesh.ManagedBy: mesh.Manager, label: labelValue},
			}}
			_, err := c.kube.Kubernetes().CoreV1().Namespaces().Create(ctx, shared, metav1.CreateOptions{})
			if err != nil && !apierrors.IsAlreadyExists(err) {
				return nil, nil, nil, fmt.Errorf("make namespace %s: %w", mesh.LabNamespace, err)
			}
		}
		held, taken, release, err := c.kube.Hold(ctx, claim)
		if claim.Namespace == mesh.LabNamespace && apierrors.IsNotFound(err) && ctx.Err() == nil {
			continue // somebody's down took the namespace away just now
		}
		return held, taken, release, err
	}
}

// holder is who this canarylab is to others: the owner, and what its folder alone has.
func (c *Cluster) holder() (string, error) {
	file := filepath.Join(c.dir, holderFile)
	raw, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		random := make([]byte, 6)
		_, _ = rand.Read(random) // it never fails (crypto/rand)
		raw = []byte(hex.EncodeToString(random))
		err = cluster.WriteFile(file, raw)
	}
	if err != nil {
		return "", fmt.Errorf("remember who plays on the cluster: %w", err)
	}
	return c.provider.Access.owner() + "_" + strings.TrimSpace(string(raw)), nil
}

// keptBy is an error where a namespace is somebody else's who did not die with it: without a Lease it was kept.
func (c *Cluster) keptBy(ctx context.Context, ns, me string, taken *coordinationv1.Lease) error {
	if len(c.provider.Access.MadeNamespaces()) > 0 {
		return nil
	}
	got, err := c.kube.Kubernetes().CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for namespace %s: %w", ns, err)
	}
	owner, ours := got.Labels[ownerLabel], got.Labels[label] == labelValue
	if !ours || owner == me || taken != nil && taken.Labels[ownerLabel] == owner {
		return nil
	}
	return &cluster.Taken{Tenant: tenantOf(ns, got.Labels)}
}

// tenantOf is what the labels of a namespace or of its Lease say.
func tenantOf(ns string, labels map[string]string) cluster.Tenant {
	return cluster.Tenant{
		Namespace: ns, Owner: labels[ownerLabel], Run: labels[runLabel], Scenario: labels[scenarioLabel],
	}
}

// A tenancy is a Tenant with what is in the cluster of it.
type tenancy struct {
	cluster.Tenant
	// lease is nil where there is none.
	lease *coordinationv1.Lease
	// exists tells that there is something to remove beside the Lease.
	exists bool
}

// Tenants returns what everybody plays on the cluster, or has left there, by namespace.
func (p *Provider) Tenants(ctx context.Context) ([]cluster.Tenant, error) {
	c, _, err := p.connect(ctx)
	if err != nil {
		return nil, err
	}
	all, err := c.tenancies(ctx)
	return tenants(all), err
}

func tenants(all []tenancy) []cluster.Tenant {
	var out []cluster.Tenant
	for _, t := range all {
		out = append(out, t.Tenant)
	}
	return out
}

func (c *Cluster) tenancies(ctx context.Context) ([]tenancy, error) {
	if made := c.provider.Access.MadeNamespaces(); len(made) > 0 {
		return c.madeTenancies(ctx, made)
	}
	list, err := c.kube.Kubernetes().CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: ownedBy})
	if err != nil {
		return nil, fmt.Errorf("look for the lab's namespaces: %w", err)
	}
	all := map[string]tenancy{}
	for _, ns := range list.Items {
		if !c.shared(&ns) {
			all[ns.Name] = tenancy{Tenant: tenantOf(ns.Name, ns.Labels), exists: true}
		}
	}
	leases, err := c.kube.Kubernetes().CoordinationV1().Leases(mesh.LabNamespace).List(ctx,
		metav1.ListOptions{LabelSelector: ownedBy})
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("look for who plays: %w", err)
	}
	if err == nil {
		for i := range leases.Items {
			lease := &leases.Items[i]
			t, exists := all[lease.Name]
			if !exists || t.Owner == lease.Labels[ownerLabel] {
				t.Tenant = tenantOf(lease.Name, lease.Labels)
			}
			t.lease = lease
			if lease.Spec.AcquireTime != nil {
				t.Since = lease.Spec.AcquireTime.Time
			}
			all[lease.Name] = t
		}
	}
	return sorted(all), nil
}

func sorted(all map[string]tenancy) []tenancy {
	var out []tenancy
	for _, t := range all {
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b tenancy) int { return strings.Compare(a.Namespace, b.Namespace) })
	return out
}

// madeTenancies are those of namespaces that were made for scenarios. A Lease alone tells whose what is in there is.
func (c *Cluster) madeTenancies(ctx context.Context, made []string) ([]tenancy, error) {
	all := map[string]tenancy{}
	for _, ns := range made {
		lease, err := c.kube.Lease(ctx, ns, madeLease)
		if err != nil {
			return nil, err
		}
		objects, err := c.kube.Applied(ctx, ns)
		if err != nil {
			return nil, err
		}
		if lease == nil && len(objects) == 0 {
			continue
		}
		t := tenancy{Tenant: cluster.Tenant{Namespace: ns}, lease: lease, exists: len(objects) > 0}
		if lease != nil {
			t.Tenant = tenantOf(ns, lease.Labels)
			if lease.Spec.AcquireTime != nil {
				t.Since = lease.Spec.AcquireTime.Time
			}
		}
		all[ns] = t
	}
	return sorted(all), nil
}

// shared tells whether a namespace is one that all of the lab's users have together.
func (c *Cluster) shared(ns *corev1.Namespace) bool {
	return ns.Name == mesh.LabNamespace || ns.Name == mesh.Namespace
}

// Vacate removes what this owner's runs made in the cluster, or with Access.All what anybody's did, but for what others
// are playing. It returns what is left of others; with Access.All that is an error.
func (p *Provider) Vacate(ctx context.Context) (left []cluster.Tenant, err error) {
	c, _, err := p.connect(ctx)
	if err != nil {
		return nil, err
	}
	return c.vacate(ctx)
}

func (c *Cluster) vacate(ctx context.Context) (left []cluster.Tenant, err error) {
	all, err := c.tenancies(ctx)
	if err != nil {
		return nil, err
	}
	me, everybodys := c.provider.Access.owner(), c.provider.Access.All
	plays := make([]bool, len(all))
	var g errgroup.Group
	for i, t := range all {
		mine := t.Owner == me
		if !mine && !everybodys {
			left = append(left, t.Tenant)
			continue
		}
		g.Go(func() (err error) {
			if !mine && t.lease != nil {
				if plays[i], err = c.kube.LeaseLives(ctx, t.lease); err != nil || plays[i] {
					return err
				}
			}
			return c.remove(ctx, t)
		})
	}
	if err := g.Wait(); err != nil {
		return left, err
	}
	var errs []error
	for i, t := range all {
		if plays[i] {
			left = append(left, t.Tenant)
			errs = append(errs, &cluster.Taken{Tenant: t.Tenant, Plays: true})
		}
	}
	return left, errors.Join(errs...)
}

// remove deletes what a tenancy is, its Lease last: until then nobody else begins there.
func (c *Cluster) remove(ctx context.Context, t tenancy) (err error) {
	if t.exists && len(c.provider.Access.MadeNamespaces()) > 0 {
		err = c.kube.Clear(ctx, t.Namespace)
	} else if t.exists {
		err = c.kube.DeleteNamespace(ctx, t.Namespace)
	}
	if err != nil || t.lease == nil {
		return err
	}
	now, err := c.kube.Lease(ctx, t.lease.Namespace, t.lease.Name)
	if err != nil || now == nil || now.UID != t.lease.UID {
		return err
	}
	return c.kube.DeleteLease(ctx, now)
}

// removeShared removes the namespaces that all of the lab's users have together, as far as the lab made them.
func (c *Cluster) removeShared(ctx context.Context) error {
	list, err := c.kube.Kubernetes().CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: ownedBy})
	if err != nil {
		return fmt.Errorf("look for the lab's namespaces: %w", err)
	}
	var g errgroup.Group
	for _, ns := range list.Items {
		if c.shared(&ns) {
			g.Go(func() error { return c.kube.DeleteNamespace(ctx, ns.Name) })
		}
	}
	return g.Wait()
}
