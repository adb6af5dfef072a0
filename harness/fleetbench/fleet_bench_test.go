package fleetbench

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/fleet"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/live"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/reports/format"
)

const (
	// ns is where the benchmark puts the app, the fleet and its Services.
	ns = "bench-fleet"
	// ownCluster is the cluster that the benchmark makes for itself and removes: it plays with istiod's settings.
	ownCluster = "fleet"
	// times is how often the weights are put back, at each point; leastTimes where that takes longer than pointWithin.
	// Of 6 the least and the most are the median's interval at 97 %.
	times, leastTimes = 10, 6
	pointWithin       = 20 * time.Second
	// within bounds each wait for the whole fleet.
	within = 2 * time.Minute
	// pairs bounds what is measured of the grid: proxies times Services, each of which takes some 3 kB at least.
	pairs = 1_000_000
)

// The grid. FLEET_PROXIES and FLEET_SERVICES choose others, and FLEET_PARTS what is done: grid, settings, sidecar.
var (
	proxies  = numbers("FLEET_PROXIES", 10, 100, 1000, 5000)
	services = numbers("FLEET_SERVICES", 1, 100, 1000)
)

// numbers are those in an environment variable, with commas between, in their order.
func numbers(name string, usual ...int) []int {
	var all []int
	for word := range strings.SplitSeq(os.Getenv(name), ",") {
		if n, err := strconv.Atoi(strings.TrimSpace(word)); err == nil && n > 0 {
			all = append(all, n)
		}
	}
	if len(all) == 0 {
		return usual
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// A stand is a mesh with a fleet.
type stand struct {
	*testing.B

	k   *kube.Client
	env environment.Environment
	// services is how many there are beside the real ones.
	services int
	// row is what istiod's settings are other than usual.
	settings map[string]string
	// version tells the routes apart: it counts the writes.
	weight int
}

// A measured row is of one point.
type measured struct {
	proxies, services   int
	first, median, last Median
	// cpu is what istiod took of processors for one write, and memory what it holds. fleetCPU is what the simulated
	// proxies took for the same write, on the same machine.
	cpu, fleetCPU time.Duration
	memory        int64
	status        fleet.Status
	// answer is the size of the answer with the routes.
	answer int
	// connected is how long the fleet took to connect and hold all.
	connected time.Duration
}

// BenchmarkFleet measures how long a rollback takes to the first, the median and the last proxy of a fleet, what
// istiod's settings and a Sidecar change of that, and how a model that was fitted to it foretells a point that was not
// used.
func BenchmarkFleet(b *testing.B) {
	s := newStand(b)
	for b.Loop() {
		s.all()
	}
	b.ReportMetric(0, "ns/op") // how long it all took says nothing
}

func (s *stand) all() {
	begun := time.Now()
	s.set(nil)
	for _, part := range []struct {
		name string
		do   func()
	}{
		{"grid", s.grid},
		{"settings", func() { s.settingsMatter(min(most(proxies), 1000), min(most(services), 100)) }},
		{"sidecar", func() { s.sidecarSaves(min(most(proxies), 1000), most(services)) }},
	} {
		if parts := os.Getenv("FLEET_PARTS"); parts == "" || slices.Contains(strings.Split(parts, ","), part.name) {
			part.do()
			fmt.Printf("\n%s: done after %s\n", part.name, time.Since(begun).Round(time.Second))
		}
	}
}

// most is the most of a sorted list.
func most(numbers []int) int { return numbers[len(numbers)-1] }

// grid measures all points of proxies and services, and judges a model of them.
func (s *stand) grid() {
	cores := s.processors()
	var points []Point
	var skipped []string
	header()
	for _, n := range services {
		s.serve(n)
		s.resize(0)
		for _, p := range proxies {
			if p*n > pairs {
				skipped = append(skipped, fmt.Sprintf("%d × %d", p, n))
				continue
			}
			m := s.measure(p)
			row("", m)
			points = append(points, Point{Proxies: p, Services: n, Processors: cores, Last: m.last.Value})
		}
	}
	if len(skipped) > 0 {
		fmt.Printf("left out, as too large for one machine (proxies × Services): %s\n", strings.Join(skipped, ", "))
	}
	s.judgeModel(points, cores)
}

// judgeModel fits the model, and holds it against a point that lies between.
func (s *stand) judgeModel(points []Point, cores int) {
	model, err := Fit(points)
	if err != nil {
		fmt.Printf("no model: %v\n", err)
		return
	}
	fmt.Printf("\nthe model of %d points, of the median of the last proxy:\n  last = %s\n", len(points), model)
	check := Point{Proxies: 500, Services: 300, Processors: cores}
	s.serve(check.Services)
	s.resize(0)
	m := s.measure(check.Proxies)
	told := model.At(check)
	fmt.Printf("a point that was not used, %d proxies × %d Services: the model says %d ms, measured %s: %.2f of it\n",
		check.Proxies, check.Services, told.Milliseconds(), m.last, float64(m.last.Value)/float64(told))
}

// settingsMatter tries istiod's settings at one point.
func (s *stand) settingsMatter(p, n int) {
	s.serve(n)
	header()
	for _, settings := range []map[string]string{
		nil,
		{"PILOT_DEBOUNCE_AFTER": "10ms"},
		{"PILOT_DEBOUNCE_AFTER": "1s"},
		{"PILOT_PUSH_THROTTLE": "1"},
		{"PILOT_PUSH_THROTTLE": "1000"},
		{"GOMAXPROCS": "1"},
	} {
		s.set(settings)
		s.resize(0)
		row(s.name(), s.measure(p))
	}
	// Somebody else's writes keep istiod's wait from ending, up to its most.
	for _, most := range []string{"10s", "1s"} {
		s.set(map[string]string{"PILOT_DEBOUNCE_MAX": most})
		s.resize(0)
		stop := s.churn()
		m := s.measureTimes(p, 3)
		stop()
		row(s.name()+", 25 other writes a second", m)
	}
	s.set(nil)
}

// sidecarSaves compares one point with and without a Sidecar that has the fleet see its own host alone.
func (s *stand) sidecarSaves(p, n int) {
	s.serve(n)
	s.resize(0)
	header()
	row("no Sidecar", s.measure(p))
	s.apply(sidecar)
	s.resize(0)
	row("Sidecar with one host", s.measure(p))
	objects, err := kube.Objects([]byte(sidecar))
	s.check(err)
	s.check(s.env.Objects.Delete(s.Context(), objects))
}

func header() {
	fmt.Print("\n| proxies | Services | first has it | median | last | istiod's CPU a write | the proxies' | " +
		"istiod's memory | routes | all a proxy has | connected in | settings |\n" + strings.Repeat("|---", 12) + "|\n")
}

// row prints a row of the table at once: a benchmark of ten minutes is watched.
func row(settings string, m measured) {
	mb := func(n int64) string { return fmt.Sprintf("%.2f MB", float64(n)/1e6) }
	fmt.Printf("| %s | %s | %s | %s | %s | %d ms | %d ms | %.0f MB | %s | %s | %.1f s | %s |\n",
		format.Number(m.proxies), format.Number(m.services), m.first, m.median, m.last,
		m.cpu.Milliseconds(), m.fleetCPU.Milliseconds(),
		float64(m.memory)/1e6, mb(int64(m.answer)), mb(int64(m.status.Bytes)), m.connected.Seconds(), settings)
}

// newStand brings a cluster of its own up, with the app, its routes, and a fleet without a proxy.
func newStand(b *testing.B) *stand {
	b.Helper()
	ctx := b.Context()
	l, err := lab.Open(ctx, lab.Options{
		Cluster: os.Getenv("CLUSTER"), Name: cmp.Or(os.Getenv("CANARYLAB_NAME"), ownCluster),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		if err := l.Close(ctx); err != nil {
			b.Error(err)
		}
	})
	if l.Borrowed() {
		b.Skip("the benchmark changes istiod's settings, and this istiod is somebody else's")
	}
	s := &stand{B: b, k: l.Kube()}
	s.check(l.Settle())
	release, err := l.Exclusive(ctx)
	s.check(err)
	s.check(l.Provide(ctx, fleet.Image))
	var disconnect func()
	s.env, disconnect = live.New(live.Cluster{Kube: l.Kube(), Mesh: l.Mesh(), Reference: l.Cluster().Reference})
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		if err := s.env.Objects.Remove(ctx, ns); err != nil {
			b.Error(err)
		}
		disconnect()
		release()
	})
	app, err := os.ReadFile("../../scenarios/weighted-rollout/1-baseline.yaml")
	s.check(err)
	s.apply(string(bytes.ReplaceAll(app, []byte("weighted-rollout"), []byte(ns))))
	s.apply(fleetJob)
	s.check(s.env.Objects.Ready(ctx, ns))
	return s
}

