// Package disk asks for free space before something fills it.
package disk

import (
	"fmt"

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
