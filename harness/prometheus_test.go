package harness

import (
	"maps"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/harness/kube"
)

// as reads an object into its own type, and refuses fields that this does not have.
func as[T any](t *testing.T, o *unstructured.Unstructured) T {
	t.Helper()
	var typed T
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, &typed, true); err != nil {
		t.Fatalf("%s %s: got %v", o.GetKind(), o.GetName(), err)
	}
	return typed
}

// The parts that name each other agree: Prometheus finds the callers by a Service that finds their pods, and is found by its own.
func TestPrometheusFindsTheCallers(t *testing.T) {
	manifests, err := prometheusPart("story")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ConfigMap/" + prometheusApp, "Deployment/" + prometheusApp, "Service/canarylab-callers", "Service/" + prometheusApp}
	if got := named(t, manifests); !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	objects, err := kube.Objects(manifests)
	if err != nil {
		t.Fatal(err)
	}
	services := map[string]corev1.Service{}
	var app appsv1.Deployment
	var settings corev1.ConfigMap
	for _, o := range objects {
		switch o.GetKind() {
		case "Service":
			services[o.GetName()] = as[corev1.Service](t, o)
		case "Deployment":
			app = as[appsv1.Deployment](t, o)
		case "ConfigMap":
			settings = as[corev1.ConfigMap](t, o)
		}
	}
	var config struct {
		ScrapeConfigs []struct {
			DNS []struct {
				Names []string `json:"names"`
				Port  int32    `json:"port"`
			} `json:"dns_sd_configs"`
		} `json:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(settings.Data["prometheus.yml"]), &config); err != nil || len(config.ScrapeConfigs) != 1 || len(config.ScrapeConfigs[0].DNS) != 1 {
		t.Fatalf("got %+v (%v) of\n%s\nwant targets by DNS", config, err, settings.Data["prometheus.yml"])
	}
	dns := config.ScrapeConfigs[0].DNS[0]
	callers, ok := services[strings.Join(dns.Names, " ")]
	if !ok || callers.Spec.ClusterIP != corev1.ClusterIPNone || callers.Spec.Ports[0].Port != dns.Port || callers.Annotations["networking.istio.io/exportTo"] != "~" {
		t.Errorf("got %+v for %q, want a Service without an address of its own, with port %d, that proxies are not told of", callers, dns.Names, dns.Port)
	}
	if want := map[string]string{"app": insideClient}; !maps.Equal(callers.Spec.Selector, want) {
		t.Errorf("got callers selected by %v, want by %v", callers.Spec.Selector, want)
	}
	pod := app.Spec.Template
	own := services[prometheusApp].Spec
	if own.Selector["app"] != pod.Labels["app"] || own.Ports[0].Port != prometheusPort {
		t.Errorf("got %+v, want the pods labelled %v at port %d", own, pod.Labels, prometheusPort)
	}
	if pod.Labels["sidecar.istio.io/inject"] != "false" || pod.Labels["app"] != prometheusApp {
		t.Errorf("got labels %v, want app %s and no sidecar", pod.Labels, prometheusApp)
	}
	container := pod.Spec.Containers[0]
	if container.Ports[0].ContainerPort != prometheusPort || container.ReadinessProbe.HTTPGet.Port.IntVal != prometheusPort {
		t.Errorf("got %+v, want port %d there and asked whether it is ready", container, prometheusPort)
	}
}
