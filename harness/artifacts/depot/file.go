package depot

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/internal/atomicfile"
)

// Files of an OCI image layout (OCI image specification, image-layout.md).
const (
	layoutFile = "oci-layout"
	layoutText = `{"imageLayoutVersion":"1.0.0"}`
	indexFile  = "index.json"
	blobFolder = "blobs/sha256/"
)

// A File is an OCI image layout in a tar file. It has to be closed.
type File struct {
	path    string
	f       *os.File
	blobs   map[string]*io.SectionReader // by the digest that their names say
	members map[string]v1.Hash
}

var _ artifacts.Depot = (*File)(nil)

// OpenFile opens what WriteFile wrote.
func OpenFile(path string) (_ *File, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s is no file: its parts are read in an order of their own, so it can't "+
			"be a pipe", path), err)
	}
	d := &File{path: path, f: f, blobs: map[string]*io.SectionReader{}}
	if err := d.scan(); err != nil {
		return nil, fmt.Errorf("%s is no file of canarylab artifacts export: %w", path, err)
	}
	return d, nil
}

// scan finds what the tar has, and reads its index.
func (d *File) scan() error {
	t := tar.NewReader(d.f)
	var index []byte
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if n == maxFiles {
			return fmt.Errorf("it has more than %d parts", maxFiles)
		}
		// The reader stands at the part's first byte: it reads headers in whole blocks, and nothing in advance.
		at, err := d.f.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		part := io.NewSectionReader(d.f, at, h.Size)
		switch digest, isBlob := strings.CutPrefix(h.Name, blobFolder); {
		case isBlob:
			d.blobs["sha256:"+digest] = part
		case h.Name == indexFile && h.Size <= maxManifest:
			if index, err = io.ReadAll(part); err != nil {
				return err
			}
		}
	}
	if index == nil {
		return fmt.Errorf("it has no %s: the file is not whole, or another one", indexFile)
	}
	var err error
	d.members, err = members(index, nil)
	return err
}

// Close closes the file.
func (d *File) Close() error { return d.f.Close() }

// String implements artifacts.Depot.
func (d *File) String() string { return d.path }

// Fetch implements artifacts.Depot.
func (d *File) Fetch(ctx context.Context, id artifacts.ID, dir string, say func(string)) error {
	return fetch(ctx, d, id, dir, say)
}

// manifest implements shelf.
func (d *File) manifest(ctx context.Context, id artifacts.ID) ([]byte, *v1.Hash, error) {
	digest, ok := d.members[id.String()]
	if !ok {
		return nil, nil, fmt.Errorf("%s: %w", id, artifacts.ErrAbsent)
	}
	blob, err := d.blob(ctx, digest, -1)
	if err != nil {
		return nil, nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(blob, maxManifest))
	return raw, &digest, err
}

// blob implements shelf.
func (d *File) blob(_ context.Context, digest v1.Hash, size int64) (io.ReadCloser, error) {
	part := d.blobs[digest.String()]
	if part == nil {
		return nil, fmt.Errorf("%w: %s has no blob %s", ErrWrong, d, digest)
	}
	if size >= 0 && part.Size() != size {
		return nil, fmt.Errorf("%w: the blob %s in %s has %d bytes and should have %d", ErrWrong, digest, d,
			part.Size(), size)
	}
	return io.NopCloser(io.NewSectionReader(part, 0, part.Size())), nil
}

// WriteFile writes builds to a file, which is whole or not there. It packs them beside it, and calls say with what it
// is at.
func WriteFile(ctx context.Context, path string, builds []Build, say func(string)) error {
	spool, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(spool)
	return atomicfile.WriteFile(path, 0o644, func(w io.Writer) error {
		t := tar.NewWriter(w)
		if err := addBytes(t, layoutFile, []byte(layoutText)); err != nil {
			return err
		}
		index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
		for _, b := range sorted(builds) {
			say("pack " + b.Name)
			image, l, err := pack(ctx, b, spool)
			if err != nil {
				return err
			}
			say("write " + b.Name)
			if err := addImage(t, image, l); err != nil {
				return fmt.Errorf("write %s to %s: %w", b.Name, path, err)
			}
			if err := os.Remove(l.file); err != nil {
				return err
			}
			index = mutate.AppendManifests(index, entry(image, b))
		}
		raw, err := index.RawManifest()
		if err != nil {
			return err
		}
		return errors.Join(addBytes(t, indexFile, raw), t.Close())
	})
}

// addImage adds an image's blobs to a layout.
func addImage(t *tar.Writer, image v1.Image, l *layer) error {
	manifest, err := image.RawManifest()
	if err != nil {
		return err
	}
	config, err := image.RawConfigFile()
	if err != nil {
		return err
	}
	for _, raw := range [][]byte{manifest, config} {
		digest, _, err := v1.SHA256(bytes.NewReader(raw))
		if err != nil {
			return err
		}
		if err := addBytes(t, blobFolder+digest.Hex, raw); err != nil {
			return err
		}
	}
	f, err := os.Open(l.file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := t.WriteHeader(&tar.Header{
		Name: blobFolder + l.digest.Hex, Typeflag: tar.TypeReg, Mode: 0o644, Size: l.size,
	}); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}

func addBytes(t *tar.Writer, name string, raw []byte) error {
	h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(raw))}
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err := t.Write(raw)
	return err
}
