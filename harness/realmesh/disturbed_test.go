package realmesh

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/scenarios"
)

// quietStory is nothing but v1 answering everything, for two phases.
func quietStory(t *testing.T) harness.Scenario {
	t.Helper()
	files := fstest.MapFS{"undisturbed/1-baseline.yaml": {Data: baseline(t, "undisturbed")}}
	claims := []expect.Expectation{expect.Share("v1", 100), expect.NoErrors()}
	return harness.Scenario{
		Name: "undisturbed", Title: "Nothing happens", Files: files, Canary: "v2",
		Load: loadgen.Plan{URL: "http://my-service/", Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: 200}}},
		Phases: []harness.Phase{
			{Name: "baseline", Do: harness.Apply("1-baseline.yaml"), Expect: claims},
			{Name: "disturbed", Expect: claims},
		},
	}
}

// baseline is the first file of a scenario of the catalogue, put into another namespace.
func baseline(t *testing.T, ns string) []byte {
	t.Helper()
	const from = "weighted-rollout"
	s, err := scenarios.Find(from)
	if err != nil {
		t.Fatal(err)
	}
	b, err := fs.ReadFile(s.Files, from+"/1-baseline.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(b, []byte(from), []byte(ns))
}

// A disturber does something when a step begins.
type disturber struct {
	labtest.Steps
	step string
	once sync.Once
	do   func() error
	done chan error
}

func disturb(step string, do func() error) *disturber {
	return &disturber{step: step, do: do, done: make(chan error, 1)}
}

// Step implements progress.Progress.
func (d *disturber) Step(name string) func(error) {
	if strings.Contains(name, d.step) {
		d.once.Do(func() { go func() { d.done <- d.do() }() })
	}
	return d.Steps.Step(name)
}

// Whatever happens to the lab itself, the report says so, and nothing that it can't vouch for passes.
func TestDisturbedRunsAreFoundOut(t *testing.T) {
	ctx := t.Context()
	l := theLab.Open(ctx, t)
	k := l.Kube()
	const ns = "undisturbed"
	for _, test := range []struct {
		name    string
		disturb func() error
		// want are the outcomes that are right: what else a disturbance costs on a small machine is not the
		// same each time.
		want []reports.Outcome
		// trouble is in what the report says happened; unexplained is how many requests it can't explain, -1
		// for any number.
		trouble     string
		unexplained int
		broken      string
	}{
		{name: "nothing"},
		{
			name: "37 requests behind the recorder's back", want: []reports.Outcome{reports.Invalid}, unexplained: 37,
			disturb: func() error { return sendToApp(ctx, k, ns, 37) },
		},
		{
			name: "access log collector gone", want: []reports.Outcome{reports.Invalid}, trouble: "canarylab-accesslog",
			unexplained: -1,
			disturb:     func() error { return deletePods(ctx, k, ns, "app=canarylab-accesslog") },
		},
		{
			name: "istiod killed", want: []reports.Outcome{reports.Inconclusive, reports.Invalid}, trouble: "istiod",
			disturb: func() error { return deletePods(ctx, k, "istio-system", "app=istiod") },
		},
		{
			name: "proxy dies", want: []reports.Outcome{reports.Fail, reports.Invalid},
			trouble: "the access log stream of my-service-v1", unexplained: -1,
			disturb: func() error { return quitProxy(ctx, k, ns, "app=my-service,version=v1") },
		},
		{
			name: "load client evicted", want: []reports.Outcome{reports.Inconclusive, reports.Invalid},
			trouble: "load-client", unexplained: -1, broken: "the load broke off",
			disturb: func() error { return deletePods(ctx, k, ns, "app=load-client") },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.disturb == nil {
				rep, err := theLab.Steady(ctx, t, quietStory(t), harness.Options{})
				if err != nil {
					t.Fatal(err)
				}
				labtest.Passed(t, rep)
				return
			}
			d := disturb("phase 2 of 2", test.disturb)
			rep, err := theLab.Play(ctx, t, quietStory(t), harness.Options{Progress: d})
			if (err != nil) != (test.broken != "") || rep == nil {
				t.Fatalf("got error %v, want %q", err, test.broken)
			}
			if err := <-d.done; err != nil {
				t.Fatalf("disturb the run: %v", err)
			}
			var troubles []string
			for _, e := range rep.Accounting.Troubles {
				troubles = append(troubles, e.Text)
			}
			if all := strings.Join(troubles, "; "); test.trouble == "" && all != "" || !strings.Contains(
				all, test.trouble,
			) {
				t.Errorf("got troubles %q, want %q", all, test.trouble)
			}
			if n := rep.Accounting.UnexplainedTotal; test.unexplained >= 0 && n != test.unexplained {
				t.Errorf("got %d things that are not explained, want %d: %+v", n, test.unexplained,
					rep.Accounting.Unexplained)
			}
			if test.unexplained > 0 && rep.Accounting.Unexplained[0].Phase != "disturbed" {
				t.Errorf("got %+v, want phase disturbed", rep.Accounting.Unexplained[0])
			}
			if !strings.Contains(rep.Broken, test.broken) {
				t.Errorf("got broken %q, want %q", rep.Broken, test.broken)
			}
			if !slices.Contains(test.want, rep.Outcome) {
				t.Errorf("got outcome %s, want %s: %q, %q", rep.Outcome, test.want, rep.Accounting.Problems, troubles)
			}
			settleAfter(ctx, t, k)
		})
	}
}

