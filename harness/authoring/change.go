package authoring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A change is what becomes of one file.
type change struct {
	path string // below the root
	// old is nil for a new file.
	old, now []byte
	mode     fs.FileMode
}

// edit makes the change of a file that is there.
func edit(root, path string, f func([]byte) ([]byte, error)) (change, error) {
	full := filepath.Join(root, path)
	info, err := os.Stat(full)
	if err != nil {
		return change{}, err
	}
	old, err := os.ReadFile(full)
	if err != nil {
		return change{}, err
	}
	now, err := f(old)
	if err != nil {
		return change{}, fmt.Errorf("edit %s: %w", path, err)
	}
	return change{path, old, now, info.Mode()}, nil
}

// write makes all changes, the new folder dir first. If one fails, those before it are taken back.
func write(root, dir string, changes []change) (written []string, err error) {
	var undo []func() error
	defer func() {
		if err == nil {
			return
		}
		written = nil
		for i := len(undo) - 1; i >= 0; i-- {
			err = errors.Join(err, undo[i]())
		}
	}()
	full := filepath.Join(root, dir)
	if err := os.Mkdir(full, 0o755); err != nil {
		return nil, err
	}
	undo = append(undo, func() error { return os.Remove(full) })
	for _, c := range changes {
		path := filepath.Join(root, c.path)
		if c.old == nil {
			undo = append(undo, func() error { return ignoreMissing(os.Remove(path)) })
			if err := create(path, c.now); err != nil {
				if errors.Is(err, fs.ErrExist) {
					undo = undo[:len(undo)-1] // somebody else's
				}
				return nil, err
			}
		} else {
			undo = append(undo, func() error { return os.WriteFile(path, c.old, c.mode) })
			if err := os.WriteFile(path, c.now, c.mode); err != nil {
				return nil, err
			}
		}
		written = append(written, c.path)
	}
	return written, nil
}

// create writes a file that must not be there.
func create(path string, b []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(b)
	return err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
