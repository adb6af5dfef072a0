package depot

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"

	"github.com/canarylab/canarylab/harness/filelock"
)

// platform is what a build has to be for.
var platform = v1.Platform{OS: "linux", Architecture: runtime.GOARCH}

// packed is what a layer has: its own digest and size in bytes, and those of its tar.
type packed struct {
	digest   v1.Hash
	size     int64
	diff     v1.Hash
	unpacked int64
}

// A layer is a packed folder, in a file.
type layer struct {
	packed
	file string
}

// Digest, DiffID, Size, MediaType, Compressed and Uncompressed implement v1.Layer.
func (l *layer) Digest() (v1.Hash, error)            { return l.digest, nil }
func (l *layer) DiffID() (v1.Hash, error)            { return l.diff, nil }
func (l *layer) Size() (int64, error)                { return l.size, nil }
func (l *layer) MediaType() (types.MediaType, error) { return types.OCILayerZStd, nil }
func (l *layer) Compressed() (io.ReadCloser, error)  { return os.Open(l.file) }
func (l *layer) Uncompressed() (io.ReadCloser, error) {
	return nil, errors.New("nobody needs it unpacked")
}

// A meter counts and digests what is written.
type meter struct {
	to   io.Writer
	hash interface {
		io.Writer
		Sum([]byte) []byte
	}
	size int64
}

func newMeter(to io.Writer) *meter { return &meter{to: to, hash: sha256.New()} }

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.to.Write(p)
	_, _ = m.hash.Write(p[:n]) // a hash takes everything
	m.size += int64(n)
	return n, err
}

func (m *meter) digest() v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(m.hash.Sum(nil))}
}

// pack packs a build's folder into a file in spool, and returns it as an image.
func pack(ctx context.Context, b Build, spool string) (v1.Image, *layer, error) {
	l, err := packFolder(ctx, b.Dir, filepath.Join(spool, b.String()))
	if err != nil {
		return nil, nil, fmt.Errorf("pack %s: %w", b.ID, err)
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.Append(image, mutate.Addendum{Layer: l, MediaType: types.OCILayerZStd})
	if err != nil {
		return nil, nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = platform.OS, platform.Architecture
	config.Config.Labels = map[string]string{
		labelName: b.Name, labelKey: b.Key, labelUnpacked: strconv.FormatInt(l.unpacked, 10),
	}
	image, err = mutate.ConfigFile(image, config)
	return image, l, err
}

// packFolder writes the files of dir to a file. Names are sorted and times fixed, so that equal folders give equal
// digests.
func packFolder(ctx context.Context, dir, file string) (*layer, error) {
	out, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	outer := newMeter(out)
	z, err := zstd.NewWriter(outer)
	if err != nil {
		return nil, err
	}
	inner := newMeter(z)
	t := tar.NewWriter(inner)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || path == dir {
			return err
		}
		return addEntry(t, dir, path, d)
	})
	if err := errors.Join(err, t.Close(), z.Close(), out.Close()); err != nil {
		return nil, err
	}
	return &layer{packed{outer.digest(), outer.size, inner.digest(), inner.size}, file}, nil
}

func addEntry(t *tar.Writer, dir, path string, d fs.DirEntry) error {
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return err
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: filepath.ToSlash(rel), Mode: int64(info.Mode().Perm()), ModTime: time.Unix(0, 0)}
	switch {
	case d.IsDir():
		h.Typeflag = tar.TypeDir
		return t.WriteHeader(h)
	case info.Mode()&os.ModeSymlink != 0:
		h.Typeflag = tar.TypeSymlink
		if h.Linkname, err = os.Readlink(path); err != nil {
			return err
		}
		return t.WriteHeader(h)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is neither a file nor a folder nor a link", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h.Typeflag, h.Size = tar.TypeReg, info.Size()
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}

// spooling gives do a folder in dir to pack into. What a killed process left there goes with the next.
func spooling(ctx context.Context, dir string, do func(spool string) error) error {
	spool := filepath.Join(dir, "packing")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	unlock, err := filelock.Lock(ctx, spool+".lock", "it is packing builds", nil)
	if err != nil {
		return err
	}
	defer unlock()
	if err := errors.Join(os.RemoveAll(spool), os.Mkdir(spool, 0o700)); err != nil {
		return err
	}
	return errors.Join(do(spool), os.RemoveAll(spool))
}
