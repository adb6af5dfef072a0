package lab_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/cluster/existing"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/harness/mesh"
)

// kindOfCluster is the provider under test: the one that CLUSTER names.
func kindOfCluster() string {
	if c := os.Getenv("CLUSTER"); c != "" && c != "auto" {
		return c
	}
	return "embedded"
}

// openLab opens a lab of the kind under test, and removes it after the test. It skips where none can be had.
func openLab(t *testing.T, o lab.Options) *lab.Lab {
	t.Helper()
	if o.Cluster == "" {
		o.Cluster = kindOfCluster()
	}
	t.Cleanup(func() {
		if o.Cluster == "existing" {
			return
		}
		if err := lab.Down(context.Background(), o, false); err != nil {
			t.Error(err)
		}
	})
	l, err := lab.Open(t.Context(), o)
	if errors.Is(err, lab.ErrUnavailable) {
		unavailable(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Settle(); err != nil {
		t.Fatal(err)
	}
	return l
}

// engineFootprint is all that a kind cluster could leave in the container engine; empty where there is none.
func engineFootprint(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, what := range []string{
		"container ls --all --format {{.Names}}", "network ls --format {{.Name}}", "volume ls --format {{.Name}}",
	} {
		out, err := exec.CommandContext(t.Context(), "docker", strings.Fields(what)...).Output()
		if err != nil {
			return nil
		}
		kind, _, _ := strings.Cut(what, " ")
		for name := range strings.FieldsSeq(string(out)) {
			all = append(all, kind+" "+name)
		}
	}
	slices.Sort(all)
	return all
}

// TestContract is what every provider has to keep, on two clusters at once: bring-up, images, exec, logs,
// port-forward, the way in, proxies, a second Up, the same cluster as an existing one, and removal without a
// trace.
func TestContract(t *testing.T) {
	buildable(t)
	before := engineFootprint(t)
	home, err := lab.Home()
	if err != nil {
		t.Fatal(err)
	}
	host := look(t, home, "contract")
	labs := make([]*lab.Lab, 2)
	names := []string{"contract-a", "contract-b"}
	t.Run("clusters", func(t *testing.T) {
		var wg sync.WaitGroup
		for i, name := range names {
			wg.Go(func() { labs[i] = openLab(t, lab.Options{Name: name}) })
		}
		wg.Wait()
		if t.Failed() || labs[0] == nil || labs[1] == nil {
			t.FailNow()
		}
		for i, l := range labs {
			t.Run(names[i], func(t *testing.T) { contract(t, l) })
			// A test's program knows no module's version.
			if setup, err := l.Setup(t.Context()); err != nil || !strings.HasPrefix(setup.Istio, "1.") {
				t.Errorf("the setup names Istio %q (%v)", setup.Istio, err)
			}
		}
		t.Run("apart", func(t *testing.T) {
			if a, b := labs[0].Cluster().Config().Host, labs[1].Cluster().Config().Host; a == b {
				t.Errorf("both clusters are at %s", a)
			}
		})
		t.Run("again", func(t *testing.T) {
			l, err := lab.Open(t.Context(), lab.Options{Cluster: kindOfCluster(), Name: names[0]})
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Settle(); err != nil {
				t.Fatal(err)
			}
			if !l.Cluster().Reused() || l.Cluster().Config().Host != labs[0].Cluster().Config().Host {
				t.Error("a second Up did not find the cluster")
			}
			if len(l.Steps()) == 0 {
				t.Error("the steps of the bring-up were forgotten")
			}
		})
		t.Run("by name alone", func(t *testing.T) {
			// What makes nothing finds the cluster without being told its kind.
			path, err := lab.Kubeconfig(t.Context(), lab.Options{Name: names[1]})
			if err != nil || path != labs[1].Cluster().Kubeconfig() {
				t.Errorf("got %s (%v), want %s", path, err, labs[1].Cluster().Kubeconfig())
			}
		})
		t.Run("existing", func(t *testing.T) { existingContract(t, labs[1]) })
	})
	for _, name := range names {
		if _, err := lab.Kubeconfig(context.Background(), lab.Options{
			Cluster: kindOfCluster(), Name: name,
		}); !errors.Is(err, cluster.ErrNotFound) {
			t.Errorf("%s after Down: got %v, want %v", name, err, cluster.ErrNotFound)
		}
	}
	if after := engineFootprint(t); !slices.Equal(before, after) {
		t.Errorf("left in the container engine: got %q, want %q", after, before)
	}
	compare(t, host, home, "contract")
}

// contract looks at one running lab.
func contract(t *testing.T, l *lab.Lab) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	k := l.Kube()
	if !strings.Contains(l.Cluster().Kubeconfig(), l.Cluster().Name()) {
		t.Errorf("the kubeconfig %s is not the cluster's own", l.Cluster().Kubeconfig())
	}
	if len(l.Cluster().About()) == 0 {
		t.Error("the cluster says nothing about itself")
	}
	if l.Cluster().Provider() != "existing" {
		t.Cleanup(func() { _ = k.DeleteNamespace(context.Background(), "first") })
	}
	if _, err := k.Apply(ctx, []byte(firstApp)); err != nil {
		t.Fatal(err)
	}
	// Images are there, pods get sidecars, exec works, and a request gets in through both of them.
	if err := firstRequest(ctx, k); err != nil {
		t.Fatal(err)
	}
	if err := k.WaitWorkloads(ctx, "first"); err != nil {
		t.Fatal(err)
	}
	proxies, err := mesh.Proxies(ctx, k, "first", "")
	if err != nil || len(proxies) != 2 {
		t.Fatalf("got proxies %v (%v), want those of the app and of its caller", proxies, err)
	}
	if v, err := mesh.ProxyVersion(ctx, k, proxies[0]); err != nil || v == "" {
		t.Errorf("got version %q of a proxy (%v)", v, err)
	}
	apps, err := k.Pods(ctx, "first", "app=my-service")
	if err != nil || len(apps) != 1 {
		t.Fatalf("got %d apps (%v), want 1", len(apps), err)
	}
	forwarded := k.PodHTTP("first", apps[0].Name, 8081)
	defer forwarded.CloseIdleConnections()
	resp, err := forwarded.Get("http://localhost/counters")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the forwarded port answered %s", resp.Status)
	}
	var out bytes.Buffer
	callers, err := k.Pods(ctx, "first", "app=caller")
	if err != nil || len(callers) != 1 {
		t.Fatalf("got %d callers (%v), want 1", len(callers), err)
	}
	err = k.Exec(ctx, "first", callers[0].Name, "loadgen", []string{"/loadgen", "help"}, nil, nil, &out)
	if err != nil || !strings.Contains(out.String(), "usage") {
		t.Errorf("exec: got %q (%v)", out.String(), err)
	}
	if l.Borrowed() {
		return
	}
	dir := t.TempDir()
	if err := lab.Logs(ctx, lab.Options{Cluster: l.Cluster().Provider(), Name: l.Cluster().Name()}, dir); err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		"pods/first/" + apps[0].Name + "/istio-proxy.log", "pods/istio-system/*/discovery.log",
	} {
		if found, _ := filepath.Glob(filepath.Join(dir, want)); len(found) != 1 {
			t.Errorf("the exported logs have no %s", want)
		}
	}
	if node, _ := os.ReadDir(filepath.Join(dir, "node")); len(node) == 0 {
		t.Error("the exported logs have nothing of the node")
	}
}

