package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// A Kind is one that a namespace may have objects of.
type Kind struct {
	schema.GroupVersionKind
	resource schema.GroupVersionResource
}

// Kinds returns the kinds with namespaces that can be listed, watched and deleted, of which wanted says so, each in the
// version that the API server prefers.
func (c *Client) Kinds(wanted func(group, resource string) bool) ([]Kind, error) {
	lists, err := c.kube.Discovery().ServerPreferredNamespacedResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, fmt.Errorf("ask for the kinds of the API: %w", err)
	}
	var all []Kind
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, fmt.Errorf("read a kind of the API: %w", err)
		}
		for _, r := range list.APIResources {
			can := func(verb string) bool { return slices.Contains(r.Verbs, verb) }
			whole := can("list") && can("watch") && can("delete") && !strings.Contains(r.Name, "/")
			if whole && wanted(gv.Group, r.Name) {
				all = append(all, Kind{gv.WithKind(r.Kind), gv.WithResource(r.Name)})
			}
		}
	}
	return all, nil
}

// An ObjectChange is an observed change of an object.
type ObjectChange struct {
	At time.Time
	// Before is the object as it was seen last, nil if it is new. After is nil if it is gone.
	Before, After *unstructured.Unstructured
}

// WatchObjects calls sink with each change of the objects of kinds in ns, and of ns itself, until ctx ends, which is
// not an error. It leaves out what is there when it begins. Calls about one kind come one at a time.
func (c *Client) WatchObjects(ctx context.Context, ns string, kinds []Kind, sink func(ObjectChange)) error {
	inside := dynamicinformer.NewFilteredDynamicSharedInformerFactory(c.dynamic, 0, ns, nil)
	namespaces := dynamicinformer.NewFilteredDynamicSharedInformerFactory(c.dynamic, 0, metav1.NamespaceAll,
		func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermEqualSelector("metadata.name", ns).String()
		})
	handler := objectHandler(sink)
	for _, k := range kinds {
		if _, err := inside.ForResource(k.resource).Informer().AddEventHandler(handler); err != nil {
			return fmt.Errorf("watch %s of %s: %w", k.resource.Resource, ns, err)
		}
	}
	of := schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	if _, err := namespaces.ForResource(of).Informer().AddEventHandler(handler); err != nil {
		return fmt.Errorf("watch namespace %s: %w", ns, err)
	}
	inside.Start(ctx.Done())
	namespaces.Start(ctx.Done())
	<-ctx.Done()
	inside.Shutdown()
	namespaces.Shutdown()
	return nil
}

func objectHandler(sink func(ObjectChange)) cache.ResourceEventHandlerDetailedFuncs {
	return cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(o any, first bool) {
			if object, ok := o.(*unstructured.Unstructured); ok && !first {
				sink(ObjectChange{At: time.Now(), After: object})
			}
		},
		UpdateFunc: func(old, o any) {
			before, ok := old.(*unstructured.Unstructured)
			if object, ok2 := o.(*unstructured.Unstructured); ok && ok2 {
				sink(ObjectChange{At: time.Now(), Before: before, After: object})
			}
		},
		DeleteFunc: func(o any) {
			if last, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = last.Obj
			}
			if object, ok := o.(*unstructured.Unstructured); ok {
				sink(ObjectChange{At: time.Now(), Before: object})
			}
		},
	}
}

// ListKind returns the objects of a kind in a namespace.
func (c *Client) ListKind(ctx context.Context, k Kind, ns string) ([]unstructured.Unstructured, error) {
	list, err := c.dynamic.Resource(k.resource).Namespace(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list %s of %s: %w", k.resource.Resource, ns, err)
	}
	return list.Items, nil
}

// Replace makes an object be what o says, in each field but its status: also what others have added goes. An object
// that is not there is made.
func (c *Client) Replace(ctx context.Context, o *unstructured.Unstructured) error {
	r, err := c.resource(ctx, RefOf(o))
	if err != nil {
		return fmt.Errorf("replace %s: %w", RefOf(o), err)
	}
	const tries = 5 // a controller that writes at the same time is done after one
	for range tries {
		var have *unstructured.Unstructured
		have, err = r.Get(ctx, o.GetName(), metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return apply(ctx, r, o)
		}
		if err != nil {
			break
		}
		_, err = r.Update(ctx, replaced(have, o), metav1.UpdateOptions{FieldManager: FieldManager})
		if !apierrors.IsConflict(err) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("replace %s: %w", RefOf(o), err)
	}
	return nil
}

// replaced is o with what the API server and its controllers have put into have.
func replaced(have, o *unstructured.Unstructured) *unstructured.Unstructured {
	next := o.DeepCopy()
	next.SetResourceVersion(have.GetResourceVersion())
	next.SetUID(have.GetUID())
	next.SetFinalizers(have.GetFinalizers())
	next.SetOwnerReferences(have.GetOwnerReferences())
	keep := func(from, to map[string]string, wanted func(key string) bool) map[string]string {
		for k, v := range from {
			if _, ok := to[k]; !ok && wanted(k) {
				if to == nil {
					to = map[string]string{}
				}
				to[k] = v
			}
		}
		return to
	}
	// Both are the API server's own, and its controllers'.
	next.SetLabels(keep(have.GetLabels(), next.GetLabels(), func(k string) bool {
		return k == corev1.LabelMetadataName
	}))
	next.SetAnnotations(keep(have.GetAnnotations(), next.GetAnnotations(), func(k string) bool {
		return strings.HasPrefix(k, "deployment.kubernetes.io/")
	}))
	if o.GetKind() == "Service" || o.GetKind() == "Namespace" {
		for _, field := range []string{"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "finalizers"} {
			if v, ok, _ := unstructured.NestedFieldCopy(have.Object, "spec", field); ok {
				// What was read just now can be written.
				_ = unstructured.SetNestedField(next.Object, v, "spec", field)
			}
		}
	}
	if v, ok := have.Object["status"]; ok {
		next.Object["status"] = v
	}
	return next
}
