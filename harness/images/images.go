// Package images makes the OCI images that the lab's clusters run, from binaries that this machine built. No registry
// and no base image is involved.
package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/canarylab/canarylab/harness/artifacts"
)

// The references that manifests use. Istio's two are hub/name:tag of its own rendering.
const (
	// Prefix begins all of them.
	Prefix    = "canarylab/"
	Pilot     = "canarylab/pilot:dev"
	Proxy     = "canarylab/proxyv2:dev"
	SampleApp = "canarylab/sampleapp:dev"
	LoadGen   = "canarylab/loadgen:dev"
	AccessLog = "canarylab/accesslog:dev"
	Pause     = "canarylab/pause:dev"
	// Prometheus is of few scenarios' use and not among the images of Build: BuildPrometheus makes it.
	Prometheus = "canarylab/prometheus:dev"
)

// proxyUser is the user that Istio's sidecars run as: istio-init excludes its traffic from capture by this number
// (istio.io/istio, pkg/bootstrap and the injection template).
const proxyUser = "1337:1337"

// Binaries builds or finds the programs that go into images, each in a folder of its own.
type Binaries interface {
	Istio(ctx context.Context) (string, error)
	Programs(ctx context.Context) (string, error)
	Envoy(ctx context.Context) (string, error)
}

// A spec is one image: files by their path inside, from the host or as they are, and symbolic links.
type spec struct {
	files      map[string]string
	contents   map[string][]byte
	links      map[string]string
	folders    []string // writable by everyone, as /tmp is
	entrypoint []string
	user       string
}

// A Store builds or finds the programs that go into images, and keeps the images.
type Store interface {
	Binaries
	keeper
}

// Which says which images to build.
type Which int

// All builds every image, WithoutIstio leaves out Istio's two, which then come from somewhere else.
const (
	All Which = iota
	WithoutIstio
)

// Build returns images, keyed by reference. They are made once of the same binaries; then they come from the store,
// with their digests known.
func Build(ctx context.Context, s Store, which Which) (map[string]v1.Image, error) {
	specs, err := specs(ctx, s, which)
	if err != nil {
		return nil, err
	}
	return keep(ctx, s, "images", specs)
}

// A keeper keeps what was built.
type keeper interface {
	Get(ctx context.Context, r artifacts.Recipe) (string, error)
}