// existingContract borrows a cluster that runs, with just the printed rights.
func existingContract(t *testing.T, host *lab.Lab) {
	o := labtest.Borrow(t, host)
	for want, spoil := range map[string]func(*existing.Access){
		"--context": func(a *existing.Access) { a.Context = "" },
		"--yes":     func(a *existing.Access) { a.Confirmed = false },
	} {
		bad := o
		spoil(&bad.Existing)
		if _, err := lab.Open(t.Context(), bad); !errors.Is(err, cluster.ErrUsage) ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it refused for want of %s", err, want)
		}
	}
	l := openLab(t, o)
	if l.Mesh().Namespace != mesh.Namespace || l.Mesh().Revision != "default" {
		t.Errorf("found the mesh %+v, want that of the host", l.Mesh())
	}
	contract(t, l)
	before := labtest.Namespaces(t, host.Kube())
	// What a run that was killed leaves behind is found by its label alone.
	left := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "left-over", Labels: l.NamespaceLabels()}}
	_, err := l.Kube().Kubernetes().CoreV1().Namespaces().Create(t.Context(), left, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.Down(t.Context(), o, false); err != nil {
		t.Error(err)
	}
	if after := labtest.Namespaces(t, host.Kube()); !slices.Equal(before, after) {
		t.Errorf("got namespaces %q after down, want %q: all that were not the lab's, and no other", after, before)
	}
}
