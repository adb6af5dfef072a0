package realmesh

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/scenarios"
)

// A guest has rights in one namespace that was made for scenarios, and none beyond but to read in Istio's. The
// namespace enforces Pod Security's profile restricted, and has a quota. A story passes there all the same, uses no
// right that was not granted, and leaves the namespace as it was.
func TestAGuestWithFewRights(t *testing.T) {
	labtest.ByTurns(t, turnOfGuest)
	ctx := t.Context()
	host := theLab.Open(ctx, t)
	if host.Borrowed() || host.Volume() == nil {
		t.Skip("Istio's CNI node agent is played by this test, which takes a cluster of this machine's processes")
	}
	const revision, ns = "cni", "guest-1"
	secondIstio(t, host, revision, "unvalidatedValues.pilot.cni.enabled=true")
	k := host.Kube()
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns, Labels: map[string]string{
		"istio.io/rev": revision, "pod-security.kubernetes.io/enforce": "restricted",
	}}}
	if _, err := k.Kubernetes().CoreV1().Namespaces().Create(ctx, made, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.DeleteNamespace(context.WithoutCancel(ctx), ns); err != nil {
			t.Error(err)
		}
	})
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "all"}, Spec: corev1.ResourceQuotaSpec{
		Hard: corev1.ResourceList{
			"pods": resource.MustParse("10"), "requests.cpu": resource.MustParse("3"),
			"requests.memory": resource.MustParse("4Gi"), "limits.cpu": resource.MustParse("40"),
			"limits.memory": resource.MustParse("20Gi"),
		},
	}}
	if _, err := k.Kubernetes().CoreV1().ResourceQuotas(ns).Create(ctx, quota, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	captureTraffic(t)

	audit := labtest.NewAudit(t, host)
	loan := labtest.Loan{User: "guest", Namespaces: []string{ns}, Through: audit}
	options, end := labtest.LendTo(t, host, loan)
	t.Cleanup(end)
	guest := labtest.Opener{Options: func() lab.Options { return options }}
	s, err := scenarios.Find("label-mismatch")
	if err != nil {
		t.Fatal(err)
	}
	rep, err := guest.Steady(ctx, t, s, harness.Options{})
	if err != nil {
		t.Fatal(err)
	}
	labtest.Passed(t, rep)
	if left, err := k.Applied(ctx, ns); err != nil || len(left) > 0 {
		t.Errorf("got %d objects left in the namespace (%v), want it as it was", len(left), err)
	}
	if err := lab.Down(ctx, options, false); err != nil {
		t.Error(err)
	}
	// It is still there, and no other was made.
	all := labtest.Namespaces(t, k)
	if !slices.Contains(all, ns+" Active") || slices.ContainsFunc(all, func(s string) bool {
		return strings.HasPrefix(s, "label-mismatch")
	}) {
		t.Errorf("got namespaces %q, want the one that was made, and none of the story's name", all)
	}
	granted := grantedBy(t, loan)
	t.Logf("verbs used by %s:\n%s", s.Name, strings.Join(audit.Used(), "\n"))
	for _, use := range audit.Used() {
		// These are everybody's: what may I do?
		if !granted[use] && use != "create selfsubjectaccessreviews.authorization.k8s.io in the cluster" {
			t.Errorf("got %s, want no right used that was not granted", use)
		}
	}
}

// grantedBy are the rights of a loan, in the words of an Audit.
func grantedBy(t *testing.T, loan labtest.Loan) map[string]bool {
	t.Helper()
	manifest, err := lab.RBAC(lab.Grant{Users: []string{loan.User}, Namespaces: loan.Namespaces})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := kube.Objects(manifest)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, o := range objects {
		if strings.HasSuffix(o.GetKind(), "Binding") {
			continue
		}
		if o.GetKind() != "Role" {
			t.Errorf("got a %s, want nothing cluster-wide", o.GetKind())
		}
		for _, r := range o.Object["rules"].([]any) {
			rule := r.(map[string]any)
			for _, res := range rule["resources"].([]any) {
				for _, verb := range rule["verbs"].([]any) {
					what := strings.TrimSuffix(fmt.Sprint(res, ".", rule["apiGroups"].([]any)[0]), ".")
					all[fmt.Sprint(verb, " ", what, " in ", o.GetNamespace())] = true
				}
			}
		}
	}
	return all
}

// captureTraffic plays Istio's CNI node agent until the test ends. With it no pod has a container that may change its
// network: the agent captures the pod's traffic from outside. Here, whatever a pod's istio-validation checks is made by
// the same program with the same arguments, in the pod's network, by root.
func captureTraffic(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("it takes root to get into a pod's network")
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		seen := map[string]bool{}
		for ; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
			files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, file := range files {
				raw, err := os.ReadFile(file)
				if err != nil || !bytes.Contains(raw, []byte("--run-validation")) {
					continue
				}
				proc := filepath.Dir(file)
				network, err := os.Readlink(filepath.Join(proc, "ns/net"))
				if err != nil || seen[network] {
					continue
				}
				seen[network] = true
				args := strings.Split(strings.TrimRight(string(raw), "\x00"), "\x00")[1:]
				args = slices.DeleteFunc(args, func(a string) bool {
					return a == "--run-validation" || a == "--skip-rule-apply"
				})
				args = append([]string{"--net=" + filepath.Join(proc, "ns/net"), filepath.Join(proc, "exe")}, args...)
				out, err := exec.CommandContext(ctx, "nsenter", args...).CombinedOutput()
				if err != nil && ctx.Err() == nil {
					t.Logf("capture the traffic of %s: %v\n%s", proc, err, out)
					seen[network] = false
				}
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
}
