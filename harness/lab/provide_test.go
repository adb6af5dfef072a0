package lab

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/cluster/embedded"
	"github.com/canarylab/canarylab/harness/cluster/existing"
	"github.com/canarylab/canarylab/harness/images"
)

// builder is a store whose Prometheus is a stand-in. It counts how often it is wanted.
type builder struct {
	*artifacts.Store
	dir   string
	built int
}

func (b *builder) Prometheus(ctx context.Context) (string, error) {
	if !artifacts.Builds(ctx) && b.built == 0 {
		return "", artifacts.ErrNotBuilt
	}
	b.built++
	return b.dir, nil
}

func (b *builder) PrometheusVersion() (string, error) { return "v3.99.0", nil }

// taker is a cluster that notes what is brought to it, and what it is asked for.
type taker struct {
	cluster.Cluster
	loaded map[string]v1.Image
	asked  []string
}

func (c *taker) LoadImages(_ context.Context, set map[string]v1.Image) error {
	c.loaded = set
	return nil
}

var errNotThere = errors.New("not there")

func (c *taker) ImagesAt(_ context.Context, refs []string) error {
	c.asked = append(c.asked, refs...)
	return errNotThere
}

func newBuilder(t *testing.T) *builder {
	t.Helper()
	b := &builder{Store: artifacts.New(t.TempDir(), "", nil), dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(b.dir, "prometheus"), []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestProvideBringsPrometheus(t *testing.T) {
	b, c := newBuilder(t), &taker{}
	l := &Lab{cluster: c, provider: &embedded.Provider{}, store: b, timer: newTimer(nil)}
	if err := l.Provide(t.Context(), images.Prometheus); err != nil || len(c.loaded) != 1 ||
		c.loaded[images.Prometheus] == nil || b.built != 1 {
		t.Errorf("got %v loaded after %d builds (%v), want %s", c.loaded, b.built, err, images.Prometheus)
	}
	// Every other image is either there from the start or nobody's.
	c.loaded = nil
	if err := l.Provide(t.Context(), images.LoadGen); err == nil || !strings.Contains(err.Error(), images.LoadGen) ||
		c.loaded != nil {
		t.Errorf("got %v loaded (%v), want an error that names %s", c.loaded, err, images.LoadGen)
	}
}

func (b *builder) Fleet(context.Context) (string, error) {
	b.built++
	return b.dir, nil
}

func TestProvideBringsSimulatedProxies(t *testing.T) {
	b, c := newBuilder(t), &taker{}
	if err := os.WriteFile(filepath.Join(b.dir, "fleet"), []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	l := &Lab{cluster: c, provider: &embedded.Provider{}, store: b, timer: newTimer(nil)}
	if err := l.Provide(t.Context(), images.Fleet); err != nil || len(c.loaded) != 1 || c.loaded[images.Fleet] == nil {
		t.Errorf("got %v loaded (%v), want %s", c.loaded, err, images.Fleet)
	}
}

// Where nothing is built, the cluster has the image or the scenario can't be played: it says so before anything
// is made.
func TestProvideAsksAClusterThatNothingIsBuiltFor(t *testing.T) {
	c := &taker{}
	l := &Lab{cluster: c, provider: &existing.Provider{}, timer: newTimer(nil)}
	if err := l.Provide(t.Context(), images.Prometheus); !errors.Is(err, errNotThere) ||
		!slices.Equal(c.asked, []string{images.Prometheus}) || c.loaded != nil {
		t.Errorf("got %v, %q asked for and %v loaded, want the cluster's answer", err, c.asked, c.loaded)
	}
}

func TestWherePrometheusComesFrom(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir()) // no login of this machine's
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	hub := strings.TrimPrefix(server.URL, "http://") + "/prom"
	official, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(hub + "/prometheus:v3.99.0")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, official); err != nil {
		t.Fatal(err)
	}
	released := Istio{Hub: "docker.io/istio", Tag: "1.31.0"}
	for _, tc := range []struct {
		name     string
		provider cluster.Provider
		istio    Istio
		hub      string
		official bool
	}{
		{"built like everything else", &embedded.Provider{}, Istio{}, hub, false},
		{"there is a registry", &embedded.Provider{}, released, hub, true},
		{"there is one, without Prometheus", &embedded.Provider{}, released, hub + "/elsewhere", false},
		// Its nodes pull from the one repository that they are known to reach.
		{"existing", &existing.Provider{}, released, hub, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBuilder(t)
			l := &Lab{provider: tc.provider, istio: tc.istio, store: b, timer: newTimer(nil)}
			set, err := l.prometheus(t.Context(), tc.hub)
			if err != nil {
				t.Fatal(err)
			}
			got, err := set[images.Prometheus].ConfigName()
			if err != nil {
				t.Fatal(err)
			}
			want, err := official.ConfigName()
			if err != nil {
				t.Fatal(err)
			}
			if (got == want) != tc.official || (b.built == 0) != tc.official {
				t.Errorf("got the official image %t after %d builds, want it %t", got == want, b.built, tc.official)
			}
		})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	b := newBuilder(t)
	l := &Lab{provider: &embedded.Provider{}, istio: released, store: b, timer: newTimer(nil)}
	if _, err := l.prometheus(ended, hub); !errors.Is(err, context.Canceled) || b.built > 0 {
		t.Errorf("got %v after %d builds, want the context's end and none", err, b.built)
	}
}
