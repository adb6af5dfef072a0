package conformance

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/canarylab/canarylab/harness/mesh"
)

const (
	// home is the namespace that the suite runs in, and the name of all that it takes there.
	home       = "canarylab-conformance"
	suiteImage = "canarylab/conformance:dev"
	// startsWithin bounds how long its pod may take to start, which is a second or two; suiteWithin bounds the suite.
	startsWithin = time.Minute
	suiteWithin  = 40 * time.Minute
	// Between these lines the suite's pod prints its report.
	reportBegins, reportEnds = "--- report", "--- end of the report"
)

// runner are the pod that the suite runs in, and what it needs. It runs in the cluster because it sends to gateways,
// and those of a cluster without load balancers have addresses in it alone. It may do everything, as it makes
// namespaces and looks at everything that istiod makes of its Gateways.
func (s Suite) runner() []*unstructured.Unstructured {
	binding := object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", home, nil)
	binding.Object["roleRef"] = map[string]any{
		"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin",
	}
	binding.Object["subjects"] = []any{map[string]any{"kind": "ServiceAccount", "name": home, "namespace": home}}
	// A Service without a load balancer keeps the address that a Gateway waits for from it. This has istiod make them
	// for the cluster alone, and their names are the addresses (istio.io/istio, pilot/pkg/config/kube/gateway).
	inside := object("v1", "ConfigMap", mesh.Namespace, home, nil)
	inside.SetLabels(map[string]string{"gateway.istio.io/defaults-for-class": "istio"})
	inside.Object["data"] = map[string]any{"service": "spec:\n  type: ClusterIP\n"}
	args := []any{
		"-test.v", "-test.run=^TestConformance$", fmt.Sprint("-test.timeout=", suiteWithin),
		"-conformance-profiles=" + strings.Join(Profiles, ","),
		"-supported-features=" + strings.Join(supported, ","),
		"-skip-tests=" + strings.Join(slices.Sorted(maps.Keys(skipped)), ","),
		"-gateway-class=istio", "-namespace-labels=istio-injection=enabled",
		"-usable-address=infra-backend-v1.gateway-conformance-infra.svc.cluster.local",
		"-unusable-address=foo",
		"-organization=istio", "-project=istio", "-url=https://istio.io/", "-version=" + s.Istio,
		"-contact=none: this report is canarylab's", "-report-output=/tmp/report.yaml",
	}
	return []*unstructured.Unstructured{
		object("v1", "Namespace", "", home, nil), object("v1", "ServiceAccount", home, home, nil), binding, inside,
		object("v1", "Pod", home, home, map[string]any{
			"serviceAccountName": home, "restartPolicy": "Never",
			"activeDeadlineSeconds": int64(suiteWithin.Seconds()),
			"containers": []any{map[string]any{
				"name": home, "image": suiteImage, "imagePullPolicy": string(corev1.PullNever), "args": args,
				"env": []any{map[string]any{"name": "REPORT", "value": "/tmp/report.yaml"}},
			}},
		}),
	}
}

// test runs the suite and writes its report.
func (s Suite) test(ctx context.Context) error {
	if err := s.Kube.ApplyObjects(ctx, s.runner()); err != nil {
		return fmt.Errorf("start the suite: %w", err)
	}
	if err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, startsWithin, true, s.started); err != nil {
		return fmt.Errorf("start the suite: %w; %s", err, s.Kube.Explain(context.WithoutCancel(ctx), home, ""))
	}
	stream, err := s.Kube.FollowLog(ctx, home, home, home, time.Time{})
	if err != nil {
		return err
	}
	defer stream.Close()
	report, err := reportIn(io.TeeReader(stream, s.Log))
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("read what the suite says: %w", err)
	}
	return os.WriteFile(s.Report, report, 0o644)
}

// started tells whether the suite's pod has a log.
func (s Suite) started(ctx context.Context) (bool, error) {
	pods, err := s.Kube.Pods(ctx, home, "")
	return len(pods) == 1 && pods[0].Status.Phase != corev1.PodPending, err
}

// reportIn is the report in what the suite's pod prints.
func reportIn(log io.Reader) ([]byte, error) {
	var report bytes.Buffer
	within, ended := false, false
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20) // it logs whole objects
	for lines.Scan() {
		switch line := lines.Text(); {
		case line == reportBegins:
			within = true
		case line == reportEnds:
			within, ended = false, true
		case within:
			report.WriteString(line + "\n")
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if !ended {
		return nil, errors.New("the suite ended without a report; its log says why")
	}
	return report.Bytes(), nil
}
