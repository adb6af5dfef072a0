package mesh

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"istio.io/istio/pilot/pkg/config/kube/gateway"
	"istio.io/istio/pilot/pkg/serviceregistry/kube/controller"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/schema/gvk"
	"istio.io/istio/pkg/config/schema/gvr"
	istiokube "istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/krt"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	metadatafake "k8s.io/client-go/metadata/fake"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/apis/v1beta1"
	"sigs.k8s.io/gateway-api/pkg/consts"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/patience"
)

// gatewayKinds are the kinds of the Gateway API whose objects are awaited, with what each is read into.
var gatewayKinds = map[schema.GroupVersionKind]func() kubeObject{
	{Group: gatewayv1.GroupName, Version: "v1", Kind: "HTTPRoute"}: func() kubeObject { return &gatewayv1.HTTPRoute{} },
	{Group: gatewayv1.GroupName, Version: "v1", Kind: "Gateway"}:   func() kubeObject { return &gatewayv1.Gateway{} },
	{Group: gatewayv1.GroupName, Version: "v1beta1", Kind: "ReferenceGrant"}: func() kubeObject {
		return &v1beta1.ReferenceGrant{}
	},
}

// A kubeObject is one of the Gateway API, or a Service.
type kubeObject interface {
	runtime.Object
	metav1.Object
}

// knowsGatewayAPI tells whether a cluster has the kinds of the Gateway API. Whoever may log in may ask.
func knowsGatewayAPI(k *kube.Client) (bool, error) {
	_, err := k.Kubernetes().Discovery().ServerResourcesForGroupVersion(gatewayv1.GroupVersion.String())
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("ask for the kinds of the Gateway API: %w", err)
	}
	return true, nil
}

// gatewayAPI lists the Gateway API's objects of a namespace. There are none where the user may not read them: then
// nothing of this run is one.
func (l *lister) gatewayAPI(k *kube.Client, ns string, into *[]kubeObject) {
	for kind, empty := range gatewayKinds {
		read := func(ctx context.Context, _ metav1.ListOptions) ([]kubeObject, error) {
			found, err := k.List(ctx, kind, ns)
			if apierrors.IsForbidden(err) {
				return nil, nil
			}
			var all []kubeObject
			for _, o := range found {
				one := empty()
				if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, one); err != nil {
					return nil, fmt.Errorf("read %s %s: %w", o.GetKind(), o.GetName(), err)
				}
				all = append(all, one)
			}
			return all, err
		}
		list(l, kind.Kind+"s of "+ns, read, func(all []kubeObject) { *into = append(*into, all...) })
	}
}

// kubeConfigs keeps what Istio makes of the Gateway API's objects, as long as those are the same: it takes some 50 ms,
// and proxies are waited for with a look at the objects every refreshEvery.
type kubeConfigs struct {
	of      string
	configs []config.Config
}

// made returns the Gateways and VirtualServices that istiod makes of objects of the Gateway API.
func (c *kubeConfigs) made(ctx context.Context, o objects) ([]config.Config, error) {
	if len(o.kube) == 0 {
		return nil, nil
	}
	var key strings.Builder
	for _, one := range o.asKubernetes() {
		fmt.Fprintf(&key, "%T %s/%s %s\n", one, one.GetNamespace(), one.GetName(), one.GetResourceVersion())
	}
	if c.of == key.String() {
		return c.configs, nil
	}
	configs, err := convert(ctx, o)
	if err == nil {
		c.of, c.configs = key.String(), configs
	}
	return configs, err
}

// asKubernetes are the objects that the Gateway API's own refer to, and those.
func (o objects) asKubernetes() []kubeObject {
	var all []kubeObject
	for i := range o.services {
		all = append(all, &o.services[i])
	}
	return append(all, o.kube...)
}

// convertWithin bounds how long Istio's controller may take for the routes of a few namespaces, which is some 50 ms.
var convertWithin = patience.Of(10 * time.Second)

// convert has istiod's own controller make Istio's kinds of the Gateway API's, from objects in memory.
func convert(ctx context.Context, o objects) ([]config.Config, error) {
	what := fmt.Sprintf("make Istio's objects of %d of the Gateway API", len(o.kube))
	g, err := newGenerator(ctx, o, nil)
	if err != nil {
		return nil, err
	}
	client, err := o.inMemory()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer client.Shutdown() // it waits for what the end of ctx stops
	ctx, cancel := context.WithTimeout(ctx, convertWithin)
	defer cancel()
	never := func(schema.GroupVersionResource, <-chan struct{}) bool { return false } // no GatewayClass is made
	c := gateway.NewController(client, never, controller.Options{
		DomainSuffix: domain, ClusterID: clusterID, KrtDebugger: new(krt.DebugHandler),
	}, nil)
	go c.Run(ctx.Done())
	c.Reconcile(g.push)
	if !client.RunAndWait(ctx.Done()) {
		return nil, fmt.Errorf("%s: %w", what, errors.Join(errors.New("they were not indexed"), ctx.Err()))
	}
	err = wait.PollUntilContextCancel(ctx, time.Millisecond, true, func(context.Context) (bool, error) {
		return c.HasSynced(), nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return append(c.List(gvk.Gateway, ""), c.List(gvk.VirtualService, "")...), nil
}

// inMemory is a client of a cluster that has these objects and their namespaces alone. It is the one by which Istio
// tests its controller, which reads through a client only.
func (o objects) inMemory() (istiokube.CLIClient, error) {
	var all []runtime.Object
	seen := map[string]bool{}
	for _, one := range o.asKubernetes() {
		if ns := one.GetNamespace(); !seen[ns] {
			seen[ns] = true
			all = append(all, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
				Name: ns, Labels: map[string]string{corev1.LabelMetadataName: ns},
			}})
		}
		all = append(all, one.DeepCopyObject())
	}
	client := istiokube.NewFakeClient(all...)
	// The controller waits for kinds until it sees their definitions.
	definitions, ok := client.Metadata().Resource(gvr.CustomResourceDefinition).(metadatafake.MetadataClient)
	if !ok {
		return nil, fmt.Errorf("define kinds in memory: the client is a %T", client.Metadata())
	}
	for _, r := range []schema.GroupVersionResource{
		gvr.HTTPRoute, gvr.ReferenceGrant, gvr.GRPCRoute, gvr.TCPRoute, gvr.TLSRoute, gvr.KubernetesGateway,
		gvr.GatewayClass, gvr.ListenerSet, gvr.BackendTLSPolicy, gvr.ServiceEntry,
	} {
		definition := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Name:        r.Resource + "." + r.Group,
			Annotations: map[string]string{consts.BundleVersionAnnotation: consts.BundleVersion},
		}}
		if _, err := definitions.CreateFake(definition, metav1.CreateOptions{}); err != nil {
			return nil, fmt.Errorf("define kinds in memory: %w", err)
		}
	}
	return client, nil
}
