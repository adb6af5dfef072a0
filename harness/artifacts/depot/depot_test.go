package depot

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/canarylab/canarylab/harness/artifacts"
)

func quiet(string) {}

// newBuild is a build with all that builds have: programs, folders, and links to programs.
func newBuild(t *testing.T, name string) Build {
	t.Helper()
	dir := t.TempDir()
	content := bytes.Repeat([]byte(name+" and more of it\n"), 20_000)
	for file, mode := range map[string]os.FileMode{"kube": 0o755, "folder/within/data": 0o644} {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(content, file...), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("kube", filepath.Join(dir, "kubectl")); err != nil {
		t.Fatal(err)
	}
	return Build{artifacts.ID{Name: name, Key: "0123456789abcdef"}, dir}
}

// listing is what a folder has: names, modes, links and contents.
func listing(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		raw, _ := os.ReadFile(path)
		link, _ := os.Readlink(path)
		sum, _, _ := v1.SHA256(bytes.NewReader(raw))
		all = append(all, fmt.Sprintf("%s %s %s %s", rel, info.Mode(), link, sum))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A hall is a registry on loopback, with something between it and its visitors.
type hall struct {
	*httptest.Server
	mu      sync.Mutex
	calls   []string
	between func(w http.ResponseWriter, r *http.Request, next http.Handler)
}

func newHall(t *testing.T) *hall {
	t.Helper()
	h := &hall{}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.calls = append(h.calls, r.Method+" "+r.URL.Path)
		between := h.between
		h.mu.Unlock()
		if between != nil {
			between(w, r, inner)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hall) count(prefix string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, c := range h.calls {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

func (h *hall) reference() string { return strings.TrimPrefix(h.URL, "http://") + "/team/canarylab" }

func (h *hall) registry(t *testing.T) *Registry {
	t.Helper()
	r, err := ParseRegistry(h.reference())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func push(t *testing.T, r *Registry, builds ...Build) (set string) {
	t.Helper()
	set, err := r.Push(t.Context(), builds, t.TempDir(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestWhatIsPushedIsFetched(t *testing.T) {
	h := newHall(t)
	node, programs := newBuild(t, "node"), newBuild(t, "programs")
	set := push(t, h.registry(t), node, programs)
	pinned, err := ParseRegistry(h.reference() + "@" + set)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Registry{h.registry(t), pinned} {
		for _, b := range []Build{node, programs} {
			dir := t.TempDir()
			if err := r.Fetch(t.Context(), b.ID, dir, quiet); err != nil {
				t.Fatal(err)
			}
			if got, want := listing(t, dir), listing(t, b.Dir); !slices.Equal(got, want) {
				t.Errorf("%s of %s: got\n%q\nwant\n%q", b.ID, r, got, want)
			}
		}
		err := r.Fetch(t.Context(), artifacts.ID{Name: "node", Key: "fedcba9876543210"}, t.TempDir(), quiet)
		if !errors.Is(err, artifacts.ErrAbsent) {
			t.Errorf("%s: got %v for another key, want ErrAbsent", r, err)
		}
	}
	uploads := h.count("POST")
	if again := push(t, h.registry(t), programs, node); again != set {
		t.Errorf("got the set %s for the same builds, want %s", again, set)
	}
	if now := h.count("POST"); now != uploads {
		t.Errorf("got %d uploads when all was there, want none", now-uploads)
	}
}

func TestFile(t *testing.T) {
	node, programs := newBuild(t, "node"), newBuild(t, "programs")
	path := filepath.Join(t.TempDir(), "all.tar")
	if err := WriteFile(t.Context(), path, []Build{programs, node}, quiet); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("got %v beside the file (%v), want nothing", left, err)
	}
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, b := range []Build{node, programs} {
		dir := t.TempDir()
		if err := f.Fetch(t.Context(), b.ID, dir, quiet); err != nil {
			t.Fatal(err)
		}
		if got, want := listing(t, dir), listing(t, b.Dir); !slices.Equal(got, want) {
			t.Errorf("%s: got\n%q\nwant\n%q", b.ID, got, want)
		}
	}
	other := artifacts.ID{Name: "node", Key: "fedcba9876543210"}
	if err := f.Fetch(t.Context(), other, t.TempDir(), quiet); !errors.Is(err, artifacts.ErrAbsent) {
		t.Errorf("got %v for another key, want ErrAbsent", err)
	}
}

// Each byte of a file is covered by a digest, or by what reads a tar.
func TestSpoiledFiles(t *testing.T) {
	node := newBuild(t, "node")
	path := filepath.Join(t.TempDir(), "all.tar")
	if err := WriteFile(t.Context(), path, []Build{node}, quiet); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(raw []byte) error {
		spoiled := filepath.Join(t.TempDir(), "spoiled.tar")
		if err := os.WriteFile(spoiled, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := OpenFile(spoiled)
		if err != nil {
			return err
		}
		defer f.Close()
		return f.Fetch(t.Context(), node.ID, t.TempDir(), quiet)
	}
	if err := try(whole); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(whole, []byte{0x28, 0xb5, 0x2f, 0xfd}) // zstd's magic number: the layer begins
	for _, i := range []int{at + 1, at + 50, at + 200} {
		raw := slices.Clone(whole)
		raw[i] ^= 0xff
		if err := try(raw); !errors.Is(err, ErrWrong) {
			t.Errorf("byte %d spoiled: got %v, want ErrWrong", i, err)
		}
	}
	if err := try(whole[:at+300]); err == nil {
		t.Error("got no error for half a file")
	}
	if _, err := OpenFile(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no file") {
		t.Errorf("got %v for a folder, want that it is no file", err)
	}
}

// made is an image as somebody else makes it: one layer with a tar of their own, and labels.
func made(t *testing.T, labels map[string]string, arch string, write func(*tar.Writer)) v1.Image {
	t.Helper()
	file := filepath.Join(t.TempDir(), "layer")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	outer := newMeter(out)
	z, err := zstd.NewWriter(outer)
	if err != nil {
		t.Fatal(err)
	}
	inner := newMeter(z)
	w := tar.NewWriter(inner)
	write(w)
	if err := errors.Join(w.Close(), z.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	l := &layer{packed{outer.digest(), outer.size, inner.digest(), inner.size}, file}
	image, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1),
		mutate.Addendum{Layer: l, MediaType: types.OCILayerZStd})
	if err != nil {
		t.Fatal(err)
	}
	c, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c = c.DeepCopy()
	c.OS, c.Architecture, c.Config.Labels = "linux", arch, labels
	if _, said := labels[labelUnpacked]; !said {
		labels[labelUnpacked] = strconv.FormatInt(inner.size, 10)
	}
	if image, err = mutate.ConfigFile(image, c); err != nil {
		t.Fatal(err)
	}
	return image
}

func TestBuildsThatAreNoneAreRefused(t *testing.T) {
	id := artifacts.ID{Name: "node", Key: "0123456789abcdef"}
	labels := func() map[string]string { return map[string]string{labelName: id.Name, labelKey: id.Key} }
	file := func(name string) func(*tar.Writer) {
		return func(w *tar.Writer) {
			_ = w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: 4})
			_, _ = w.Write([]byte("evil"))
		}
	}
	link := func(name, to string) func(*tar.Writer) {
		return func(w *tar.Writer) {
			_ = w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to})
		}
	}
	other := labels()
	other[labelKey] = "fedcba9876543210"
	small, large := labels(), labels()
	small[labelUnpacked], large[labelUnpacked] = "10", "99999999999999"
	for _, tc := range []struct {
		name, word string
		image      v1.Image
	}{
		{"another build", "fedcba9876543210", made(t, other, platform.Architecture, file("kube"))},
		{"another architecture", "riscv64", made(t, labels(), "riscv64", file("kube"))},
		{"larger than it says", "unpack", made(t, small, platform.Architecture, file("kube"))},
		{"too large", "99999999999999", made(t, large, platform.Architecture, file("kube"))},
		{"a name above", "not inside", made(t, labels(), platform.Architecture, file("../evil"))},
		{"an absolute name", "not inside", made(t, labels(), platform.Architecture, file("/tmp/evil"))},
		{"a link outside", "outside", made(t, labels(), platform.Architecture, link("kube", "../../evil"))},
		{"an absolute link", "outside", made(t, labels(), platform.Architecture, link("kube", "/bin/sh"))},
		{"a device", "neither", made(t, labels(), platform.Architecture, func(w *tar.Writer) {
			_ = w.WriteHeader(&tar.Header{Name: "disk", Typeflag: tar.TypeBlock})
		})},
		{"no build at all", "no build", empty.Image},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHall(t)
			r := h.registry(t)
			if err := remote.Write(r.repository.Tag(id.String()), tc.image); err != nil {
				t.Fatal(err)
			}
			parent := t.TempDir()
			dir := filepath.Join(parent, "in")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			err := r.Fetch(t.Context(), id, dir, quiet)
			if !errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), tc.word) {
				t.Errorf("got %v, want ErrWrong with %q", err, tc.word)
			}
			if left, _ := os.ReadDir(parent); len(left) != 1 {
				t.Errorf("got %v beside the folder, want nothing", left)
			}
		})
	}
}