func (s *stand) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *stand) apply(yaml string) {
	s.Helper()
	objects, err := kube.Objects([]byte(yaml))
	s.check(err)
	s.check(s.env.Objects.Apply(s.Context(), objects))
}

// fleetJob is one pod, whose proxies come and go while it runs.
const fleetJob = `apiVersion: batch/v1
kind: Job
metadata:
  name: canarylab-fleet
  namespace: bench-fleet
spec:
  completionMode: Indexed
  completions: 1
  parallelism: 1
  backoffLimit: 0
  template:
    metadata:
      labels:
        app: canarylab-fleet
        sidecar.istio.io/inject: "false"
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      containers:
      - name: fleet
        image: canarylab/fleet:dev
        args: [serve, -namespace=bench-fleet, -host=my-service.bench-fleet.svc.cluster.local, -connects=400]
        ports:
        - containerPort: 9100
        readinessProbe:
          httpGet:
            path: /status
            port: 9100
          periodSeconds: 1
        resources:
          requests:
            cpu: 10m
            memory: 64Mi
`

// sidecar has the proxies of the namespace see the one host whose routes are rolled back.
const sidecar = `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata:
  name: default
  namespace: bench-fleet
spec:
  egress:
  - hosts: ["./my-service.bench-fleet.svc.cluster.local"]
`

