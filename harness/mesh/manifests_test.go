package mesh

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func rendered(t *testing.T, o Options) Manifests {
	t.Helper()
	m, err := Render(o)
	if err != nil {
		t.Fatalf("got error %v, want manifests", err)
	}
	return m
}

func find(objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	i := slices.IndexFunc(
		objects,
		func(o *unstructured.Unstructured) bool { return o.GetKind() == kind && o.GetName() == name },
	)
	if i < 0 {
		return nil
	}
	return objects[i]
}

// dig follows map keys and, for a list, takes its first item.
func dig(v any, path ...string) any {
	for _, key := range path {
		if l, ok := v.([]any); ok && len(l) > 0 {
			v = l[0]
		}
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

func TestRender(t *testing.T) {
	m := rendered(t, Options{Gateway: true})
	if find(m.Core, "ValidatingWebhookConfiguration", "istiod-default-validator") == nil {
		t.Error("got no webhook that validates objects without a revision label, want one")
	}
	istiod := find(m.Core, "Deployment", "istiod")
	gateway := find(m.Gateway, "Deployment", gatewayName)
	if istiod == nil || gateway == nil {
		t.Fatalf("got istiod %v, gateway %v, want both", istiod != nil, gateway != nil)
	}
	container := []string{"spec", "template", "spec", "containers"}
	for _, c := range []struct {
		what string
		got  any
		want any
	}{
		{"istiod's image", dig(istiod.Object, append(container, "image")...), "canarylab/pilot:dev"},
		{"istiod's pull policy", dig(istiod.Object, append(container, "imagePullPolicy")...), "IfNotPresent"},
		{
			"istiod's probe period", dig(istiod.Object, append(container, "readinessProbe", "periodSeconds")...),
			int64(1),
		},
		{"istiod's CPU", dig(istiod.Object, append(container, "resources", "requests", "cpu")...), "10m"},
		{"the gateway's image", dig(gateway.Object, append(container, "image")...), "canarylab/proxyv2:dev"},
		{"the gateway's CPU", dig(gateway.Object, append(container, "resources", "requests", "cpu")...), "10m"},
		{"the gateway's Service", dig(find(m.Gateway, "Service", gatewayName).Object, "spec", "type"), "ClusterIP"},
		{
			"validation's policy",
			dig(find(m.Core, "ValidatingWebhookConfiguration", "istio-validator-istio-system").Object, "webhooks",
				"failurePolicy"),
			"Fail",
		},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", c.what, c.got, c.want)
		}
	}
	env := map[any]any{}
	for _, e := range dig(istiod.Object, append(container, "env")...).([]any) {
		env[dig(e, "name")] = dig(e, "value")
	}
	for _, name := range []string{"PILOT_ENABLE_METADATA_EXCHANGE", "PILOT_ENABLE_ALPN_FILTER"} {
		if env[name] != "false" {
			t.Errorf("istiod's %s: got %v, want false", name, env[name])
		}
	}
	for _, gone := range []string{"HorizontalPodAutoscaler", "PodDisruptionBudget"} {
		for _, o := range slices.Concat(m.Core, m.Gateway) {
			if o.GetKind() == gone {
				t.Errorf("got %s %s, want none", gone, o.GetName())
			}
		}
	}
	if got, want := strings.Join(m.Images, " "), "canarylab/pilot:dev canarylab/proxyv2:dev"; got != want {
		t.Errorf("got images %s, want %s", got, want)
	}
}

func TestRenderMeshConfig(t *testing.T) {
	m := rendered(t, Options{})
	text, _ := dig(find(m.Core, "ConfigMap", "istio").Object, "data", "mesh").(string)
	var config map[string]any
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	if got := config["accessLogFile"]; got != "" && got != nil {
		t.Errorf("accessLogFile: got %v, want it off", got)
	}
	if got := config["enablePrometheusMerge"]; got != false {
		t.Errorf("enablePrometheusMerge: got %v, want false", got)
	}
	values, _ := dig(find(m.Core, "ConfigMap", "istio-sidecar-injector").Object, "data", "values").(string)
	var injected map[string]any
	if err := yaml.Unmarshal([]byte(values), &injected); err != nil {
		t.Fatal(err)
	}
	if got := dig(injected, "global", "nativeNftables"); got != true {
		t.Errorf("nativeNftables: got %v, want true", got)
	}
	if got := dig(injected, "global", "proxy", "readinessPeriodSeconds"); got != 1.0 {
		t.Errorf("readinessPeriodSeconds: got %v, want 1", got)
	}
}

func TestRenderOptions(t *testing.T) {
	plain, again := rendered(t, Options{}), rendered(t, Options{})
	if plain.Sum != again.Sum {
		t.Errorf("got sums %s and %s of the same options, want one", plain.Sum, again.Sum)
	}
	if len(plain.Gateway) != 0 {
		t.Errorf("got %d objects of a gateway, want none", len(plain.Gateway))
	}
	other := rendered(
		t,
		Options{Hub: "docker.io/istio", Tag: "1.31.0", Values: []string{"values.pilot.env.PILOT_DEBOUNCE_AFTER=10ms"}},
	)
	if other.Sum == plain.Sum {
		t.Errorf("got sum %s of two different options, want two", other.Sum)
	}
	istiod := find(other.Core, "Deployment", "istiod")
	got := dig(istiod.Object, "spec", "template", "spec", "containers", "image")
	if got != "docker.io/istio/pilot:1.31.0" {
		t.Errorf("got image %v, want docker.io/istio/pilot:1.31.0", got)
	}
	if _, err := Render(Options{Values: []string{"values.global.noSuchThing=1"}}); err == nil {
		t.Error("got no error of an unknown value, want one")
	}
}

// Istio's own releases have the filters that the lab's proxy image lacks, and iptables.
func TestReleasedImagesKeepIstiosOwnSettings(t *testing.T) {
	env := func(o Options, name string) string {
		container, _ := dig(find(rendered(t, o).Core, "Deployment", "istiod").Object, "spec", "template", "spec",
			"containers").([]any)
		list, _ := dig(container, "env").([]any)
		for _, v := range list {
			if v, _ := v.(map[string]any); v["name"] == name {
				value, _ := v["value"].(string)
				return value
			}
		}
		return ""
	}
	const filter = "PILOT_ENABLE_METADATA_EXCHANGE"
	if got := env(Options{}, filter); got != "false" {
		t.Errorf("the lab's own images: got %s=%q, want false", filter, got)
	}
	released := Options{Hub: "registry.example.com/istio", Tag: "1.2.3", Released: true}
	if got := env(released, filter); got == "false" {
		t.Errorf("released images: got %s=%q, want Istio's default", filter, got)
	}
	if got, want := rendered(t, released).Images, []string{
		"registry.example.com/istio/pilot:1.2.3", "registry.example.com/istio/proxyv2:1.2.3",
	}; !slices.Equal(
		got,
		want,
	) {
		t.Errorf("got images %q, want %q", got, want)
	}
}
