// Package conformance has the lab's mesh judged by a suite that others wrote: the Gateway API's.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
)

// module is the suite's nested module, below the source root.
const module = "harness/conformance/suite"

// Profiles are the suite's profiles that are asked for: HTTP and gRPC, in a mesh and at its gateways.
var Profiles = []string{"MESH-HTTP", "MESH-GRPC", "GATEWAY-HTTP", "GATEWAY-GRPC"}

// supported are the features that the profiles' tests are chosen by: those of Istio's own list (SupportedFeatures in
// istio.io/istio, pilot/pkg/config/kube/gateway) that concern these profiles. Istio's own run leaves
// MeshClusterIPMatching out too (tests/integration/pilot/gateway_conformance_test.go).
var supported = []string{
	"Mesh", "MeshConsumerRoute", "MeshHTTPRouteBackendRequestHeaderModification", "MeshHTTPRouteNamedRouteRule",
	"MeshHTTPRouteQueryParamMatching", "MeshHTTPRouteRedirectPath", "MeshHTTPRouteRedirectPort",
	"MeshHTTPRouteRewritePath", "MeshHTTPRouteSchemeRedirect",

	"Gateway", "GatewayAddressEmpty", "GatewayHTTPListenerIsolation", "GatewayInfrastructurePropagation",
	"GatewayPort8080", "GatewayStaticAddresses", "ReferenceGrant", "GRPCRoute", "HTTPRoute",
	"HTTPRouteBackendProtocolH2C", "HTTPRouteBackendProtocolWebSocket", "HTTPRouteBackendRequestHeaderModification",
	"HTTPRouteBackendTimeout", "HTTPRouteCORS", "HTTPRouteDestinationPortMatching", "HTTPRouteHostRewrite",
	"HTTPRouteMethodMatching", "HTTPRouteNamedRouteRule", "HTTPRouteParentRefPort", "HTTPRoutePathRedirect",
	"HTTPRoutePathRewrite", "HTTPRoutePortRedirect", "HTTPRouteQueryParamMatching", "HTTPRouteRequestMirror",
	"HTTPRouteRequestMultipleMirrors", "HTTPRouteRequestPercentageMirror", "HTTPRouteRequestTimeout",
	"HTTPRouteResponseHeaderModification", "HTTPRouteSchemeRedirect",
}

// skipped are tests that Istio's own run skips too, and why.
var skipped = map[string]string{
	"MeshHTTPRoute307Redirect":                        "this release's test is wrong; it is mended in a later one",
	"HTTPRouteHTTPSListenerDetectMisdirectedRequests": "later than Istio's own run, which leaves it out so far",
	"GatewayListenerUnsupportedProtocol":              "later than Istio's own run, which leaves it out so far",
}

// made are the namespaces that the suite makes.
var made = []string{
	"gateway-conformance-mesh", "gateway-conformance-mesh-consumer", "gateway-conformance-infra",
	"gateway-conformance-app-backend", "gateway-conformance-web-backend",
}

// A Suite is one run of the conformance suite.
type Suite struct {
	// Source is the root of the source tree, with the suite's module in it.
	Source string
	Kube   *kube.Client
	// ProvideEcho brings Istio's echo workload to the cluster as images with these references, and ProvideProgram a
	// program.
	ProvideEcho    func(ctx context.Context, refs ...string) error
	ProvideProgram func(ctx context.Context, file string, refs ...string) error
	// RestartIstiod has istiod begin anew, and waits until it serves.
	RestartIstiod func(ctx context.Context) error
	// Istio is the version of the Istio that is judged.
	Istio string
	// Report is the file that the suite's official report is written to.
	Report string
	// Log gets what the suite prints.
	Log io.Writer
}

// Run has the suite judge the cluster, and returns its report. Definitions of the Gateway API's kinds that the
// cluster has already must be of the suite's release, and stay; else they are made, and taken away with all that the
// suite made.
// Tests that fail are no error: the report has them.
func (s Suite) Run(ctx context.Context) (rep Report, err error) {
	definitions, err := s.definitions(ctx)
	if err != nil {
		return rep, err
	}
	suite, err := s.moduleDir(ctx, "sigs.k8s.io/gateway-api/conformance")
	if err != nil {
		return rep, err
	}
	if err := s.provide(ctx, suite); err != nil {
		return rep, err
	}
	defer func() {
		// The cluster is cleaned up also when ctx has ended.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
		defer cancel()
		err = errors.Join(err, s.remove(ctx, definitions))
	}()
	if err := s.Kube.ApplyObjects(ctx, definitions); err != nil {
		return rep, fmt.Errorf("prepare the cluster for the suite: %w", err)
	}
	if len(definitions) > 0 {
		if err := s.awaitIstiod(ctx); err != nil {
			return rep, err
		}
	}
	if err := s.test(ctx); err != nil {
		return rep, err
	}
	return ReadReport(s.Report)
}

// Published returns the latest report that Istio's project has published with the suite.
func (s Suite) Published(ctx context.Context) (Report, error) {
	dir, err := s.moduleDir(ctx, "sigs.k8s.io/gateway-api/conformance")
	if err != nil {
		return Report{}, err
	}
	return published(dir)
}

// definitions returns the definitions of the Gateway API's kinds that the cluster lacks: all, or none.
func (s Suite) definitions(ctx context.Context) ([]*unstructured.Unstructured, error) {
	dir, err := s.moduleDir(ctx, "sigs.k8s.io/gateway-api")
	if err != nil {
		return nil, err
	}
	all, err := mesh.GatewayAPIDefinitions(filepath.Join(dir, "config", "crd", "standard", "gateway.*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no definitions of the Gateway API's kinds", dir)
	}
	return s.lacking(ctx, all)
}

