// Package atomicfile writes files whole: a reader sees the old file or the new one, never a part.
package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile makes the file at path, with perm, of what write writes. The content reaches the disk before the
// file takes its name. If anything fails, path is as it was, and nothing is left beside it.
func WriteFile(path string, perm fs.FileMode, write func(io.Writer) error) error {
	return create(path, perm, write, os.Rename)
}

// WriteNew is WriteFile for a path where no file may be. The error wraps fs.ErrExist if there is one, also one
// that came there meanwhile.
func WriteNew(path string, perm fs.FileMode, write func(io.Writer) error) error {
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return create(path, perm, write, func(from, to string) error {
		switch err := os.Link(from, to); {
		case err == nil:
			return os.Remove(from)
		case errors.Is(err, fs.ErrExist):
			return err
		}
		return os.Rename(from, to) // the file system has no links
	})
}

func create(path string, perm fs.FileMode, write func(io.Writer) error, place func(from, to string) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	finished := false
	defer func() {
		if !finished { // also where write panics
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	// CreateTemp makes files for their owner only.
	if err := errors.Join(f.Chmod(perm), f.Sync()); err != nil {
		return err
	}
	if err := place(f.Name(), path); err != nil {
		return err
	}
	finished = true
	return f.Close()
}
