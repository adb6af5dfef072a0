package embedded

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupBusy is how long a cgroup may stay busy after its last process was killed.
const cgroupBusy = 5 * time.Second

// reapCgroups removes the folders of a dead cluster's pods, which the kernel leaves behind, in every hierarchy.
func reapCgroups(name string) error {
	tops, err := filepath.Glob(filepath.Join("/sys/fs/cgroup", "*", name))
	if err != nil {
		return err
	}
	tops = append(tops, filepath.Join("/sys/fs/cgroup", name))
	var errs []error
	for _, top := range tops {
		errs = append(errs, removeCgroup(top))
	}
	return errors.Join(errs...)
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
	for i := len(dirs) - 1; i >= 0; i-- {
		for {
			err := unix.Rmdir(dirs[i])
			if err == nil || errors.Is(err, unix.ENOENT) {
				break
			}
			if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
				return fmt.Errorf("remove the cgroup %s: %w", dirs[i], err)
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
	found, err := filepath.Glob("/sys/fs/cgroup/*/" + p.cgroup("*"))
	if err != nil {
		return err
	}
	unified, err := filepath.Glob("/sys/fs/cgroup/" + p.cgroup("*"))
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, path := range append(found, unified...) {
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