// service is one of those beside the real ones, with two endpoints where no pod is (RFC 2544). kube-proxy is to leave
// it alone (k8s.io, service.kubernetes.io/service-proxy-name): it would take the processor from what is measured.
const service = `apiVersion: v1
kind: Service
metadata:
  name: shop-%[1]d
  namespace: bench-fleet
  labels: {service.kubernetes.io/service-proxy-name: none}
spec:
  ports: [{name: http, port: 80}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: shop-%[1]d
  namespace: bench-fleet
  labels: {kubernetes.io/service-name: shop-%[1]d, service.kubernetes.io/service-proxy-name: none}
addressType: IPv4
endpoints:
- addresses: ["198.19.%[2]d.%[3]d"]
- addresses: ["198.19.%[2]d.%[4]d"]
ports: [{name: http, port: 80}]
`

// serve has n Services beside the real ones.
func (s *stand) serve(n int) {
	s.Helper()
	var g errgroup.Group
	g.SetLimit(8)
	for i := range max(n, s.services) {
		if (i < n) == (i < s.services) {
			continue
		}
		g.Go(func() error {
			objects, err := kube.Objects(fmt.Appendf(nil, service, i, i/100, 2*(i%100), 2*(i%100)+1))
			if err != nil {
				return err
			}
			if i < n {
				return s.env.Objects.Apply(s.Context(), objects)
			}
			return s.env.Objects.Delete(s.Context(), objects)
		})
	}
	s.check(g.Wait())
	s.services = n
}

