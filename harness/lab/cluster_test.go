package lab_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/cluster/embedded"
	"github.com/canarylab/canarylab/harness/cluster/footprint"
	"github.com/canarylab/canarylab/harness/cluster/kind"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labtest"
)

// asCreator makes this test binary bring a cluster up instead of testing, so that a test can kill it meanwhile.
const asCreator = "CANARYLAB_TEST_UP"

func TestMain(m *testing.M) {
	if name := os.Getenv(asCreator); name != "" {
		if err := create(context.Background(), name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		<-time.After(time.Minute) // to be killed
	}
	os.Exit(labtest.Main(m.Run))
}

// create brings a bare cluster up, of the kind under test.
func create(ctx context.Context, name string) error {
	if kindOfCluster() == kind.Name {
		suite, err := lab.E2E(ctx, lab.Options{Cluster: kind.Name, Name: name, Progress: printed{os.Stdout}})
		if err == nil {
			_, err = suite.Create(ctx)
		}
		return err
	}
	p, set, err := provider()
	if err == nil {
		_, err = p.Up(ctx, name, cluster.Options{Progress: printed{os.Stdout}, Images: set})
	}
	return err
}

// printed is a Progress that prints what begins.
type printed struct{ w io.Writer }

func (p printed) Step(name string) func(error) {
	fmt.Fprintln(p.w, name)
	return func(error) {}
}

// provider is the real one, with everything built.
func provider() (*embedded.Provider, func(context.Context) (map[string]v1.Image, error), error) {
	home, err := lab.Home()
	if err != nil {
		return nil, nil, err
	}
	source, err := lab.Source()
	if err != nil {
		return nil, nil, err
	}
	store := artifacts.New(filepath.Join(home, "cache"), source, nil)
	if err := os.MkdirAll(store.Dir, 0o755); err != nil {
		return nil, nil, err
	}
	p := &embedded.Provider{Home: home, Binaries: store}
	return p, func(ctx context.Context) (map[string]v1.Image, error) {
		return images.Build(ctx, store, true)
	}, p.Check(context.Background())
}

// newProvider skips the test where another kind of cluster is under test, or where none can be had; where one
// is required, that fails.
func newProvider(t testing.TB) (*embedded.Provider, func(context.Context) (map[string]v1.Image, error)) {
	t.Helper()
	if c := kindOfCluster(); c != embedded.Name {
		t.Skipf("this is about embedded clusters, and %s is under test", c)
	}
	buildable(t)
	p, set, err := provider()
	unavailable(t, err)
	return p, set
}

// buildable skips the test where the lab's parts can't be built, or fails it where a cluster is required.
func buildable(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("this needs a cluster: run without -short")
	}
	unavailable(t, artifacts.CheckTools(t.Context()))
}

// unavailable skips the test for an error that says that no cluster can be had, or fails it where one is required.
func unavailable(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CANARYLAB_REQUIRE_CLUSTER") == "1":
		t.Fatalf("a cluster is required here: %v", err)
	default:
		t.Skipf("no cluster can be had: %v", err)
	}
}

// creator starts this test binary to bring a cluster up, and returns when it has begun a step.
func creator(t *testing.T, name, step string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asCreator+"="+name)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !readUntil(out, step) {
		_ = cmd.Wait() // its standard error says more than its exit code
		t.Fatalf("the bring-up had no step %q: %s", step, stderr.String())
	}
	return cmd
}

