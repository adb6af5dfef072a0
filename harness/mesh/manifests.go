package mesh

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"istio.io/istio/operator/pkg/component"
	"istio.io/istio/operator/pkg/manifest"
	"istio.io/istio/operator/pkg/render"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/progress"
)

// Options say which Istio is rendered.
type Options struct {
	// Hub and Tag name the images, <Hub>/pilot:<Tag> and <Hub>/proxyv2:<Tag>. Empty means canarylab
	// and dev, which the lab builds itself.
	Hub, Tag string
	// Released says that the images are Istio's own releases, whose Envoy has Istio's filters.
	Released bool
	// Labels are set where Istio is installed on a borrowed cluster. Every object has them, so that
	// Uninstall finds it. Istio's webhooks and istiod then ignore namespaces without them.
	Labels map[string]string
	// Gateway adds an ingress gateway.
	Gateway bool
	// Values are more settings in the form of istioctl's --set. They come last and win.
	Values []string
	// Progress is told of the rendering. It may be nil.
	Progress progress.Progress
}

// Manifests are Istio's objects, ready to be applied.
type Manifests struct {
	// Core is the control plane: CRDs, istiod, webhooks, roles. Gateway is the ingress gateway,
	// which gets ready only after istiod. It is empty if none was asked for.
	Core, Gateway []*unstructured.Unstructured
	// Images are all images that the objects refer to, the sidecars' included.
	Images []string
	// Sum is a hash of everything above: two Manifests with the same Sum are the same.
	Sum string
	// Labels are those of the Options, for the namespaces.
	Labels map[string]string
}

// withLabels returns labels, and those of more that it lacks.
func withLabels(labels, more map[string]string) map[string]string {
	if len(more) == 0 {
		return labels
	}
	all := maps.Clone(more)
	maps.Copy(all, labels)
	return all
}

// Render renders Istio with Istio's own charts and operator code. It needs no cluster and takes about 0.2 s.
func Render(o Options) (_ Manifests, err error) {
	done := progress.Begin(o.Progress, "istio: render")
	defer func() { done(err) }()
	silenceIstio()
	sets, _, err := render.GenerateManifest(nil, settings(o), false, nil, nil)
	if err != nil {
		return Manifests{}, fmt.Errorf("render Istio: %w", err)
	}
	// The sets come in the order of a Go map.
	slices.SortFunc(sets, func(a, b manifest.ManifestSet) int { return cmp.Compare(a.Component, b.Component) })
	m := Manifests{Labels: o.Labels}
	sum := sha256.New()
	for _, set := range sets {
		for _, object := range set.Manifests {
			sum.Write([]byte(object.Content))
			object.SetLabels(withLabels(object.GetLabels(), o.Labels))
			if err := confine(object.Unstructured, o.Labels); err != nil {
				return Manifests{}, fmt.Errorf("render Istio: %s %s: %w", object.GetKind(), object.GetName(), err)
			}
			if set.Component == component.IngressComponentName {
				m.Gateway = append(m.Gateway, object.Unstructured)
			} else {
				m.Core = append(m.Core, object.Unstructured)
			}
		}
	}
	m.Sum = hex.EncodeToString(sum.Sum(nil))
	hub, tag := image(o)
	m.Images = []string{hub + "/pilot:" + tag, hub + "/proxyv2:" + tag}
	return m, nil
}

// confine makes a webhook look only at namespaces with the labels. It does not change other objects.
func confine(o *unstructured.Unstructured, labels map[string]string) error {
	if kind := o.GetKind(); len(labels) == 0 ||
		kind != "MutatingWebhookConfiguration" && kind != "ValidatingWebhookConfiguration" {
		return nil
	}
	webhooks, _, err := unstructured.NestedSlice(o.Object, "webhooks")
	if err != nil {
		return err
	}
	for _, w := range webhooks {
		webhook, ok := w.(map[string]any)
		if !ok {
			return fmt.Errorf("a webhook is a %T", w)
		}
		for _, name := range slices.Sorted(maps.Keys(labels)) {
			err := unstructured.SetNestedField(webhook, labels[name], "namespaceSelector", "matchLabels", name)
			if err != nil {
				return err
			}
		}
	}
	return unstructured.SetNestedSlice(o.Object, webhooks, "webhooks")
}