// watchedWithin bounds how long istiod may take to see new kinds. It takes a second or two.
const watchedWithin = time.Minute

// awaitIstiod restarts istiod and waits until it watches the Gateway API's kinds. Without the restart a route may be
// held by no proxy for a minute, and the suite sends its requests all the same.
func (s Suite) awaitIstiod(ctx context.Context) error {
	if err := s.RestartIstiod(ctx); err != nil {
		return fmt.Errorf("restart istiod for the Gateway API's kinds: %w", err)
	}
	return mesh.AwaitGatewayClass(ctx, s.Kube, watchedWithin)
}

// release is the annotation of a definition with the release of the Gateway API that it is of.
const release = "gateway.networking.k8s.io/bundle-version"

// lacking returns all if the cluster has none of them. It fails if the cluster has one of another release: the suite
// judges one release alone, and somebody else's definitions are not replaced.
func (s Suite) lacking(ctx context.Context, all []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	there := false
	for _, want := range all {
		got, err := s.Kube.Find(ctx, kube.RefOf(want))
		if err != nil {
			return nil, fmt.Errorf("look for the Gateway API on the cluster: %w", err)
		}
		if got == nil || got.GetLabels()[mesh.ManagedBy] == mesh.Manager {
			continue // what a killed run left is made again, and goes
		}
		there = true
		if has, wants := got.GetAnnotations()[release], want.GetAnnotations()[release]; has != wants {
			return nil, fmt.Errorf("the cluster has %s of the Gateway API %s, and the suite judges %s: take a cluster "+
				"without it or with that release", got.GetName(), has, wants)
		}
	}
	if there {
		return nil, nil
	}
	return all, nil
}

// moduleDir is where the go command keeps the source of a module that the suite's module needs.
func (s Suite) moduleDir(ctx context.Context, path string) (string, error) {
	cmd := s.gocmd(ctx, "mod", "download", path)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch %s: %w: %s", path, err, out)
	}
	out, err := s.gocmd(ctx, "list", "-m", "-f", "{{.Dir}}", path).Output()
	if err != nil {
		return "", fmt.Errorf("find the source of %s: %w", path, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// gocmd is the go command in the suite's module.
func (s Suite) gocmd(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(s.Source, module)
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly -trimpath")
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// provide brings all images to the cluster: those that the suite's manifests name, and the suite itself.
func (s Suite) provide(ctx context.Context, suite string) error {
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program, echo := filepath.Join(dir, "suite"), filepath.Join(dir, "echo-basic")
	for _, args := range [][]string{
		{"test", "-c", "-ldflags=-s -w", "-o", program, "."},
		{"build", "-ldflags=-s -w", "-o", echo, "sigs.k8s.io/gateway-api/conformance/echo-basic"},
	} {
		if out, err := s.gocmd(ctx, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("build the suite: %w: %s", err, out)
		}
	}
	if err := s.ProvideProgram(ctx, program, suiteImage); err != nil {
		return fmt.Errorf("bring the suite to the cluster: %w", err)
	}
	for _, part := range []struct {
		folder, what string
		provide      func(ctx context.Context, refs ...string) error
	}{
		{"mesh", "Istio's echo workload", s.ProvideEcho},
		// Among them is a DNS server for routes of UDP, which nobody asks: it only has to be there.
		{"base", "the suite's echo workload", func(ctx context.Context, refs ...string) error {
			return s.ProvideProgram(ctx, echo, refs...)
		}},
	} {
		manifests, err := os.ReadFile(filepath.Join(suite, part.folder, "manifests.yaml"))
		if err != nil {
			return fmt.Errorf("find the manifests in the suite's module: %w", err)
		}
		workloads, err := kube.Objects(manifests)
		if err != nil {
			return fmt.Errorf("the suite's manifests: %w", err)
		}
		if err := part.provide(ctx, imagesOf(workloads)...); err != nil {
			return fmt.Errorf("bring %s to the cluster: %w", part.what, err)
		}
	}
	return nil
}

// remove takes everything away that the suite and its preparation made.
func (s Suite) remove(ctx context.Context, definitions []*unstructured.Unstructured) error {
	var errs []error
	all := append(slices.Clone(made), home)
	// All are told to go before one is waited for.
	for _, ns := range all {
		errs = append(errs, s.Kube.Delete(ctx, kube.RefOf(object("v1", "Namespace", "", ns, nil))))
	}
	for _, o := range s.runner() {
		if o.GetNamespace() != home {
			errs = append(errs, s.Kube.Delete(ctx, kube.RefOf(o)))
		}
	}
	for _, ns := range all {
		errs = append(errs, s.Kube.DeleteNamespace(ctx, ns))
	}
	for _, o := range definitions {
		errs = append(errs, s.Kube.Delete(ctx, kube.RefOf(o)))
	}
	if len(definitions) > 0 {
		errs = append(errs, s.RestartIstiod(ctx)) // it goes on to ask for kinds that are gone
	}
	return errors.Join(errs...)
}

// imagesOf returns the images of workloads' containers, each once.
func imagesOf(workloads []*unstructured.Unstructured) []string {
	var all []string
	for _, w := range workloads {
		containers, _, _ := unstructured.NestedSlice(w.Object, "spec", "template", "spec", "containers")
		for _, c := range containers {
			if c, ok := c.(map[string]any); ok {
				if image, ok := c["image"].(string); ok && !slices.Contains(all, image) {
					all = append(all, image)
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

func object(version, kind, ns, name string, spec map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{}}
	o.SetAPIVersion(version)
	o.SetKind(kind)
	o.SetName(name)
	if ns != "" {
		o.SetNamespace(ns)
	}
	if spec != nil {
		o.Object["spec"] = spec
	}
	return o
}
