package depot

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/canarylab/canarylab/harness/disk"
)

// spare is how many bytes stay free on the disk beside what is unpacked.
const spare = 64 << 20

// sayEvery is how often somebody is told how far it is.
const sayEvery = 500 * time.Millisecond

// unpack writes the files of a layer below dir, which is empty, and to the disk. The error wraps ErrWrong where the
// layer is not what it should be; what was written by then is to be thrown away.
func unpack(ctx context.Context, blob io.Reader, want packed, dir string, say func(string)) error {
	if err := disk.Require(dir, uint64(want.unpacked)+spare, "what is unpacked"); err != nil {
		return err
	}
	began := time.Now()
	outer, inner := newMeter(io.Discard), newMeter(io.Discard)
	source := &told{ctx: ctx, from: blob, say: func(n int64) {
		say(fmt.Sprintf("%d of %d MB, %.0f s", n>>20, want.size>>20, time.Since(began).Seconds()))
	}}
	blob = io.TeeReader(io.LimitReader(source, want.size+1), outer)
	z, err := zstd.NewReader(blob, zstd.WithDecoderMaxWindow(64<<20), zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		return err
	}
	defer z.Close()
	content := io.TeeReader(io.LimitReader(z, want.unpacked+1), inner)
	if err := writeFiles(content, dir); err != nil {
		return blame(source.err, err)
	}
	// The end of both streams belongs to their digests.
	if _, err := io.Copy(io.Discard, content); err != nil {
		return blame(source.err, err)
	}
	if _, err := io.Copy(io.Discard, blob); err != nil {
		return blame(source.err, err)
	}
	got := packed{outer.digest(), outer.size, inner.digest(), inner.size}
	if got != want {
		return fmt.Errorf("%w: the layer has %d bytes and the digest %s, unpacked %d and %s; it should have %d, %s, "+
			"%d and %s", ErrWrong, got.size, got.digest, got.unpacked, got.diff, want.size, want.digest, want.unpacked,
			want.diff)
	}
	return nil
}

// blame says whose fault an error is: that of who gives the layer, if reading it failed, the disk's, or the content's.
func blame(reading, err error) error {
	var disk *fs.PathError
	switch {
	case reading != nil:
		return fmt.Errorf("read the layer: %w", reading)
	case errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("unpack the layer: %w: make room, or set CANARYLAB_HOME to a folder on a larger disk", err)
	case errors.As(err, &disk):
		return fmt.Errorf("unpack the layer: %w", err)
	}
	return fmt.Errorf("%w: unpack the layer: %w", ErrWrong, err)
}

// told passes on what is read, unless ctx has ended, and tells now and then how much that was. It keeps the error that
// reading ended in.
type told struct {
	ctx  context.Context
	from io.Reader
	say  func(int64)
	n    int64
	last time.Time
	err  error
}

func (t *told) Read(p []byte) (int, error) {
	if t.err = t.ctx.Err(); t.err != nil {
		return 0, t.err
	}
	n, err := t.from.Read(p)
	t.n += int64(n)
	if now := time.Now(); now.Sub(t.last) > sayEvery {
		t.last = now
		t.say(t.n)
	}
	if !errors.Is(err, io.EOF) {
		t.err = err
	}
	return n, err
}

// writeFiles writes what a tar has below dir: files, folders and links that stay inside. It never leaves dir, by
// whatever name or link.
func writeFiles(content io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	t := tar.NewReader(content)
	folders := []string{"."}
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if n == maxFiles {
			return fmt.Errorf("it has more than %d files", maxFiles)
		}
		if !filepath.IsLocal(h.Name) {
			return fmt.Errorf("it has the name %q, which is not inside", h.Name)
		}
		if err := writeEntry(root, t, h); err != nil {
			return err
		}
		if h.Typeflag == tar.TypeDir {
			folders = append(folders, h.Name)
		}
	}
	for _, name := range folders {
		if err := syncFolder(root, name); err != nil {
			return err
		}
	}
	return nil
}

func writeEntry(root *os.Root, content io.Reader, h *tar.Header) error {
	mode := fs.FileMode(h.Mode).Perm()
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(path.Clean(h.Name), mode|0o700)
	case tar.TypeSymlink:
		if path.IsAbs(h.Linkname) || !filepath.IsLocal(path.Join(path.Dir(h.Name), h.Linkname)) {
			return fmt.Errorf("its link %q leads to %q, outside", h.Name, h.Linkname)
		}
		return root.Symlink(h.Linkname, h.Name)
	case tar.TypeReg:
		f, err := root.OpenFile(h.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		// The process's mask must not take a mode away.
		return errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	}
	return fmt.Errorf("%q is neither a file nor a folder nor a link", h.Name)
}

func syncFolder(root *os.Root, name string) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