// keep makes the images, or finds them in the store under that name.
func keep(ctx context.Context, s keeper, name string, specs map[string]spec) (map[string]v1.Image, error) {
	how, err := fingerprint(specs)
	if err != nil {
		return nil, err
	}
	dir, err := s.Get(ctx, artifacts.Recipe{
		Name: name, How: how, Free: 1 << 30,
		Make: func(_ context.Context, dir string, say func(string)) error {
			path, err := layout.Write(dir, empty.Index)
			if err != nil {
				return err
			}
			for ref, spec := range specs {
				say(ref)
				image, err := spec.build()
				if err == nil {
					err = path.AppendImage(image, layout.WithAnnotations(map[string]string{refAnnotation: ref}))
				}
				if err != nil {
					return fmt.Errorf("make the image %s: %w", ref, err)
				}
			}
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return read(dir)
}

// refAnnotation is where an OCI layout notes an image's reference (OCI image specification, annotations).
const refAnnotation = "org.opencontainers.image.ref.name"

// read returns the images of an OCI layout. Their files are read when they are needed.
func read(dir string) (map[string]v1.Image, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("read the images in %s: %w", dir, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read the images in %s: %w", dir, err)
	}
	images := map[string]v1.Image{}
	for _, d := range manifest.Manifests {
		if images[d.Annotations[refAnnotation]], err = index.Image(d.Digest); err != nil {
			return nil, fmt.Errorf("read the image %s in %s: %w", d.Annotations[refAnnotation], dir, err)
		}
	}
	return images, nil
}

// Released returns Istio's released images. They are read from the registry when they are needed.
func Released(ctx context.Context, hub, tag string) (map[string]v1.Image, error) {
	set := map[string]v1.Image{}
	for _, program := range []string{"pilot", "proxyv2"} {
		ref, image, err := fetch(ctx, hub+"/"+program+":"+tag)
		if err != nil {
			return nil, fmt.Errorf("a released image of Istio: %w", err)
		}
		set[ref] = image
	}
	return set, nil
}

// fetch finds an image for this machine in its registry. It returns the reference in full.
func fetch(ctx context.Context, reference string) (string, v1.Image, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return "", nil, err
	}
	platform := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	image, err := remote.Image(ref, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithPlatform(platform))
	if err != nil {
		return "", nil, fmt.Errorf("fetch %s: %w", ref, err)
	}
	return ref.String(), image, nil
}

// specs are the images, by reference.
func specs(ctx context.Context, b Binaries, which Which) (map[string]spec, error) {
	programs, err := b.Programs(ctx)
	if err != nil {
		return nil, err
	}
	all := programSpecs(programs)
	if which == WithoutIstio {
		return all, nil
	}
	istio, err := b.Istio(ctx)
	if err != nil {
		return nil, err
	}
	envoy, err := b.Envoy(ctx)
	if err != nil {
		return nil, err
	}
	if all[Proxy], err = proxySpec(ctx, istio, filepath.Join(envoy, "envoy")); err != nil {
		return nil, err
	}
	all[Pilot] = spec{
		files:      map[string]string{"/usr/local/bin/pilot-discovery": filepath.Join(istio, "pilot-discovery")},
		folders:    []string{"/tmp", "/var/run", "/etc/istio"},
		entrypoint: []string{"/usr/local/bin/pilot-discovery"}, user: proxyUser,
	}
	return all, nil
}

// programSpecs are the images of the lab's own programs.
func programSpecs(programs string) map[string]spec {
	single := func(dir, name, user string) spec {
		return spec{files: map[string]string{"/" + name: filepath.Join(dir, name)}, entrypoint: []string{"/" + name}, user: user}
	}
	return map[string]spec{
		SampleApp: single(programs, "sampleapp", "65532:65532"),
		LoadGen: {
			files:      map[string]string{"/loadgen": filepath.Join(programs, "loadgen"), "/vegeta": filepath.Join(programs, "vegeta")},
			entrypoint: []string{"/loadgen"}, user: "65532:65532",
		},
		AccessLog: single(programs, "accesslog", "65532:65532"),
		Pause:     single(programs, "pause", "65535:65535"),
	}
}

// fingerprint changes whenever an image would: with a path inside, a file's own path (the cache's say what they were
// built from), its size or its time, for the system's libraries are upgraded in place.
func fingerprint(specs map[string]spec) (string, error) {
	var b strings.Builder
	for _, ref := range slices.Sorted(maps.Keys(specs)) {
		s := specs[ref]
		fmt.Fprintln(&b, ref, s.folders, s.entrypoint, s.user)
		for _, name := range slices.Sorted(maps.Keys(s.files)) {
			info, err := os.Stat(s.files[name])
			if err != nil {
				return "", fmt.Errorf("look at a file of the image %s: %w", ref, err)
			}
			fmt.Fprintln(&b, name, s.files[name], info.Size(), info.ModTime().UnixNano())
		}
		for _, name := range slices.Sorted(maps.Keys(s.contents)) {
			fmt.Fprintf(&b, "%s %q\n", name, s.contents[name])
		}
		for _, name := range slices.Sorted(maps.Keys(s.links)) {
			fmt.Fprintln(&b, name, s.links[name])
		}
	}
	return b.String(), nil
}

// proxySpec is Istio's sidecar: Envoy and its agent, and nft, with which istio-init captures a pod's traffic. Envoy and
// nft need the host's C library and what else they are linked to.
func proxySpec(ctx context.Context, istio, envoy string) (spec, error) {
	nft, files, err := nftables(ctx)
	if err != nil {
		return spec{}, err
	}
	libs, err := libraries(ctx, envoy)
	if err != nil {
		return spec{}, err
	}
	maps.Copy(files, libs)
	maps.Copy(files, map[string]string{
		"/usr/local/bin/pilot-agent": filepath.Join(istio, "pilot-agent"),
		"/usr/local/bin/envoy":       envoy,
		"/usr/sbin/nft":              nft,
		// Where the agent looks for it (istio.io/istio, pkg/bootstrap: DefaultCfgDir).
		"/var/lib/istio/envoy/envoy_bootstrap_tmpl.json": filepath.Join(istio, "envoy_bootstrap_tmpl.json"),
	})
	return spec{
		files:      files,
		folders:    []string{"/tmp", "/var/run", "/run", "/var/lib/istio/data", "/etc/istio/proxy"},
		entrypoint: []string{"/usr/local/bin/pilot-agent"}, user: proxyUser,
	}, nil
}

// build makes an image of one layer, on top of those below.
func (s spec) build(below ...v1.Layer) (v1.Image, error) {
	// Stored, not compressed: images travel from one folder of this machine to another.
	layer, err := tarball.LayerFromOpener(s.open, tarball.WithCompressionLevel(gzip.NoCompression))
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, append(below, layer)...)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = v1.Config{Entrypoint: s.entrypoint, User: s.user, Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}}
	return mutate.ConfigFile(image, config)
}

