package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/canarylab/canarylab/harness/patience"
)

// poll is how often the lab looks at a fact that can't be watched. Nothing in the lab is polled slower.
const poll = 50 * time.Millisecond

var (
	// discoveryLag bounds how long a kind may be unknown after its CRD was established. The API server's
	// discovery document follows within a second.
	discoveryLag = patience.Of(2 * time.Second)
	// parallel bounds the concurrent requests of ApplyObjects. They are enough to hide the round trips, and few
	// enough that a small machine's API server does not spend its time on switching between them.
	parallel = patience.Few(16)
)

// Apply server-side-applies every document of a YAML stream, one after the other, as `kubectl apply
// --server-side --force-conflicts -f` does. It returns what it applied, also on an error. It sends nothing if
// an object of a namespaced kind names no namespace.
func (c *Client) Apply(ctx context.Context, yaml []byte) ([]Ref, error) {
	objects, err := Objects(yaml)
	if err != nil {
		return nil, err
	}
	return c.ApplyInOrder(ctx, objects)
}

// ApplyInOrder is Apply for objects that were parsed already.
func (c *Client) ApplyInOrder(ctx context.Context, objects []*unstructured.Unstructured) ([]Ref, error) {
	resources := make([]dynamic.ResourceInterface, len(objects))
	for i, o := range objects {
		var err error
		if resources[i], err = c.resource(ctx, RefOf(o)); err != nil {
			return nil, fmt.Errorf("apply %s: %w", RefOf(o), err)
		}
	}
	refs := make([]Ref, 0, len(objects))
	for i, o := range objects {
		if err := apply(ctx, resources[i], o); err != nil {
			return refs, err
		}
		refs = append(refs, RefOf(o))
	}
	return refs, nil
}

// ApplyObjects server-side-applies many objects concurrently, in waves: first namespaces, then what workloads
// need, then workloads and custom resource definitions, and the objects of their kinds when those definitions
// are established.
func (c *Client) ApplyObjects(ctx context.Context, objects []*unstructured.Unstructured) error {
	waves := sortWaves(objects)
	for i, wave := range waves {
		if i == waveCustom && len(wave) > 0 {
			if err := c.waitEstablished(ctx, waves[waveWorkloads]); err != nil {
				return err
			}
		}
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(parallel)
		for _, o := range wave {
			g.Go(func() error {
				r, err := c.resource(ctx, RefOf(o))
				if err != nil {
					return fmt.Errorf("apply %s: %w", RefOf(o), err)
				}
				return apply(ctx, r, o)
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// The waves of ApplyObjects.
const (
	waveNamespaces = iota
	// waveConfig has everything without which a pod may be rejected or stuck: accounts, roles, configuration, services.
	waveConfig
	// waveWorkloads has the workloads, first because they take longest to start, and the CRDs, which keep the
	// API server busy.
	waveWorkloads
	// waveCustom has the objects of kinds that waveWorkloads defines.
	waveCustom
	waveCount
)

func sortWaves(objects []*unstructured.Unstructured) [waveCount][]*unstructured.Unstructured {
	defined := map[schema.GroupKind]bool{}
	for _, o := range objects {
		if isCRD(o) {
			group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
			kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
			defined[schema.GroupKind{Group: group, Kind: kind}] = true
		}
	}
	var waves [waveCount][]*unstructured.Unstructured
	var crds []*unstructured.Unstructured
	for _, o := range objects {
		gk := o.GroupVersionKind().GroupKind()
		n := waveConfig
		switch {
		case defined[gk]:
			n = waveCustom
		case gk == schema.GroupKind{Kind: "Namespace"}:
			n = waveNamespaces
		case isCRD(o):
			crds = append(crds, o)
			continue
		case gk.Group == "apps", gk.Group == "batch", gk == schema.GroupKind{Kind: "Pod"}:
			n = waveWorkloads
		}
		waves[n] = append(waves[n], o)
	}
	waves[waveWorkloads] = append(waves[waveWorkloads], crds...)
	return waves
}

func isCRD(o *unstructured.Unstructured) bool {
	return o.GetKind() == "CustomResourceDefinition" && o.GroupVersionKind().Group == "apiextensions.k8s.io"
}

func apply(ctx context.Context, r dynamic.ResourceInterface, o *unstructured.Unstructured) error {
	_, err := r.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: FieldManager, Force: true})
	for patience.Asked() && timedOut(err) && ctx.Err() == nil {
		_, err = r.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: FieldManager, Force: true})
	}
	if err != nil {
		return fmt.Errorf("apply %s: %w", RefOf(o), err)
	}
	return nil
}

// timedOut tells whether the API server, or a webhook that it asked, took longer than its own bound, which is 60 s or a
// webhook's timeoutSeconds and knows nothing of slow machines; or whether a connection was given up that was silent.
// What was applied may be there or not: applying it again is the same.
func timedOut(err error) bool {
	return apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) || utilnet.IsHTTP2ConnectionLost(err) ||
		utilnet.IsTimeout(err) || utilnet.IsConnectionReset(err) ||
		apierrors.IsInternalError(err) && strings.Contains(err.Error(), "context deadline exceeded")
}

