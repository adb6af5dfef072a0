package images

import (
	"context"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/canarylab/canarylab/harness/artifacts"
)

// metered is a store whose Prometheus is a stand-in.
type metered struct {
	*artifacts.Store
	dir string
}

func (m metered) Prometheus(context.Context) (string, error) { return m.dir, nil }
func (m metered) PrometheusVersion() (string, error)         { return "v3.99.0", nil }

func newMetered(t *testing.T) metered {
	t.Helper()
	m := metered{artifacts.New(t.TempDir(), "", nil), t.TempDir()}
	if err := os.WriteFile(filepath.Join(m.dir, "prometheus"), []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPrometheusImage(t *testing.T) {
	set, err := BuildPrometheus(t.Context(), newMetered(t))
	if err != nil || len(set) != 1 || set[Prometheus] == nil {
		t.Fatalf("got %v (%v), want %s alone", set, err, Prometheus)
	}
	config, err := set[Prometheus].ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	// As the official image has it, so that the manifest need not know which of the two there is.
	if got := strings.Join(config.Config.Entrypoint, " "); got != "/bin/prometheus" ||
		config.Config.User != prometheusUser {
		t.Errorf("got %s as %s, want /bin/prometheus as %s", got, config.Config.User, prometheusUser)
	}
	files := headers(t, set[Prometheus])
	for name, mode := range map[string]int64{"bin/prometheus": 0o755, "prometheus": 0o1777, "tmp": 0o1777} {
		if got := files[name].Mode; got != mode {
			t.Errorf("%s: got mode %o, want %o", name, got, mode)
		}
	}
}

// To have one set made must not push the other out of the cache.
func TestPrometheusIsKeptBesideTheOthers(t *testing.T) {
	b, m := newBinaries(t), newMetered(t)
	m.Store = b.Store
	usual := build(t, b)
	if _, err := BuildPrometheus(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if _, there := usual[Prometheus]; there {
		t.Error("got Prometheus among the usual images, for which everybody would pay")
	}
	for _, found := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := Build(ctx, b, true); return err },
		func(ctx context.Context) error { _, err := BuildPrometheus(ctx, m); return err },
	} {
		if err := found(artifacts.WithoutBuilding(t.Context())); err != nil {
			t.Errorf("got %v, want the images found", err)
		}
	}
}

func TestReleasedPrometheusIsOfTheSameVersion(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir()) // no login of this machine's
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	hub := strings.TrimPrefix(server.URL, "http://") + "/prom"
	image, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(hub + "/prometheus:v3.99.0")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image); err != nil {
		t.Fatal(err)
	}
	m := newMetered(t)
	set, err := ReleasedPrometheus(t.Context(), m, hub)
	if err != nil || len(set) != 1 || set[Prometheus] == nil {
		t.Fatalf("got %v (%v), want %s alone", set, err, Prometheus)
	}
	got, _ := set[Prometheus].ConfigName()
	if want, _ := image.ConfigName(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := ReleasedPrometheus(t.Context(), m, hub+"/elsewhere"); err == nil ||
		!strings.Contains(err.Error(), hub+"/elsewhere/prometheus:v3.99.0") {
		t.Errorf("got %v, want an error that names the image", err)
	}
}
