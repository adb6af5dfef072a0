// Package disk asks for free space before something fills it, and deletes what has grown old.
package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Free is how many bytes of the disk that dir is on are free to use.
func Free(dir string) (uint64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("look at the free space of %s: %w", dir, err)
	}
	return fs.Bavail * uint64(fs.Bsize), nil
}

// Require returns an error that says what to do if the disk that dir is on has less than need bytes free. what names
// the thing that needs them.
func Require(dir string, need uint64, what string) error {
	free, err := Free(dir)
	if err != nil {
		return err
	}
	if free < need {
		return fmt.Errorf("%s has %.1f GB free, and %s needs up to %.1f GB: make room, or set CANARYLAB_HOME to a "+
			"folder on a larger disk",
			dir, float64(free)/1e9, what, float64(need)/1e9)
	}
	return nil
}

// KeepNewest deletes all folders in dir but the newest n. Folders whose names begin with a dot are half made:
// it deletes all of them.
func KeepNewest(dir string, n int) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	age := map[string]time.Time{}
	var whole []string
	var errs []error
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := e.Info()
		switch {
		case err != nil || !e.IsDir():
		case strings.HasPrefix(e.Name(), "."):
			errs = append(errs, os.RemoveAll(path))
		default:
			whole, age[path] = append(whole, path), info.ModTime()
		}
	}
	slices.SortFunc(whole, func(a, b string) int { return age[b].Compare(age[a]) })
	for _, path := range whole[min(n, len(whole)):] {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}
