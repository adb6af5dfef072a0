package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const cgroupRoot = "/sys/fs/cgroup"

// The weight of a cluster's pods beside everything else on the machine, 8 times the default, for cgroup v1
// (cpu.shares) and v2 (cpu.weight). A group without one counts as much as a single thread outside of all
// groups: a compiler that runs beside a scenario then has the load agent wait for a processor half of its time.
const podShares, podWeight = "8192", "800"

// makeCgroups makes the folder below which kubelet keeps the cluster's pods, in every hierarchy of the host, so that
// two clusters on one host do not take each other's pods for orphans.
func makeCgroups(name string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(cgroupRoot, &fs); err != nil {
		return fmt.Errorf("look at %s: %w", cgroupRoot, err)
	}
	if fs.Type == unix.CGROUP2_SUPER_MAGIC {
		return makeCgroupV2(name)
	}
	hierarchies, err := os.ReadDir(cgroupRoot)
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		if !h.IsDir() || h.Name() == "unified" {
			continue // a link such as cpu -> cpu,cpuacct is made through its target
		}
		dir := filepath.Join(cgroupRoot, h.Name(), name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make the cluster's cgroup: %w", err)
		}
		switch {
		case strings.Contains(h.Name(), "cpuset"):
			if err := inheritCPUs(dir); err != nil {
				return err
			}
		case slices.Contains(strings.Split(h.Name(), ","), "cpu"):
			if err := os.WriteFile(filepath.Join(dir, "cpu.shares"), []byte(podShares), 0o644); err != nil {
				return fmt.Errorf("give the cluster's cgroup its weight: %w", err)
			}
		}
	}
	return nil
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

// makeCgroupV2 makes the folder in the one hierarchy of cgroup v2 and hands it every controller that kubelet asks for.
// A controller that the kernel lacks is left out here; kubelet names it in its own error if it can't do without.
func makeCgroupV2(name string) error {
	dir := filepath.Join(cgroupRoot, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the cluster's cgroup: %w", err)
	}
	have, err := os.ReadFile(filepath.Join(cgroupRoot, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, c := range strings.Fields(string(have)) {
		switch c {
		case "cpu", "cpuset", "memory", "pids", "hugetlb", "io":
			file := filepath.Join(cgroupRoot, "cgroup.subtree_control")
			if err := os.WriteFile(file, []byte("+"+c), 0o644); err != nil {
				return fmt.Errorf("hand the %s controller to the cluster's cgroup (a container needs its own cgroup "+
					"namespace with no process at its root): %w", c, err)
			}
			if c != "cpu" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, "cpu.weight"), []byte(podWeight), 0o644); err != nil {
				return fmt.Errorf("give the cluster's cgroup its weight: %w", err)
			}
		}
	}
	return nil
}
