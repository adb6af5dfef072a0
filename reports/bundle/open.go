package bundle

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/canarylab/canarylab/reports"
)

// Open returns the folder of a run that is given as a folder, by the report.json in it, or as a bundle. A
// bundle is unpacked into a temporary folder, which done removes; done is never nil.
//
// A bundle comes from anywhere: only plain files are taken from it, only into that folder, and no more than a
// run can have.
func Open(name string) (dir string, done func() error, err error) {
	done = func() error { return nil }
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", done, fmt.Errorf("open run: a run is a folder with a %s, or a bundle of one: %w",
			reports.ReportFile, err)
	case err != nil:
		return "", done, fmt.Errorf("open run: %w", err)
	case info.IsDir():
		return name, done, nil
	case filepath.Base(name) == reports.ReportFile:
		return filepath.Dir(name), done, nil
	case !info.Mode().IsRegular():
		return "", done, fmt.Errorf("open run: %s is %w: it is no file", name, ErrNoBundle)
	}
	temp, err := os.MkdirTemp("", "canarylab-bundle-*")
	if err != nil {
		return "", done, fmt.Errorf("open bundle: %w", err)
	}
	done = func() error { return os.RemoveAll(temp) }
	folder, err := unpack(name, info.Size(), temp)
	if err == nil {
		err = withinGrowth(filepath.Join(temp, folder), info.Size())
	}
	if err != nil {
		return "", func() error { return nil }, errors.Join(fmt.Errorf("open bundle: %w", err), done())
	}
	return filepath.Join(temp, folder), done, nil
}

// unpack unpacks a bundle of a size into temp, and returns the name of the one folder in it.
func unpack(name string, size int64, temp string) (folder string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	other := func(err error) error {
		return fmt.Errorf("%s is %w (a %s that canarylab bundle made): %w", name, ErrNoBundle, Ext, err)
	}
	foreign := func(why string, args ...any) error {
		return fmt.Errorf("%s is no bundle that canarylab made: "+why, append([]any{name}, args...)...)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return "", other(err)
	}
	root, err := os.OpenRoot(temp)
	if err != nil {
		return "", err
	}
	defer root.Close()
	left := int64(MaxBytes)
	t, seen := tar.NewReader(z), map[string]bool{}
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && len(seen) == 0 {
			return "", other(err)
		}
		if err != nil {
			return "", damaged(name, err)
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		if err := acceptable(h); err != nil {
			return "", foreign("%w", err)
		}
		top, _, _ := strings.Cut(h.Name, "/")
		folder = cmp.Or(folder, top)
		switch {
		case folder != top:
			return "", foreign("it has two folders, %q and %q", folder, top)
		case seen[h.Name]:
			return "", foreign("it has %q twice", h.Name)
		case len(seen) == MaxFiles:
			return "", foreign("it has more than %d files", MaxFiles)
		case h.Size > left:
			return "", foreign("its files are larger than %s together", Size(MaxBytes))
		}
		seen[h.Name] = true
		left -= h.Size
		if err := withinRatio(MaxBytes-left, size); err != nil {
			return "", foreign("%w", err)
		}
		if err := extract(root, h, t); err != nil {
			return "", damaged(name, err)
		}
	}
	// The end of the file has its checksum.
	if _, err := io.Copy(io.Discard, io.LimitReader(z, 1<<20)); err != nil {
		return "", damaged(name, err)
	}
	if !seen[folder+"/"+reports.ReportFile] {
		return "", fmt.Errorf("%s is %w: it has no %s", name, ErrNoBundle, reports.ReportFile)
	}
	return folder, nil
}

// damaged says that a bundle can't be read to its end.
func damaged(name string, err error) error {
	var disk *fs.PathError
	if errors.As(err, &disk) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s is cut off, as by a copy that broke: copy it again: %w", name, err)
	}
	return fmt.Errorf("%s is damaged: copy it again: %w", name, err)
}

// acceptable tells whether an entry is a plain file within one folder.
func acceptable(h *tar.Header) error {
	switch {
	case h.Typeflag != tar.TypeReg:
		return fmt.Errorf("%q is no plain file", h.Name)
	case h.Name != path.Clean(h.Name) || !filepath.IsLocal(filepath.FromSlash(h.Name)) || strings.Contains(h.Name, `\`):
		return fmt.Errorf("%q leads out of its folder", h.Name)
	case !strings.Contains(h.Name, "/"):
		return fmt.Errorf("%q is in no folder", h.Name)
	case h.Size < 0:
		return fmt.Errorf("%q has a size below 0", h.Name)
	}
	return nil
}

// extract writes an entry's file. The root lets nothing out, whatever its name is.
func extract(root *os.Root, h *tar.Header, from io.Reader) error {
	name := filepath.FromSlash(h.Name)
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}
