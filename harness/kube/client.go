// Package kube is what the lab needs of a Kubernetes API, on client-go: apply, wait, explain, exec, forward and follow.
package kube

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	istioclient "istio.io/client-go/pkg/clientset/versioned"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"github.com/canarylab/canarylab/harness/patience"
)

// FieldManager owns the fields that the lab applies, and is the lab's user agent.
const FieldManager = "canarylab"

// A Client talks to one cluster. It is safe for concurrent use.
type Client struct {
	cfg     *rest.Config
	kube    kubernetes.Interface
	istio   istioclient.Interface
	dynamic dynamic.Interface
	// mapper discovers the API's kinds on first use, and again after a miss.
	mapper *restmapper.DeferredDiscoveryRESTMapper
}

// pingTimeout is the variable by which client-go takes how many seconds a server may take to answer a ping. Without it,
// 15 (k8s.io/apimachinery/pkg/util/net/http.go).
const pingTimeout = "HTTP2_PING_TIMEOUT_SECONDS"

// allowSilence keeps client-go from giving up the connection to an API server that is slow, and no more.
func allowSilence() {
	if _, set := os.LookupEnv(pingTimeout); patience.Asked() && !set {
		_ = os.Setenv(pingTimeout, strconv.Itoa(int(patience.Of(15*time.Second).Seconds())))
	}
}

// New returns a Client for a copy of cfg. It does not send anything yet.
//
// Client-side throttling is off: the lab has the cluster to itself, and API Priority and Fairness protects the others.
func New(cfg *rest.Config) (*Client, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.QPS = -1
	cfg.RateLimiter = nil
	cfg.UserAgent = FieldManager
	cfg.WarningHandler = rest.NoWarnings{}
	cfg.Wrap(func(rt http.RoundTripper) http.RoundTripper { return writeWatcher{rt} })
	fail := func(what string, err error) (*Client, error) {
		return nil, fmt.Errorf("make %s client for %s: %w", what, cfg.Host, err)
	}
	allowSilence()
	client, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return fail("an HTTP", err)
	}
	c := &Client{cfg: cfg}
	if c.kube, err = kubernetes.NewForConfigAndClient(cfg, client); err != nil {
		return fail("a Kubernetes", err)
	}
	if c.istio, err = istioclient.NewForConfigAndClient(cfg, client); err != nil {
		return fail("an Istio", err)
	}
	if c.dynamic, err = dynamic.NewForConfigAndClient(cfg, client); err != nil {
		return fail("a dynamic", err)
	}
	d, err := discovery.NewDiscoveryClientForConfigAndClient(cfg, client)
	if err != nil {
		return fail("a discovery", err)
	}
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(d))
	return c, nil
}

// Kubernetes is the typed client of the built-in kinds.
func (c *Client) Kubernetes() kubernetes.Interface { return c.kube }

// Istio is the typed client of Istio's kinds.
func (c *Client) Istio() istioclient.Interface { return c.istio }

// Answers asks the API server for its version.
func (c *Client) Answers(ctx context.Context) error {
	if err := c.kube.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).Error(); err != nil {
		return fmt.Errorf("ask %s for its version: %w", c.cfg.Host, err)
	}
	return nil
}

// Allowed asks whether this client's user may do verb to a resource, such as "pods/exec", in every namespace.
func (c *Client) Allowed(ctx context.Context, verb, group, resource string) (bool, error) {
	return c.AllowedIn(ctx, metav1.NamespaceAll, verb, group, resource)
}

// AllowedIn is Allowed for one namespace. That of the resource namespaces is the namespace itself.
func (c *Client) AllowedIn(ctx context.Context, ns, verb, group, resource string) (bool, error) {
	name, sub, _ := strings.Cut(resource, "/")
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: ns, Group: group, Resource: name, Subresource: sub, Verb: verb,
		},
	}}
	got, err := c.kube.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("ask whether %s of %s is allowed: %w", verb, resource, err)
	}
	return got.Status.Allowed, nil
}

// Config returns a copy of what the client was made from.
func (c *Client) Config() *rest.Config { return rest.CopyConfig(c.cfg) }
