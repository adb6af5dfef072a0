package embedded

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupBusy is how long a cgroup may stay busy after its last process was killed.
const cgroupBusy = 5 * time.Second

// reapCgroups removes the folders of a dead cluster's pods, which the kernel leaves behind, in every hierarchy.
func reapCgroups(name string) error {
	tops, err := cgroups(name)
	if err != nil {
		return err
	}
	var errs []error
	for _, top := range tops {
		errs = append(errs, removeCgroup(top))
	}
	return errors.Join(errs...)
}

// cgroups finds the folders of that name, which may be a pattern, in every hierarchy.
func cgroups(name string) ([]string, error) {
	found, err := filepath.Glob("/sys/fs/cgroup/*/" + name)
	unified, unifiedErr := filepath.Glob("/sys/fs/cgroup/" + name)
	return append(found, unified...), errors.Join(err, unifiedErr)
}

// removeCgroup removes one tree of cgroups, leaves first.
func removeCgroup(top string) error {
	var dirs []string
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil // whatever vanishes meanwhile is what is wanted
	})
	if err != nil {
		return err
	}
	deadline := time.Now().Add(cgroupBusy)
	for _, dir := range slices.Backward(dirs) {
		for {
			err := unix.Rmdir(dir)
			if err == nil || errors.Is(err, unix.ENOENT) {
				break
			}
			if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
				return fmt.Errorf("remove the cgroup %s: %w", dir, err)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	return nil
}

// cgroup is the folder of a cluster's pods. The home folder is part of it: two homes may have clusters of one name.
func (p *Provider) cgroup(name string) string {
	home := sha256.Sum256([]byte(p.Home))
	return fmt.Sprintf("canarylab-%x-%s", home[:3], name)
}

// reapDead removes the cgroup folders of everything of this home that is dead, whether or not its state is still there.
func (p *Provider) reapDead() error {
	found, err := cgroups(p.cgroup("*"))
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, path := range found {
		names[strings.TrimPrefix(filepath.Base(path), p.cgroup(""))] = true
	}
	var errs []error
	for name := range names {
		if alive, err := p.layout(name).alive(); err == nil && !alive {
			errs = append(errs, reapCgroups(p.cgroup(name)))
		}
	}
	return errors.Join(errs...)
}