// resize has n proxies simulated, and waits until they hold all. It returns how long that took.
func (s *stand) resize(n int) time.Duration {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), within)
	defer cancel()
	begun := time.Now()
	s.check(s.env.Fleet.Resize(ctx, ns, n))
	for {
		status, err := s.env.Fleet.Status(ctx, ns)
		if err != nil {
			s.Fatalf("await %d proxies: %v (%+v)", n, err, status)
		}
		if status.Proxies == n && status.Holding == n && status.Connected == n {
			return time.Since(begun)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// measure puts the weights back some times, with so many proxies.
func (s *stand) measure(p int) measured { return s.measureTimes(p, times) }

func (s *stand) measureTimes(p, times int) measured {
	s.Helper()
	m := measured{proxies: p, services: s.services}
	before, err := s.env.Fleet.Status(s.Context(), ns)
	s.check(err)
	m.connected = s.resize(p)
	if before.Proxies == p {
		m.connected = 0
	}
	s.rollback(p) // the first after a change of the fleet meets istiod at that
	var first, median, last []time.Duration
	cpu, _ := s.istiod()
	then, err := s.env.Fleet.Status(s.Context(), ns)
	s.check(err)
	fleetCPU := then.CPU
	begun, done := time.Now(), 0
	for ; done < times && (done < leastTimes || time.Since(begun) < pointWithin); done++ {
		took, size := s.rollback(p)
		first, median, last = append(first, took[0]), append(median, took[len(took)/2]), append(last, took[len(took)-1])
		m.answer = size
	}
	after, memory := s.istiod()
	m.first, m.median, m.last = MedianOf(first), MedianOf(median), MedianOf(last)
	now, err := s.env.Fleet.Status(s.Context(), ns)
	s.check(err)
	writes := time.Duration(2 * done)
	m.cpu, m.fleetCPU, m.memory, m.status = (after-cpu)/writes, (now.CPU-fleetCPU)/writes, memory, now
	return m
}

// rollback sends a part to v2 and takes it back. It returns how long the proxies took to have the latter, from the API
// server's answer on, the quickest first, and the size of an answer.
func (s *stand) rollback(p int) (took []time.Duration, size int) {
	s.Helper()
	// No two canaries have the same weights: what comes late of the one is not taken for the next.
	s.weight = s.weight%49 + 1
	s.write(p, s.weight)
	return s.write(p, 0)
}

// write writes weights, and waits until each proxy has them.
func (s *stand) write(p, v2 int) (took []time.Duration, size int) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), within)
	defer cancel()
	want := fmt.Sprintf("v1 %d, v2 %d", 100-v2, v2)
	if v2 == 0 {
		want = "v1 100"
	}
	route := func(subset string, weight int) map[string]any {
		return map[string]any{"destination": map[string]any{"host": "my-service", "subset": subset}, "weight": weight}
	}
	body, err := json.Marshal(map[string]any{"spec": map[string]any{"http": []any{
		map[string]any{"route": []any{route("v1", 100-v2), route("v2", v2)}},
	}}})
	s.check(err)
	writing := time.Now()
	_, err = s.k.Istio().NetworkingV1().VirtualServices(ns).Patch(ctx, "my-service", types.MergePatchType, body,
		metav1.PatchOptions{})
	s.check(err)
	written := time.Now()
	had, other := map[int]time.Duration{}, map[string]int{}
	for {
		all, _, err := s.env.Fleet.Receipts(ctx, ns, writing)
		if err != nil {
			s.Fatalf("await %s: %d of %d proxies have it, others %v: %v", want, len(had), p, other, err)
		}
		clear(had)
		clear(other)
		for _, r := range all {
			if r.Route != want {
				other[r.Route]++
			}
			if _, before := had[r.Proxy]; r.Route == want && !before {
				had[r.Proxy], size = r.At.Sub(written), r.Bytes
			}
		}
		if len(had) >= p {
			return slices.Sorted(maps.Values(had)), size
		}
		// Who asks too often takes from what is measured.
		time.Sleep(100 * time.Millisecond)
	}
}

