package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
)

// Made are the kinds that a run makes objects of, in the namespaces of its scenario. What Kubernetes makes of them,
// such as pods, goes with them.
var Made = []schema.GroupResource{
	{Resource: "services"}, {Resource: "configmaps"}, {Resource: "serviceaccounts"},
	{Group: "apps", Resource: "deployments"}, {Group: "batch", Resource: "jobs"},
	{Group: "networking.istio.io", Resource: "virtualservices"},
	{Group: "networking.istio.io", Resource: "destinationrules"},
	{Group: "networking.istio.io", Resource: "gateways"},
	{Group: "networking.istio.io", Resource: "sidecars"},
	{Group: "networking.istio.io", Resource: "envoyfilters"},
	{Group: "networking.istio.io", Resource: "serviceentries"},
	{Group: "gateway.networking.k8s.io", Resource: "httproutes"},
	{Group: "security.istio.io", Resource: "peerauthentications"},
	{Group: "security.istio.io", Resource: "authorizationpolicies"},
}

// Applied returns the objects in a namespace, of the kinds of Made, that the lab has applied, whoever made them.
func (c *Client) Applied(ctx context.Context, ns string) ([]*unstructured.Unstructured, error) {
	kinds, err := c.Kinds(func(group, resource string) bool {
		return slices.Contains(Made, schema.GroupResource{Group: group, Resource: resource})
	})
	if err != nil {
		return nil, err
	}
	var all []*unstructured.Unstructured
	for _, kind := range kinds {
		found, err := c.ListKind(ctx, kind, ns)
		if err != nil {
			return nil, err
		}
		for i := range found {
			if slices.ContainsFunc(found[i].GetManagedFields(), func(f metav1.ManagedFieldsEntry) bool {
				return f.Manager == FieldManager && f.Operation == metav1.ManagedFieldsOperationApply
			}) {
				all = append(all, &found[i])
			}
		}
	}
	return all, nil
}

// Clear deletes what Applied returns, and waits until it is gone with all that Kubernetes made of it. What else is in
// the namespace stays, and so does the namespace.
func (c *Client) Clear(ctx context.Context, ns string) error {
	all, err := c.Applied(ctx, ns)
	if err != nil {
		return fmt.Errorf("clear namespace %s: %w", ns, err)
	}
	for _, o := range all {
		r, err := c.resource(ctx, RefOf(o))
		if err == nil {
			// The object stays until its pods are gone.
			policy := metav1.DeletePropagationForeground
			err = r.Delete(ctx, o.GetName(), metav1.DeleteOptions{PropagationPolicy: &policy})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete %s: %w", RefOf(o), err)
		}
	}
	var left []string
	err = wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		left = nil
		for _, o := range all {
			found, err := c.Find(ctx, RefOf(o))
			if err != nil {
				return false, err
			}
			if found != nil && found.GetUID() == o.GetUID() {
				left = append(left, RefOf(o).String())
			}
		}
		return len(left) == 0, nil
	})
	if err != nil && !errors.Is(err, context.Canceled) && len(left) > 0 {
		err = fmt.Errorf("%w; left are %s", err, strings.Join(left, ", "))
	}
	if err != nil {
		return fmt.Errorf("clear namespace %s: %w", ns, err)
	}
	return nil
}