// look takes the host's picture.
func look(t *testing.T, home, name string) footprint.Picture {
	t.Helper()
	p, err := footprint.Take(t.Context(), footprint.Of{Home: home, Clusters: name})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// compare waits until the host is as it was before.
func compare(t *testing.T, before footprint.Picture, home, name string) {
	t.Helper()
	of := footprint.Of{Home: home, Clusters: name}
	changed, loaded, err := footprint.Settled(t.Context(), before, of, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if kindOfCluster() == kind.Name { // kubelet in a privileged container sets what it wants of the whole kernel
		changed = slices.DeleteFunc(changed, func(c string) bool { return strings.HasPrefix(c, footprint.Settings) })
	}
	if len(changed) > 0 {
		t.Errorf("changed on the host:\n%s", strings.Join(changed, "\n"))
	}
	if len(loaded) > 0 {
		t.Logf("modules that were loaded, and stay: %s", strings.Join(loaded, ", "))
	}
}

// TestKilledAtAnyMomentLeavesNothing kills the creator of a cluster with SIGKILL as each step of the bring-up
// begins, and looks for anything that stayed. The next Up has to work each time.
func TestKilledAtAnyMomentLeavesNothing(t *testing.T) {
	p, set := newProvider(t)
	if _, err := set(t.Context()); err != nil { // build first, if need be
		t.Fatal(err)
	}
	const name = "killed"
	before := look(t, p.Home, name)
	t.Cleanup(func() { _ = p.Down(context.Background(), name, false) })
	for _, step := range []string{
		"certificates and configuration", "namespaces", "etcd", "containerd", "kube-apiserver", "start kubelet",
	} {
		t.Run(step, func(t *testing.T) {
			cmd := creator(t, name, step)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
			if step == "start kubelet" {
				// The API server answers by then: the cluster was handed over and lives. Its PID 1 is what dies now.
				killPID1(t, p, name)
			}
			awaitDead(t, p, name)
			if _, err := p.List(t.Context()); err != nil { // reaps empty cgroups
				t.Fatal(err)
			}
			compare(t, before, p.Home, name)
			c, err := p.Up(t.Context(), name, cluster.Options{Images: set})
			if err != nil {
				t.Fatalf("the next Up: %v", err)
			}
			if err := c.Ready(t.Context()); err != nil {
				t.Errorf("the next Up: %v", err)
			}
			if err := p.Down(t.Context(), name, false); err != nil {
				t.Fatal(err)
			}
			compare(t, before, p.Home, name)
		})
	}
}

// awaitDead waits until the kernel has ended the cluster's PID 1.
func awaitDead(t *testing.T, p *embedded.Provider, name string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, err := p.Open(t.Context(), name); errors.Is(err, cluster.ErrNotFound) {
			return
		}
	}
	t.Error("its PID 1 lives on")
}

// readUntil reads lines until one is want.
func readUntil(r io.Reader, want string) bool {
	line := make([]byte, 0, 80)
	b := make([]byte, 1)
	for {
		if _, err := r.Read(b); err != nil {
			return false
		}
		if b[0] != '\n' {
			line = append(line, b[0])
			continue
		}
		if string(line) == want {
			return true
		}
		line = line[:0]
	}
}

// killPID1 ends the cluster's PID 1 as an angry administrator would.
func killPID1(t *testing.T, p *embedded.Provider, name string) {
	t.Helper()
	if err := syscall.Kill(pidOf(t, p, name), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// pidOf is the PID of a running cluster's PID 1, as the host counts.
func pidOf(t testing.TB, p *embedded.Provider, name string) int {
	t.Helper()
	infos, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range infos {
		if i.Name != name || i.State != "running" {
			continue
		}
		return i.PID
	}
	t.Fatalf("cluster %q is not running: %+v", name, infos)
	return 0
}

// TestKeptStateComesBack stops a cluster with its state kept, and finds what was in it again.
func TestKeptStateComesBack(t *testing.T) {
	p, set := newProvider(t)
	const name = "kept"
	t.Cleanup(func() { _ = p.Down(context.Background(), name, false) })
	up := func() *kube.Client {
		t.Helper()
		c, err := p.Up(t.Context(), name, cluster.Options{Images: set})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		k, err := kube.New(c.Config())
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k := up()
	notes, text := k.Kubernetes().CoreV1().ConfigMaps("default"), map[string]string{"text": "still here"}
	note := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "note"}, Data: text}
	if _, err := notes.Create(t.Context(), note, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := p.Down(t.Context(), name, true); err != nil {
		t.Fatal(err)
	}
	k = up()
	got, err := k.Kubernetes().CoreV1().ConfigMaps("default").Get(t.Context(), "note", metav1.GetOptions{})
	if err != nil || got.Data["text"] != "still here" {
		t.Errorf("got %v (%v), want the note from before", got, err)
	}
}

// TestTwoUpsAtOnce lets two creators want the same cluster: one makes it, the other finds it.
func TestTwoUpsAtOnce(t *testing.T) {
	p, set := newProvider(t)
	const name = "twice"
	t.Cleanup(func() { _ = p.Down(context.Background(), name, false) })
	var wg sync.WaitGroup
	reused := make([]bool, 2)
	for i := range reused {
		wg.Go(func() {
			c, err := p.Up(t.Context(), name, cluster.Options{Images: set})
			if err != nil {
				t.Error(err)
				return
			}
			reused[i] = c.Reused()
		})
	}
	wg.Wait()
	if reused[0] == reused[1] {
		t.Errorf("got reused %v, want one that made the cluster and one that found it", reused)
	}
}

// TestStrangersGetNothing asks the API server without a certificate, and with another cluster's.
func TestStrangersGetNothing(t *testing.T) {
	p, set := newProvider(t)
	const name = "stranger"
	t.Cleanup(func() { _ = p.Down(context.Background(), name, false) })
	c, err := p.Up(t.Context(), name, cluster.Options{Images: set})
	if err != nil {
		t.Fatal(err)
	}
	config := c.Config()
	config.CertData, config.KeyData, config.CertFile, config.KeyFile = nil, nil, "", ""
	k, err := kube.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Kubernetes().CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); err == nil {
		t.Error("a stranger can list namespaces")
	}
	config = c.Config()
	config.CAData = nil
	if k, err = kube.New(config); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Kubernetes().CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); err == nil {
		t.Error("the server's certificate is not verified")
	}
}