// swapped answers for a path with something else.
func swapped(
	part string, answer func(http.ResponseWriter, []byte),
) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, part) {
			next.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		if part == "/manifests/" {
			w.Header().Del("Content-Length")
		}
		answer(w, rec.Body.Bytes())
	}
}

func TestARegistryThatLies(t *testing.T) {
	node := newBuild(t, "node")
	for _, tc := range []struct {
		name, part string
		answer     func(http.ResponseWriter, []byte)
		wrong      bool
	}{
		{"another byte", "/blobs/", func(w http.ResponseWriter, b []byte) {
			b[len(b)/2] ^= 1
			_, _ = w.Write(b)
		}, false},
		{"half a blob", "/blobs/", func(w http.ResponseWriter, b []byte) { _, _ = w.Write(b[:len(b)/2]) }, false},
		{"half a blob, and says so", "/blobs/", func(w http.ResponseWriter, b []byte) {
			w.Header().Set("Content-Length", strconv.Itoa(len(b)/2))
			_, _ = w.Write(b[:len(b)/2])
		}, false},
		{"an endless manifest", "/manifests/", func(w http.ResponseWriter, _ []byte) {
			for range 64 << 10 {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		}, true},
		{"a manifest that is none", "/manifests/", func(w http.ResponseWriter, _ []byte) {
			_, _ = io.WriteString(w, "<html>")
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHall(t)
			push(t, h.registry(t), node)
			h.between = swapped(tc.part, tc.answer)
			err := h.registry(t).Fetch(t.Context(), node.ID, t.TempDir(), quiet)
			if err == nil || tc.wrong && !errors.Is(err, ErrWrong) {
				t.Errorf("got %v, want an error (ErrWrong: %t)", err, tc.wrong)
			}
		})
	}
}

// Of a pinned set, a manifest that was exchanged is not taken, though it is a build in itself.
func TestAPinnedSetBelievesNoTag(t *testing.T) {
	h := newHall(t)
	node := newBuild(t, "node")
	set := push(t, h.registry(t), node)
	evil := newBuild(t, "node")
	if err := os.WriteFile(filepath.Join(evil.Dir, "kube"), []byte("evil"), 0o755); err != nil {
		t.Fatal(err)
	}
	image, _, err := pack(t.Context(), evil, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(h.registry(t).repository.Tag(node.String()), image); err != nil {
		t.Fatal(err)
	}
	pinned, err := ParseRegistry(h.reference() + "@" + set)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := pinned.Fetch(t.Context(), node.ID, dir, quiet); err != nil {
		t.Fatal(err)
	}
	if got, want := listing(t, dir), listing(t, node.Dir); !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestARegistryThatIsDownIsAskedOnce(t *testing.T) {
	h := newHall(t)
	r := h.registry(t)
	h.Close()
	for range 2 {
		if err := r.Fetch(t.Context(), artifacts.ID{Name: "node", Key: "0"}, t.TempDir(), quiet); err == nil {
			t.Error("got no error from a registry that is not there")
		}
	}
	if r.down == nil {
		t.Error("it would be asked again")
	}
}

func TestARegistryThatStandsStill(t *testing.T) {
	h := newHall(t)
	gone := make(chan struct{})
	h.between = func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		_, _ = io.WriteString(w, "{")
		_ = http.NewResponseController(w).Flush()
		<-gone
	}
	defer close(gone)
	client := http.Client{Transport: impatient{http.DefaultTransport, 50 * time.Millisecond}}
	answer, err := client.Get(h.URL)
	if err == nil {
		_, err = io.ReadAll(answer.Body)
		answer.Body.Close()
	}
	if !errors.Is(err, errStalled) {
		t.Errorf("got %v, want errStalled", err)
	}
}

func TestAnInterruptedFetch(t *testing.T) {
	h := newHall(t)
	node := newBuild(t, "node")
	push(t, h.registry(t), node)
	ctx, cancel := context.WithCancel(t.Context())
	h.between = func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.Contains(r.URL.Path, "/blobs/") {
			cancel()
		}
		next.ServeHTTP(w, r)
	}
	if err := h.registry(t).Fetch(ctx, node.ID, t.TempDir(), quiet); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestReferences(t *testing.T) {
	for _, good := range []string{
		"registry.example.com/team/canarylab", "localhost/canarylab", "127.0.0.1:5000/canarylab",
		"registry.example.com/team@sha256:" + strings.Repeat("a", 64),
	} {
		if r, err := ParseRegistry(good); err != nil || r.String() != good {
			t.Errorf("%q: got %v, %v", good, r, err)
		}
	}
	for bad, word := range map[string]string{
		"": "no repository", "canarylab": "no repository", "team/canarylab": "no repository",
		"registry.example.com": "no repository", "registry.example.com/X": "no repository",
		"registry.example.com/x:latest": "tag", "https://registry.example.com/x": "no repository",
		"registry.example.com/x@sha256:12": "no repository", "registry.example.com/x@latest": "no repository",
		"registry.example.com/x y": "no repository", "../x": "no repository",
	} {
		if r, err := ParseRegistry(bad); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: got %v, %v, want an error with %q", bad, r, err, word)
		}
	}
}

// A registry over TLS, whose authority is its own, and which takes nobody but those who are logged in: both are where
// Docker has them.
func TestARegistryWithItsOwnAuthorityAndLogins(t *testing.T) {
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	t.Setenv("DOCKER_CONFIG", config)
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "jane" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="team"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"log in first"}]}`, http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(s.Close)
	host := strings.TrimPrefix(s.URL, "https://")
	at := func() *Registry {
		r, err := ParseRegistry(host + "/team/canarylab")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	node := newBuild(t, "node")
	pushed := func() error {
		_, err := at().Push(t.Context(), []Build{node}, t.TempDir(), quiet)
		return err
	}
	if err := pushed(); err == nil || !strings.Contains(err.Error(), "certs.d/"+host+"/ca.crt") {
		t.Errorf("got %v of an authority that nobody knows, want where to put it", err)
	}
	authority := filepath.Join(config, "docker/certs.d", host, "ca.crt")
	if err := os.MkdirAll(filepath.Dir(authority), 0o755); err != nil {
		t.Fatal(err)
	}
	encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(authority, encoded, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := pushed(); err == nil || !strings.Contains(err.Error(), "log in first") {
		t.Errorf("got %v without a login, want what the registry says", err)
	}
	login := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte("jane:secret")))
	if err := os.WriteFile(filepath.Join(config, "config.json"), []byte(login), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := pushed(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := at().Fetch(t.Context(), node.ID, dir, quiet); err != nil {
		t.Fatal(err)
	}
	if got, want := listing(t, dir), listing(t, node.Dir); !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if err := os.WriteFile(authority, []byte("no certificate"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := pushed(); err == nil || !strings.Contains(err.Error(), authority) {
		t.Errorf("got %v of a file that is no certificate, want it named", err)
	}
}

// A disk that fills while a layer is unpacked is not the layer's fault, and the error says what to do.
func TestADiskThatFillsDuringAFetch(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it takes root to make a small disk")
	}
	h := newHall(t)
	node := newBuild(t, "node")
	push(t, h.registry(t), node)
	small := t.TempDir()
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, "size=68m"); err != nil {
		t.Skipf("make a small disk: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(small, unix.MNT_DETACH) })
	dir := filepath.Join(small, "build")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	fill := sync.OnceFunc(func() {
		f, err := os.Create(filepath.Join(small, "others"))
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = f.Write(make([]byte, 1<<20))
		}
		_ = f.Close()
	})
	err := h.registry(t).Fetch(t.Context(), node.ID, dir, func(string) { fill() })
	if !errors.Is(err, unix.ENOSPC) || errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), "CANARYLAB_HOME") {
		t.Errorf("got %v, want the disk blamed, and what to do", err)
	}
}