// churn writes an object of somebody else's 25 times a second, which no proxy sees, until stop is called.
func (s *stand) churn() (stop func()) {
	ctx, cancel := context.WithCancel(s.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(40 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ctx.Err() == nil; n++ {
			objects, err := kube.Objects(fmt.Appendf(nil, churned, n%250+1))
			if err == nil {
				err = s.env.Objects.Apply(ctx, objects)
			}
			if err != nil && ctx.Err() == nil {
				s.Errorf("churn: %v", err)
				return
			}
			<-tick.C
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

const churned = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: elsewhere
  namespace: bench-fleet
spec:
  hosts: [elsewhere.example.com]
  exportTo: ["~"]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 198.51.100.%d}]
`

// processors are those of the machine that the cluster is on, as far as this one's tell.
func (s *stand) processors() int {
	nodes, err := s.k.Kubernetes().CoreV1().Nodes().List(s.Context(), metav1.ListOptions{})
	s.check(err)
	return int(nodes.Items[0].Status.Capacity.Cpu().Value())
}

// istiod returns what istiod has taken of processors and holds of memory, by its own metrics.
func (s *stand) istiod() (cpu time.Duration, memory int64) {
	s.Helper()
	pods, err := s.k.Pods(s.Context(), mesh.Own.Namespace, mesh.Own.Selector())
	s.check(err)
	client := s.k.PodHTTP(mesh.Own.Namespace, pods[0].Name, 15014)
	defer client.CloseIdleConnections()
	response, err := client.Get("http://istiod/metrics")
	s.check(err)
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		switch value, _ := strconv.ParseFloat(text, 64); name {
		case "process_cpu_seconds_total":
			cpu = time.Duration(value * float64(time.Second))
		case "process_resident_memory_bytes":
			memory = int64(value)
		}
	}
	s.check(lines.Err())
	return cpu, memory
}

// name tells istiod's settings.
func (s *stand) name() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(s.settings)) {
		all = append(all, name+"="+s.settings[name])
	}
	return strings.Join(all, " ")
}

// set has istiod run with settings, which begins it anew, and with a limit of new proxies that does not decide how long
// the benchmark takes.
func (s *stand) set(settings map[string]string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), within)
	defer cancel()
	s.settings = settings
	deployments := s.k.Kubernetes().AppsV1().Deployments(mesh.Own.Namespace)
	istiod, err := deployments.Get(ctx, "istiod", metav1.GetOptions{})
	s.check(err)
	wanted := map[string]any{"PILOT_MAX_REQUESTS_PER_SECOND": "1000"}
	for _, name := range []string{"PILOT_DEBOUNCE_AFTER", "PILOT_DEBOUNCE_MAX", "PILOT_PUSH_THROTTLE", "GOMAXPROCS"} {
		wanted[name] = nil
	}
	for name, value := range settings {
		wanted[name] = value
	}
	var env []any
	for name, value := range wanted {
		one := map[string]any{"name": name, "value": value, "valueFrom": nil}
		if value == nil {
			one = map[string]any{"name": name, "$patch": "delete"}
			if name == "GOMAXPROCS" {
				// Istio's chart sets it by the limit; there is none here.
				one = map[string]any{"name": name, "value": strconv.Itoa(s.processors()), "valueFrom": nil}
			}
		}
		env = append(env, one)
	}
	body, err := json.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
		"containers": []any{map[string]any{"name": "discovery", "env": env}},
	}}}})
	s.check(err)
	changed, err := deployments.Patch(ctx, istiod.Name, types.StrategicMergePatchType, body, metav1.PatchOptions{})
	s.check(err)
	if changed.Generation == istiod.Generation {
		return
	}
	for {
		s.check(s.k.WaitWorkloads(ctx, mesh.Own.Namespace))
		pods, err := s.k.Kubernetes().CoreV1().Pods(mesh.Own.Namespace).List(ctx, metav1.ListOptions{
			LabelSelector: mesh.Own.Selector(),
		})
		s.check(err)
		if len(pods.Items) == 1 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}