// open streams the layer as a tar file. Names are sorted and times fixed, so that equal files give equal digests.
func (s spec) open() (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() { w.CloseWithError(s.write(w)) }()
	return r, nil
}

func (s spec) write(w io.Writer) error {
	t := tar.NewWriter(w)
	folders := map[string]int64{}
	for _, f := range s.folders {
		folders[f] = 0o1777
	}
	names := slices.Sorted(maps.Keys(s.files))
	contents, links := slices.Sorted(maps.Keys(s.contents)), slices.Sorted(maps.Keys(s.links))
	for _, name := range slices.Concat(names, contents, links, s.folders) {
		for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
			if _, known := folders[dir]; !known {
				folders[dir] = 0o755
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		if err := t.WriteHeader(&tar.Header{Name: strings.TrimPrefix(dir, "/") + "/", Typeflag: tar.TypeDir, Mode: folders[dir], ModTime: epoch}); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := addFile(t, name, s.files[name]); err != nil {
			return err
		}
	}
	for _, name := range contents {
		header := &tar.Header{Name: strings.TrimPrefix(name, "/"), Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(s.contents[name])), ModTime: epoch}
		if err := t.WriteHeader(header); err != nil {
			return err
		}
		if _, err := t.Write(s.contents[name]); err != nil {
			return err
		}
	}
	for _, name := range links {
		header := &tar.Header{Name: strings.TrimPrefix(name, "/"), Typeflag: tar.TypeSymlink, Linkname: s.links[name], Mode: 0o777, ModTime: epoch}
		if err := t.WriteHeader(header); err != nil {
			return err
		}
	}
	return t.Close()
}

// epoch is the time of every file in an image.
var epoch = time.Unix(0, 0)

func addFile(t *tar.Writer, name, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{Name: strings.TrimPrefix(name, "/"), Typeflag: tar.TypeReg, Mode: 0o755, Size: info.Size(), ModTime: epoch}
	if err := t.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}

// Digest identifies the whole set of images.
func Digest(images map[string]v1.Image) (string, error) {
	var b bytes.Buffer
	for _, ref := range slices.Sorted(maps.Keys(images)) {
		d, err := images[ref].Digest()
		if err != nil {
			return "", fmt.Errorf("the digest of %s: %w", ref, err)
		}
		fmt.Fprintln(&b, ref, d)
	}
	h, _, err := v1.SHA256(&b)
	if err != nil {
		return "", err
	}
	return h.Hex[:16], nil
}

// Configs are the digests of the images' configurations, by reference: they decide what an image contains.
func Configs(images map[string]v1.Image) (map[string]string, error) {
	m := make(map[string]string, len(images))
	for ref, image := range images {
		d, err := image.ConfigName()
		if err != nil {
			return nil, fmt.Errorf("the digest of %s: %w", ref, err)
		}
		m[ref] = d.String()
	}
	return m, nil
}

// errNoProgram is returned for a program that is in none of the usual folders.
var errNoProgram = errors.New("no such program")

// lookProgram finds a system program also where the user's PATH lacks the sbin folders, as Debian's does.
func lookProgram(name string) (string, error) {
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/local/bin"} {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, errNoProgram)
}