// A proxy that would not take a configuration is named with its reason.
func TestRefusedConfigurationIsFoundOut(t *testing.T) {
	ctx := t.Context()
	theLab.Open(ctx, t)
	s := quietStory(t)
	// Istio takes it as it is; Envoy does not: a drain can't take negative time.
	s.Files.(fstest.MapFS)["undisturbed/2-refused.yaml"] = &fstest.MapFile{Data: []byte(`
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata:
  name: refused
  namespace: undisturbed
spec:
  workloadSelector:
    labels:
      app: load-client
  configPatches:
  - applyTo: NETWORK_FILTER
    match:
      context: SIDECAR_OUTBOUND
      listener:
        filterChain:
          filter:
            name: envoy.filters.network.http_connection_manager
    patch:
      operation: MERGE
      value:
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          drain_timeout: -1s
`)}
	s.Phases[1].Do = harness.Apply("2-refused.yaml")
	rep, err := theLab.Play(ctx, t, s, harness.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := rep.Phases[1].Observation.Change
	if c == nil || len(c.Rejections) == 0 || !strings.Contains(
		c.Rejections[0], "load-client",
	) || rep.Outcome == reports.Pass {
		t.Errorf("got change %+v and outcome %s, want the load client's refusal and no pass", c, rep.Outcome)
	}
}

// sendToApp asks v1's pod past every proxy.
func sendToApp(ctx context.Context, k *kube.Client, ns string, n int) error {
	pod, err := onePod(ctx, k, ns, "app=my-service,version=v1")
	if err != nil {
		return err
	}
	c := k.PodHTTP(ns, pod, 8080)
	defer c.CloseIdleConnections()
	for range n {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/", nil)
		if err != nil {
			return err
		}
		resp, err := c.Do(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func onePod(ctx context.Context, k *kube.Client, ns, selector string) (string, error) {
	pods, err := k.Pods(ctx, ns, selector)
	if err != nil {
		return "", err
	}
	if len(pods) != 1 {
		return "", fmt.Errorf("got %d pods %s, want one", len(pods), selector)
	}
	return pods[0].Name, nil
}

func deletePods(ctx context.Context, k *kube.Client, ns, selector string) error {
	now := int64(0)
	return k.Kubernetes().CoreV1().Pods(ns).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now},
		metav1.ListOptions{LabelSelector: selector})
}

// quitProxy ends an Envoy.
func quitProxy(ctx context.Context, k *kube.Client, ns, selector string) error {
	pod, err := onePod(ctx, k, ns, selector)
	if err != nil {
		return err
	}
	c := k.PodHTTP(ns, pod, 15000)
	defer c.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/quitquitquit", nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// settleAfter gives a test that took something away the mesh back.
func settleAfter(ctx context.Context, t *testing.T, k *kube.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := k.WaitWorkloads(ctx, "istio-system"); err != nil {
		t.Error(err)
	}
}