// errNoNamespace is wrapped where a namespaced object names no namespace. There is no default, because an
// object in another namespace than its author thought is the worst outcome.
var errNoNamespace = errors.New("metadata.namespace is missing: the lab applies nothing to a default namespace")

func (c *Client) resource(ctx context.Context, ref Ref) (dynamic.ResourceInterface, error) {
	m, err := c.mapping(ctx, ref.GroupVersionKind)
	if err != nil {
		return nil, err
	}
	r := c.dynamic.Resource(m.Resource)
	if m.Scope.Name() != meta.RESTScopeNameNamespace {
		return r, nil
	}
	if ref.Namespace == "" {
		return nil, errNoNamespace
	}
	return r.Namespace(ref.Namespace), nil
}

func (c *Client) mapping(ctx context.Context, gvk schema.GroupVersionKind) (*meta.RESTMapping, error) {
	m, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err == nil || !meta.IsNoMatchError(err) {
		return m, err
	}
	lag, cancel := context.WithTimeout(ctx, discoveryLag)
	defer cancel()
	_ = wait.PollUntilContextCancel(lag, poll, false, func(context.Context) (bool, error) {
		c.mapper.Reset()
		m, err = c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
		return err == nil || !meta.IsNoMatchError(err), nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: install what defines it first", err)
	}
	return m, nil
}

var crdResource = schema.GroupVersionResource{
	Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions",
}

func (c *Client) waitEstablished(ctx context.Context, wave []*unstructured.Unstructured) error {
	var last string
	for _, o := range wave {
		if !isCRD(o) {
			continue
		}
		err := wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
			got, err := c.dynamic.Resource(crdResource).Get(ctx, o.GetName(), metav1.GetOptions{})
			if err != nil {
				last = err.Error()
				return false, nil
			}
			conditions, _, _ := unstructured.NestedSlice(got.Object, "status", "conditions")
			last = fmt.Sprint(conditions)
			return slices.ContainsFunc(conditions, func(c any) bool {
				m, _ := c.(map[string]any)
				return m["type"] == "Established" && m["status"] == "True"
			}), nil
		})
		if err != nil {
			return fmt.Errorf("wait for %s to be established: %w; last seen: %s", RefOf(o), err, last)
		}
	}
	return nil
}

// Delete deletes the objects that refs name, the last one first. An object that is absent, or of a kind that
// the cluster does not have, is not an error.
func (c *Client) Delete(ctx context.Context, refs ...Ref) error {
	var errs []error
	for _, ref := range slices.Backward(refs) {
		r, err := c.resource(ctx, ref)
		if err == nil {
			background := metav1.DeletePropagationBackground
			err = r.Delete(ctx, ref.Name, metav1.DeleteOptions{PropagationPolicy: &background})
		}
		if err != nil && !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) {
			errs = append(errs, fmt.Errorf("delete %s: %w", ref, err))
		}
	}
	return errors.Join(errs...)
}

