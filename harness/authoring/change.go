package authoring

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// A change is what becomes of one file.
type change struct {
	path string // below the root
	// old is nil for a new file.
	old, now []byte
}

// edit makes the change of a file that is there.
func edit(root, path string, f func([]byte) ([]byte, error)) (change, error) {
	old, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return change{}, err
	}
	now, err := f(old)
	if err != nil {
		return change{}, fmt.Errorf("edit %s: %w", path, err)
	}
	return change{path, old, now}, nil
}

// write makes all changes, the new folder dir first. If one fails, those before it are taken back.
func write(root, dir string, changes []change) (written []string, err error) {
	var undo []func() error
	defer func() {
		if err == nil {
			return
		}
		written = nil
		for _, f := range slices.Backward(undo) {
			err = errors.Join(err, f())
		}
	}()
	full := filepath.Join(root, dir)
	if err := os.Mkdir(full, 0o755); err != nil {
		return nil, err
	}
	undo = append(undo, func() error { return os.Remove(full) })
	for _, c := range changes {
		path := filepath.Join(root, c.path)
		// A file that is there keeps its mode. A new one must not be there: it would be somebody else's.
		flag := os.O_WRONLY | os.O_TRUNC
		takeBack := func() error { return os.WriteFile(path, c.old, 0o644) }
		if c.old == nil {
			flag = os.O_WRONLY | os.O_CREATE | os.O_EXCL
			takeBack = func() error { return os.Remove(path) }
		}
		f, err := os.OpenFile(path, flag, 0o644)
		if err != nil {
			return nil, err
		}
		undo = append(undo, takeBack)
		_, err = f.Write(c.now)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		written = append(written, c.path)
	}
	return written, nil
}
