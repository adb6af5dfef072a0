package lab_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/canarylab/canarylab/harness/cluster/embedded"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/harness/progress"
	"github.com/canarylab/canarylab/loadgen"
)

// firstApp is the least that a request through two sidecars takes: a service, and a caller.
const firstApp = `
apiVersion: v1
kind: Namespace
metadata: {name: first, labels: {istio-injection: enabled, app.kubernetes.io/managed-by: canarylab}}
---
apiVersion: v1
kind: Service
metadata: {name: my-service, namespace: first}
spec: {selector: {app: my-service}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: my-service, namespace: first}
spec:
  selector: {matchLabels: {app: my-service}}
  template:
    metadata: {labels: {app: my-service}}
    spec:
      containers:
      - name: app
        image: canarylab/sampleapp:dev
        args: [--version=v1]
        readinessProbe: {httpGet: {path: /readyz, port: 8081}, periodSeconds: 1}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: caller, namespace: first}
spec:
  selector: {matchLabels: {app: caller}}
  template:
    metadata: {labels: {app: caller}}
    spec: {containers: [{name: loadgen, image: "canarylab/loadgen:dev", args: [wait]}]}
`

// firstRequest returns when a request from the caller through both sidecars was answered by the app.
func firstRequest(ctx context.Context, k *kube.Client) error {
	var last error
	for {
		if last = tryRequest(ctx, k); last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), last)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func tryRequest(ctx context.Context, k *kube.Client) error {
	pods, err := k.Pods(ctx, "first", "app=caller")
	if err != nil {
		return err
	}
	if len(pods) == 0 {
		return errors.New("no caller is ready")
	}
	var plan, stderr bytes.Buffer
	if err := loadgen.WritePlan(&plan, loadgen.Plan{
		Run: "first", URL: "http://my-service/", Duration: 50 * time.Millisecond, Timeout: time.Second,
		Cohorts: []loadgen.Cohort{{Name: "first", Rate: 100}},
	}); err != nil {
		return err
	}
	// stdin has to stay open for as long as the load is to go on, and the agent waits for its end then.
	in, end := io.Pipe()
	from, out := io.Pipe()
	executed := make(chan error, 1)
	go func() {
		attack := []string{"/loadgen", "attack"}
		err := k.Exec(ctx, "first", pods[0].Name, "loadgen", attack, in, out, &stderr)
		_ = out.Close()
		_ = in.Close()
		executed <- err
	}()
	go func() { _, _ = end.Write(plan.Bytes()) }()
	answered := false
	_, err = loadgen.Decode(from, loadgen.Handler{
		Samples: func(samples []loadgen.Sample) {
			for _, s := range samples {
				answered = answered || s.Code == 200 && s.Version == "v1"
			}
		},
		End: func(loadgen.End) { _ = end.Close() },
	})
	_ = end.Close()
	_ = from.Close()
	if failed := <-executed; failed != nil {
		return fmt.Errorf("%w: %s", failed, stderr.String())
	}
	if err == nil && !answered {
		err = errors.New("the app has not answered")
	}
	return err
}

// whole is the step that the others are parts of.
const whole = "from nothing to the first request"

// upToFirstRequest brings the lab up, deploys the app, and returns how long each step took.
func upToFirstRequest(b *testing.B, name string) []progress.Step {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	began := time.Now()
	l, err := lab.Open(ctx, lab.Options{Name: name})
	if err != nil {
		b.Fatal(err)
	}
	deployed := time.Now()
	if _, err := l.Kube().Apply(ctx, []byte(firstApp)); err != nil {
		b.Fatal(err)
	}
	if err := firstRequest(ctx, l.Kube()); err != nil {
		b.Fatal(err)
	}
	ended := time.Now()
	if err := l.Settle(); err != nil {
		b.Fatal(err)
	}
	return append(l.Steps(),
		progress.Step{Name: "app and first request", Took: ended.Sub(deployed)},
		progress.Step{Name: whole, Took: ended.Sub(began)})
}

// BenchmarkUp measures from nothing to the first request through a sidecar, on a new cluster and on kept state, with
// everything built. It prints the medians by step, each with its share of the whole.
func BenchmarkUp(b *testing.B) {
	p, set := newProvider(b)
	if _, err := set(b.Context()); err != nil {
		b.Fatal(err)
	}
	const name = "bench"
	b.Cleanup(func() { _ = p.Down(context.Background(), name, false) })
	for _, keep := range []bool{false, true} {
		b.Run(map[bool]string{false: "new", true: "kept"}[keep], func(b *testing.B) {
			took := map[string][]time.Duration{}
			var order []string
			var memory uint64
			for b.Loop() {
				b.StopTimer()
				if err := p.Down(b.Context(), name, keep); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				for _, s := range upToFirstRequest(b, name) {
					if took[s.Name] == nil {
						order = append(order, s.Name)
					}
					took[s.Name] = append(took[s.Name], s.Took)
				}
				b.StopTimer()
				memory = labtest.Memory(b, lab.Options{Cluster: embedded.Name, Name: name})
				b.StartTimer()
			}
			b.ReportMetric(float64(memory)/1e6, "MB-resident")
			b.ReportMetric(median(took[whole]).Seconds(), "s-median")
			b.ReportMetric(0, "ns/op") // it has the settling in it, which nobody waits for
			printMedians(order, took)
		})
	}
}

func median(d []time.Duration) time.Duration {
	d = slices.Clone(d)
	slices.Sort(d)
	return d[len(d)/2]
}

func printMedians(order []string, took map[string][]time.Duration) {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\nmedian\tfastest\tslowest\tshare\t  step (%d runs; steps overlap)\n", len(took[whole]))
	total := median(took[whole])
	for _, name := range order {
		d := took[name]
		m := median(d)
		fmt.Fprintf(t, "%.2f s\t%.2f s\t%.2f s\t%.0f %%\t  %s\n", m.Seconds(), slices.Min(d).Seconds(),
			slices.Max(d).Seconds(), 100*m.Seconds()/total.Seconds(), name)
	}
	t.Flush()
}
