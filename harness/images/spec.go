package images

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// A spec is one image: files by their path inside, from the host or as they are, and symbolic links.
type spec struct {
	files      map[string]string
	contents   map[string][]byte
	links      map[string]string
	folders    []string // writable by everyone, as /tmp is
	entrypoint []string
	user       string
}

// describe is all that decides what images have, but for what their files contain.
func describe(specs map[string]spec) string {
	var b strings.Builder
	for _, ref := range slices.Sorted(maps.Keys(specs)) {
		s := specs[ref]
		fmt.Fprintln(&b, ref, s.folders, s.entrypoint, s.user)
		for _, name := range slices.Sorted(maps.Keys(s.files)) {
			fmt.Fprintln(&b, name, s.files[name])
		}
		for _, name := range slices.Sorted(maps.Keys(s.contents)) {
			fmt.Fprintf(&b, "%s %q\n", name, s.contents[name])
		}
		for _, name := range slices.Sorted(maps.Keys(s.links)) {
			fmt.Fprintln(&b, name, s.links[name])
		}
	}
	return b.String()
}

// fingerprint changes whenever an image would: with a path inside, a file's own path (the cache's say what they were
// built from), its size or its time, for the system's libraries are upgraded in place.
func fingerprint(specs map[string]spec) (string, error) {
	var b strings.Builder
	b.WriteString(describe(specs))
	for _, ref := range slices.Sorted(maps.Keys(specs)) {
		files := specs[ref].files
		for _, name := range slices.Sorted(maps.Keys(files)) {
			info, err := os.Stat(files[name])
			if err != nil {
				return "", fmt.Errorf("look at a file of the image %s: %w", ref, err)
			}
			fmt.Fprintln(&b, name, info.Size(), info.ModTime().UnixNano())
		}
	}
	return b.String(), nil
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
	config.Config = v1.Config{Entrypoint: s.entrypoint, User: s.user, Env: []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}}
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
		if err := header(t, dir+"/", tar.TypeDir, folders[dir], 0, ""); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := addFile(t, name, s.files[name]); err != nil {
			return err
		}
	}
	for _, name := range contents {
		if err := header(t, name, tar.TypeReg, 0o755, int64(len(s.contents[name])), ""); err != nil {
			return err
		}
		if _, err := t.Write(s.contents[name]); err != nil {
			return err
		}
	}
	for _, name := range links {
		if err := header(t, name, tar.TypeSymlink, 0o777, 0, s.links[name]); err != nil {
			return err
		}
	}
	return t.Close()
}

// epoch is the time of every file in an image.
var epoch = time.Unix(0, 0)

func header(t *tar.Writer, name string, kind byte, mode, size int64, link string) error {
	return t.WriteHeader(&tar.Header{
		Name: strings.TrimPrefix(name, "/"), Typeflag: kind, Mode: mode, Size: size, Linkname: link, ModTime: epoch,
	})
}

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
	if err := header(t, name, tar.TypeReg, 0o755, info.Size(), ""); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}
