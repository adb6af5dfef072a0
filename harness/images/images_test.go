package images

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/canarylab/canarylab/harness/artifacts"
)

// binaries are stand-ins that are real programs of this machine: the images are as real as the lab's.
type binaries struct {
	*artifacts.Store
	dir string
}

func newBinaries(t *testing.T) binaries {
	t.Helper()
	b := binaries{artifacts.New(t.TempDir(), "", nil), t.TempDir()}
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"pilot-discovery", "pilot-agent", "envoy_bootstrap_tmpl.json", "sampleapp", "loadgen", "accesslog", "vegeta",
		"pause", "envoy",
	} {
		raw, err := os.ReadFile(shell)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(b.dir, name), raw, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func (b binaries) Istio(context.Context) (string, error)    { return b.dir, nil }
func (b binaries) Programs(context.Context) (string, error) { return b.dir, nil }
func (b binaries) Envoy(context.Context) (string, error)    { return b.dir, nil }

func build(t *testing.T, b binaries) map[string]v1.Image {
	t.Helper()
	if _, err := lookProgram("nft"); err != nil {
		t.Skip("needs nft: apt-get install nftables")
	}
	images, err := Build(t.Context(), b, true)
	if err != nil {
		t.Fatal(err)
	}
	return images
}

func TestBuildIsReproducible(t *testing.T) {
	b := newBinaries(t)
	first, err := Digest(build(t, b))
	if err != nil {
		t.Fatal(err)
	}
	b.Store = artifacts.New(t.TempDir(), "", nil) // made again, not found
	again, err := Digest(build(t, b))
	if err != nil {
		t.Fatal(err)
	}
	if first != again {
		t.Errorf("got digests %s and %s of the same binaries, want one", first, again)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "sampleapp"), []byte("another program"), 0o755); err != nil {
		t.Fatal(err)
	}
	changed, err := Digest(build(t, b))
	if err != nil {
		t.Fatal(err)
	}
	if changed == first {
		t.Error("a changed binary did not change the digest")
	}
}

// headers are those of an image's files, by their names without a slash at the end.
func headers(t *testing.T, image v1.Image) map[string]tar.Header {
	t.Helper()
	files := map[string]tar.Header{}
	content := mutate.Extract(image)
	defer content.Close()
	r := tar.NewReader(content)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimSuffix(h.Name, "/")] = *h
	}
}

func TestProxyImageIsComplete(t *testing.T) {
	image := build(t, newBinaries(t))[Proxy]
	files := headers(t, image)
	for _, want := range []string{
		"usr/local/bin/pilot-agent", "usr/local/bin/envoy", "usr/sbin/nft",
		"var/lib/istio/envoy/envoy_bootstrap_tmpl.json",
	} {
		if files[want].Size == 0 {
			t.Errorf("%s is not in the image", want)
		}
	}
	libc := false
	for name := range files {
		libc = libc || strings.Contains(name, "libc.so")
	}
	if !libc {
		t.Error("the C library is not in the image")
	}
	if mode := files["tmp"].Mode; mode&0o777 != 0o777 {
		t.Errorf("/tmp has mode %o, want writable by all", mode)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != proxyUser {
		t.Errorf("got user %q, want %q", config.Config.User, proxyUser)
	}
}

func TestLibrariesOfAStaticProgram(t *testing.T) {
	if _, err := libraries(t.Context(), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("got no error for a program that is not there")
	}
	libs, err := libraries(t.Context(), "/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	for at, from := range libs {
		if at != from || !filepath.IsAbs(at) {
			t.Errorf("library %q from %q, want the host's own absolute path", at, from)
		}
	}
}