// DeleteNamespace deletes a namespace with all its objects, and waits until it is gone. When ctx ends, the
// error has what the namespace's conditions say is left.
func (c *Client) DeleteNamespace(ctx context.Context, ns string) error {
	namespaces := c.kube.CoreV1().Namespaces()
	if err := namespaces.Delete(ctx, ns, metav1.DeleteOptions{}); err != nil {
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("delete namespace %s: %w", ns, err)
	}
	// The namespace controller looks at the namespace's content 5 s later (namespaceDeletionGracePeriod in its
	// source), and again after 5 s if something is still terminating. Pods that are deleted now are gone at its
	// first look, if they don't take their grace period: a proxy drains for 5 s, and nobody sends it anything any
	// more. If this fails, the controller deletes them.
	soon := int64(1)
	_ = c.kube.CoreV1().Pods(ns).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &soon},
		metav1.ListOptions{})
	left := ""
	for {
		got, err := namespaces.Get(ctx, ns, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case err == nil:
			left = ""
			for _, cond := range got.Status.Conditions {
				if cond.Status == "True" {
					left += "; " + cond.Message
				}
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("wait for namespace %s to be gone: %w%s", ns, ctx.Err(), left)
		}
		if err != nil {
			return fmt.Errorf("wait for namespace %s to be gone: %w", ns, err)
		}
		w, err := namespaces.Watch(ctx, metav1.ListOptions{
			FieldSelector:   fields.OneTermEqualSelector("metadata.name", ns).String(),
			ResourceVersion: got.ResourceVersion,
		})
		if err != nil {
			if ctx.Err() != nil {
				continue
			}
			return fmt.Errorf("watch namespace %s: %w", ns, err)
		}
		for e := range w.ResultChan() {
			if e.Type == watch.Deleted || e.Type == watch.Error {
				break
			}
			if n, ok := e.Object.(metav1.Object); ok && n.GetResourceVersion() != got.ResourceVersion {
				// The conditions may have changed, and the error shows them.
				break
			}
		}
		w.Stop()
	}
}

// Labels returns an object's labels, and whether there is such an object.
func (c *Client) Labels(ctx context.Context, ref Ref) (labels map[string]string, found bool, err error) {
	o, err := c.Find(ctx, ref)
	if o == nil {
		return nil, false, err
	}
	return o.GetLabels(), true, nil
}

// Find returns the object that ref names, nil if there is none, or if the cluster does not have its kind.
func (c *Client) Find(ctx context.Context, ref Ref) (*unstructured.Unstructured, error) {
	r, err := c.resource(ctx, ref)
	if err == nil {
		var got *unstructured.Unstructured
		if got, err = r.Get(ctx, ref.Name, metav1.GetOptions{}); err == nil {
			return got, nil
		}
	}
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil, nil
	}
	return nil, fmt.Errorf("read %s: %w", ref, err)
}

// List returns the objects of a kind in a namespace. For a kind without namespaces it returns the object that
// is called ns. A kind that the cluster does not have has no objects.
func (c *Client) List(
	ctx context.Context, kind schema.GroupVersionKind, ns string,
) ([]*unstructured.Unstructured, error) {
	m, err := c.mapping(ctx, kind)
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", kind.Kind, err)
	}
	if m.Scope.Name() != meta.RESTScopeNameNamespace {
		got, err := c.dynamic.Resource(m.Resource).Get(ctx, ns, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("read %s %s: %w", kind.Kind, ns, err)
		}
		return []*unstructured.Unstructured{got}, nil
	}
	list, err := c.dynamic.Resource(m.Resource).Namespace(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list %s of %s: %w", kind.Kind, ns, err)
	}
	all := make([]*unstructured.Unstructured, len(list.Items))
	for i := range list.Items {
		all[i] = &list.Items[i]
	}
	return all, nil
}