func image(o Options) (hub, tag string) { return cmp.Or(o.Hub, "canarylab"), cmp.Or(o.Tag, "dev") }

// unreleasedSettings are the settings for proxy images that the lab built.
var unreleasedSettings = []string{
	// The lab's proxy image has an upstream Envoy, without the filters of Istio's own Envoy build.
	// Envoy rejects a whole listener that names one. This costs istio_requests_total. Response
	// flags and Envoy's own statistics stay.
	"values.pilot.env.PILOT_ENABLE_METADATA_EXCHANGE=false",
	"values.pilot.env.PILOT_ENABLE_ALPN_FILTER=false",
	"values.telemetry.enabled=false",
	"meshConfig.enablePrometheusMerge=false",

	// istio-init writes its rules with nft, because the image has no iptables.
	"values.global.nativeNftables=true",
}

func settings(o Options) []string {
	hub, tag := image(o)
	s := []string{
		"profile=minimal",
		"hub=" + hub,
		"tag=" + tag,
		"values.global.imagePullPolicy=IfNotPresent",

		// Validation fails closed from the first moment. By default it fails open until istiod has
		// found it working, and a bad manifest that is applied just then would get in.
		"unvalidatedValues.base.validationFailurePolicy=Fail",
		// Without this, only objects that carry the label istio.io/rev are validated. istioctl
		// install makes the default revision's webhook in a step of its own, after the manifests.
		"values.defaultRevision=default",

		// A lab has one istiod, and resource requests that leave room on two cores.
		"values.pilot.autoscaleEnabled=false",
		"values.pilot.resources.requests.cpu=10m",
		"values.pilot.resources.requests.memory=100Mi",
		"values.global.proxy.resources.requests.cpu=10m",
		"values.global.proxy.resources.requests.memory=40Mi",

		// Readiness is seen within a second. Istio's defaults of 3 and 15 s between probes made up most of a bring-up.
		"components.pilot.k8s.readinessProbe.httpGet.path=/ready",
		"components.pilot.k8s.readinessProbe.httpGet.port=8080",
		"components.pilot.k8s.readinessProbe.initialDelaySeconds=0",
		"components.pilot.k8s.readinessProbe.periodSeconds=1",
		"values.global.proxy.readinessInitialDelaySeconds=0",
		"values.global.proxy.readinessPeriodSeconds=1",

		// An app that starts before its proxy has no network. Native sidecars (Istio's choice on
		// Kubernetes 1.33 and later) start first anyway. This is for older clusters.
		"meshConfig.defaultConfig.holdApplicationUntilProxyStarts=true",

		// Nobody reads a line for each request. AccessLogFilter makes proxies stream them, and print the unusual ones.
		"meshConfig.accessLogFile=",
	}
	if !o.Released {
		s = append(s, unreleasedSettings...)
	}
	// Without this, istiod puts a ConfigMap into every namespace of the cluster.
	for _, name := range slices.Sorted(maps.Keys(o.Labels)) {
		key := "meshConfig.discoverySelectors[0].matchLabels." + strings.ReplaceAll(name, ".", `\.`)
		s = append(s, key+"="+o.Labels[name])
	}
	if o.Gateway {
		s = append(s,
			"components.ingressGateways[0].name="+gatewayName,
			"components.ingressGateways[0].enabled=true",
			"components.ingressGateways[0].k8s.readinessProbe.httpGet.path=/healthz/ready",
			"components.ingressGateways[0].k8s.readinessProbe.httpGet.port=15021",
			"components.ingressGateways[0].k8s.readinessProbe.periodSeconds=1",
			"components.ingressGateways[0].k8s.readinessProbe.failureThreshold=30",
			"values.gateways.istio-ingressgateway.type=ClusterIP",
			"values.gateways.istio-ingressgateway.autoscaleEnabled=false",
			"values.gateways.istio-ingressgateway.resources.requests.cpu=10m",
			"values.gateways.istio-ingressgateway.resources.requests.memory=40Mi",
		)
	}
	return append(s, o.Values...)
}
