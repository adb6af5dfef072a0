package embedded

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/canarylab/canarylab/harness/patience"
)

// cgroupRoot is where the hierarchies are: folders of cgroup v1, or the one of v2.
const cgroupRoot = "/sys/fs/cgroup"

// ownCgroups is how the folders of all clusters begin, whoever's they are.
const ownCgroups = "canarylab-"

// The weight of a cluster beside everything else on the machine, 8 times the default, for cgroup v1 (cpu.shares) and v2
// (cpu.weight). A group without one counts as much as a single thread outside of all groups: a compiler that runs
// beside a scenario then has the load agent wait for a processor half of its time.
const podShares, podWeight = "8192", "800"

// nodeLeaf is the folder, in a cluster's own, of the node's programs. Pods come first there too: kubelet gives all pods
// together 39 for each processor.
const nodeLeaf, nodeWeight = "node", "10"

// cgroupBusy is how long a cgroup may stay busy after its last process was killed.
var cgroupBusy = patience.Of(5 * time.Second)

// isUnified tells whether the machine has cgroup v2 alone.
func isUnified() (bool, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(cgroupRoot, &fs); err != nil {
		return false, fmt.Errorf("look at %s: %w", cgroupRoot, err)
	}
	return fs.Type == unix.CGROUP2_SUPER_MAGIC, nil
}

// makeCgroups makes the folder below which kubelet keeps the cluster's pods, in every hierarchy of the host, so that
// two clusters on one host do not take each other's pods for orphans. The node's programs are to join the folders that
// it returns: then whatever ends the group that their creator is in, such as systemd at the end of a service, does not
// end the cluster.
func makeCgroups(name string) (join []string, err error) {
	unified, err := isUnified()
	if err != nil {
		return nil, err
	}
	if unified {
		return hierarchy(cgroupRoot).make(name)
	}
	hierarchies, err := os.ReadDir(cgroupRoot)
	if err != nil {
		return nil, err
	}
	for _, h := range hierarchies {
		if !h.IsDir() || h.Name() == "unified" {
			continue // a link such as cpu -> cpu,cpuacct is made through its target
		}
		dir := filepath.Join(cgroupRoot, h.Name(), name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("make the cluster's cgroup: %w", err)
		}
		switch {
		case h.Name() == "systemd": // its own hierarchy, by which it knows what belongs to a service
			leaf := filepath.Join(dir, nodeLeaf)
			if err := os.MkdirAll(leaf, 0o755); err != nil {
				return nil, fmt.Errorf("make the cluster's cgroup: %w", err)
			}
			join = append(join, leaf)
		case strings.Contains(h.Name(), "cpuset"):
			if err := inheritCPUs(dir); err != nil {
				return nil, err
			}
		case slices.Contains(strings.Split(h.Name(), ","), "cpu"):
			if err := os.WriteFile(filepath.Join(dir, "cpu.shares"), []byte(podShares), 0o644); err != nil {
				return nil, fmt.Errorf("give the cluster's cgroup its weight: %w", err)
			}
		}
	}
	return join, nil
}

// inheritCPUs fills a new v1 cpuset, which starts with no CPU and no memory node and so can't hold a process.
func inheritCPUs(dir string) error {
	for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(own)) > 0 {
			continue
		}
		parents, err := os.ReadFile(filepath.Join(filepath.Dir(dir), f))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, f), parents, 0o644); err != nil {
			return fmt.Errorf("fill %s: %w", filepath.Join(dir, f), err)
		}
	}
	return nil
}

// reapCgroups removes the folders of a dead cluster's pods, which the kernel leaves behind, in every hierarchy. It puts
// back what was changed for them.
func reapCgroups(name string) error {
	tops, err := cgroups(name)
	if err != nil {
		return err
	}
	var errs []error
	for _, top := range tops {
		errs = append(errs, removeCgroup(top))
	}
	unified, err := isUnified()
	if err == nil && unified {
		err = hierarchy(cgroupRoot).giveBack()
	}
	return errors.Join(append(errs, err)...)
}

// cgroups finds the folders of that name, which may be a pattern, in every hierarchy.
func cgroups(name string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(cgroupRoot, "*", name))
	unified, unifiedErr := filepath.Glob(filepath.Join(cgroupRoot, name))
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

// cgroup is the folder of a cluster. The home folder is part of it: two homes may have clusters of one name.
func (p *Provider) cgroup(name string) string {
	home := sha256.Sum256([]byte(p.Home))
	return fmt.Sprintf("%s%x-%s", ownCgroups, home[:3], name)
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
		l := p.layout(name)
		if strings.HasPrefix(name, preparing) {
			l = layout(filepath.Join(p.stores(), name))
		}
		if alive, err := l.alive(); err == nil && !alive {
			errs = append(errs, reapCgroups(p.cgroup(name)))
		}
	}
	return errors.Join(errs...)
}
