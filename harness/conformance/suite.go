// Package conformance has the lab's mesh judged by a suite that others wrote: the Gateway API's.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
)

// module is the suite's nested module, below the source root.
const module = "harness/conformance/suite"

// Profiles are the suite's profiles that are asked for: those of a mesh.
var Profiles = []string{"MESH-HTTP", "MESH-GRPC"}

// supported are the features that the profiles' tests are chosen by: those of Istio's own list (SupportedFeatures in
// istio.io/istio, pilot/pkg/config/kube/gateway) that concern a mesh. Istio's own run leaves MeshClusterIPMatching out
// too (tests/integration/pilot/gateway_conformance_test.go).
var supported = []string{
	"Mesh", "HTTPRoute", "GRPCRoute", "HTTPRouteResponseHeaderModification", "HTTPRouteParentRefPort",
	"MeshConsumerRoute", "MeshHTTPRouteBackendRequestHeaderModification", "MeshHTTPRouteNamedRouteRule",
	"MeshHTTPRouteQueryParamMatching", "MeshHTTPRouteRedirectPath", "MeshHTTPRouteRedirectPort",
	"MeshHTTPRouteRewritePath", "MeshHTTPRouteSchemeRedirect",
}

// skipped are tests that Istio's own run skips too, and why.
var skipped = map[string]string{
	"MeshHTTPRoute307Redirect": "the test of this release of the suite is wrong; it is mended in a later one",
}

// The namespaces that the suite makes, and those it only waits for a pod in: its manifests for gateways make them,
// which are not applied for a mesh.
var (
	made    = []string{"gateway-conformance-mesh", "gateway-conformance-mesh-consumer", "gateway-conformance-infra"}
	awaited = []string{"gateway-conformance-app-backend", "gateway-conformance-web-backend"}
)

// A Suite is one run of the conformance suite.
type Suite struct {
	// Source is the root of the source tree, with the suite's module in it.
	Source string
	// Kube and Kubeconfig reach the cluster.
	Kube       *kube.Client
	Kubeconfig string
	// Provide brings Istio's echo workload to the cluster as images with these references.
	Provide func(ctx context.Context, refs ...string) error
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
	manifests, err := os.ReadFile(filepath.Join(suite, "mesh", "manifests.yaml"))
	if err != nil {
		return rep, fmt.Errorf("find the manifests in the suite's module: %w", err)
	}
	workloads, err := kube.Objects(manifests)
	if err != nil {
		return rep, fmt.Errorf("the suite's manifests: %w", err)
	}
	if err := s.Provide(ctx, imagesOf(workloads)...); err != nil {
		return rep, fmt.Errorf("bring Istio's echo workload to the cluster: %w", err)
	}
	defer func() {
		// The cluster is cleaned up also when ctx has ended.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
		defer cancel()
		err = errors.Join(err, s.remove(ctx, definitions))
	}()
	if err := s.Kube.ApplyObjects(ctx, append(definitions, placeholders()...)); err != nil {
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
	files, err := filepath.Glob(filepath.Join(dir, "config", "crd", "standard", "gateway.*.yaml"))
	if err != nil {
		return nil, err
	}
	var all []*unstructured.Unstructured
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		objects, err := kube.Objects(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, o := range objects {
			if o.GetKind() == "CustomResourceDefinition" {
				o.SetLabels(map[string]string{mesh.ManagedBy: mesh.Manager})
				all = append(all, o)
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no definitions of the Gateway API's kinds", dir)
	}
	return s.lacking(ctx, all)
}

// watchedWithin bounds how long istiod may take to see new kinds. It takes a second or two.
const watchedWithin = time.Minute

// awaitIstiod restarts istiod and waits until it has made its GatewayClass, by which it shows that it watches the
// Gateway API's kinds (istio.io/istio, pilot/pkg/config/kube/gateway: ClassController). An istiod that had the kinds
// before, and lost them, looks for them again less and less often: a route that is written then is held by no proxy for
// a minute, and the suite sends its requests all the same.
func (s Suite) awaitIstiod(ctx context.Context) error {
	if err := s.RestartIstiod(ctx); err != nil {
		return fmt.Errorf("restart istiod for the Gateway API's kinds: %w", err)
	}
	class := kube.RefOf(object("gateway.networking.k8s.io/v1", "GatewayClass", "", "istio", nil))
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, watchedWithin, true,
		func(ctx context.Context) (bool, error) {
			got, err := s.Kube.Find(ctx, class)
			return got != nil, err
		})
	if err != nil {
		return fmt.Errorf("wait for istiod to make GatewayClass istio: %w", err)
	}
	return nil
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

// suiteWithin bounds the suite, which takes two minutes and a half on two cores.
const suiteWithin = 20 * time.Minute

// test builds the suite and runs it.
func (s Suite) test(ctx context.Context) error {
	if err := os.Remove(s.Report); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "suite")
	if out, err := s.gocmd(ctx, "test", "-c", "-o", program, ".").CombinedOutput(); err != nil {
		return fmt.Errorf("build the suite: %w: %s", err, out)
	}
	cmd := exec.CommandContext(ctx, program, "-test.v", "-test.run=^TestConformance$",
		fmt.Sprint("-test.timeout=", suiteWithin),
		"-conformance-profiles="+strings.Join(Profiles, ","),
		"-supported-features="+strings.Join(supported, ","),
		"-skip-tests="+strings.Join(slices.Sorted(maps.Keys(skipped)), ","),
		"-namespace-labels=istio-injection=enabled",
		"-organization=istio", "-project=istio", "-url=https://istio.io/", "-version="+s.Istio,
		"-contact=none: this report is canarylab's", "-report-output="+s.Report)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+s.Kubeconfig)
	cmd.Stdout, cmd.Stderr = s.Log, s.Log
	// Whoever is killed takes the suite along, which would go on to write to the cluster. That holds by thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = cmd.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if _, missing := os.Stat(s.Report); missing != nil {
		return fmt.Errorf("the suite ended without a report: %w; its log says why", err)
	}
	return nil
}

// remove takes everything away that the suite and its preparation made.
func (s Suite) remove(ctx context.Context, definitions []*unstructured.Unstructured) error {
	var errs []error
	// All are told to go before one is waited for.
	for _, ns := range slices.Concat(made, awaited) {
		errs = append(errs, s.Kube.Delete(ctx, kube.RefOf(object("v1", "Namespace", "", ns, nil))))
	}
	for _, ns := range slices.Concat(made, awaited) {
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

// placeholders are the namespaces that the suite only waits for a pod in, each with one that does nothing.
func placeholders() []*unstructured.Unstructured {
	var all []*unstructured.Unstructured
	for _, ns := range awaited {
		all = append(all, object("v1", "Namespace", "", ns, nil), object("v1", "Pod", ns, "placeholder", map[string]any{
			"containers": []any{map[string]any{
				"name": "pause", "image": images.Pause, "imagePullPolicy": string(corev1.PullIfNotPresent),
			}},
		}))
	}
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
