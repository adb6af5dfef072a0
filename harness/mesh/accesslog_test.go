package mesh

import (
	"strings"
	"testing"

	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/validation/envoyfilter"

	"google.golang.org/protobuf/encoding/protojson"
	networking "istio.io/api/networking/v1alpha3"
	"sigs.k8s.io/yaml"
)

// Istio's own validation accepts the filter, and each place on a request's way has its own logger.
func TestAccessLogFilterIsValid(t *testing.T) {
	b := AccessLogFilter("demo", "collector.demo", true, "x-app-version", "x-app-serial")
	var object struct {
		Metadata struct{ Namespace, Name string } `json:"metadata"`
		Spec     map[string]any                   `json:"spec"`
	}
	if err := yaml.Unmarshal(b, &object); err != nil {
		t.Fatal(err)
	}
	spec, err := yaml.Marshal(object.Spec)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := yaml.YAMLToJSON(spec)
	if err != nil {
		t.Fatal(err)
	}
	var filter networking.EnvoyFilter
	if err := protojson.Unmarshal(asJSON, &filter); err != nil {
		t.Fatalf("got %s: %v", asJSON, err)
	}
	if _, err := envoyfilter.ValidateEnvoyFilter(config.Config{Meta: config.Meta{
		Name: object.Metadata.Name, Namespace: object.Metadata.Namespace,
	}, Spec: &filter}); err != nil {
		t.Errorf("got %v", err)
	}
	for _, want := range []string{
		ClientLog, ServerLog, GatewayLog, "outbound|9000||collector.demo.svc.cluster.local", "%UPSTREAM_CLUSTER_RAW%",
		"x-app-serial", "/dev/stdout", "TcpGrpcAccessLogConfig",
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("got no %q in\n%s", want, b)
		}
	}
	if len(filter.ConfigPatches) != 6 || object.Metadata.Namespace != "demo" {
		t.Errorf("got %d patches in namespace %q, want 6 in demo", len(filter.ConfigPatches), object.Metadata.Namespace)
	}
	if b := AccessLogFilter("demo", "collector.demo", false); strings.Contains(string(b), tcpProxy) {
		t.Errorf("got TCP connections logged that nobody asked for:\n%s", b)
	}
}
