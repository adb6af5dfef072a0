package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// probe tries what a node takes of this machine, in namespaces that end with the try: a look at lists would refuse a
// machine whose kernel loads a module when it is asked for, and accept a container that may not do what it sees.
func probe(ctx context.Context, home string) error {
	if err := probeCgroups(); err != nil {
		return fmt.Errorf("an embedded cluster needs cgroups: %w", err)
	}
	dir, err := probeFolder(home)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return apart(func() error {
		const own = unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC
		if err := unix.Unshare(own); err != nil {
			return fmt.Errorf("an embedded cluster needs namespaces of its own, and may not make them here (in a "+
				"container: start it with --privileged): %w", err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("an embedded cluster needs mounts of its own, and may not make them here (in a "+
				"container: start it with --privileged): %w", err)
		}
		if err := probeOverlay(dir); err != nil {
			return err
		}
		return probeNetwork(ctx)
	})
}

// probeFolder makes a folder on the disk that home is or will be on.
func probeFolder(home string) (string, error) {
	at := home
	for at != filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil {
			break
		}
		at = filepath.Dir(at)
	}
	dir, err := os.MkdirTemp(at, ".canarylab-probe-")
	if err != nil {
		return "", fmt.Errorf("an embedded cluster needs a folder to write to: %w; CANARYLAB_HOME names another", err)
	}
	return dir, nil
}

// apart calls f on a thread of its own, which ends with f, and its namespaces with it.
func apart(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked
		if unix.Gettid() == unix.Getpid() {
			// The first thread does not end. It is taken as long as another one is found.
			result <- apart(f)
			runtime.UnlockOSThread()
			return
		}
		result <- f()
	}()
	return <-result
}

// probeOverlay mounts an overlay of folders in dir, as containerd will for each container.
func probeOverlay(dir string) error {
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", in("lower"), in("upper"), in("work"))
	err := unix.Mount("overlay", in("merged"), "overlay", 0, options)
	switch {
	case err == nil:
		return unix.Unmount(in("merged"), unix.MNT_DETACH)
	case errors.Is(err, unix.ENODEV):
		const lacks = "an embedded cluster needs the overlay file system, which this kernel neither has nor loads: "
		return errors.New(lacks + "run modprobe overlay (in a container: on its host), or use a kernel that has it")
	}
	return fmt.Errorf("an embedded cluster needs the overlay file system, and %s can't be a layer of one (it may "+
		"be on an overlay itself, as a container's files are: mount a volume there, or name one by CANARYLAB_HOME): %w",
		filepath.Dir(dir), err)
}

// probeNetwork makes the interfaces that a node has, and asks for rules where there is a program for that.
func probeNetwork(ctx context.Context) error {
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "probe0"}, PeerName: "probe0p"}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("an embedded cluster needs interfaces of the kind veth: run modprobe veth (in a container: "+
			"on its host), or use a kernel that has it: %w", err)
	}
	nft, err := exec.LookPath("nft")
	if err != nil {
		return nil // the one in the image of the sidecars is used
	}
	// Started from this thread, it is in its namespaces.
	const rule = "add table ip probe; add chain ip probe nat { type nat hook prerouting priority 0; }"
	out, err := exec.CommandContext(ctx, nft, rule).CombinedOutput()
	if err != nil {
		return fmt.Errorf("an embedded cluster needs nftables with NAT: run modprobe -a nf_tables nft_chain_nat (in "+
			"a container: on its host), or use a kernel that has them: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// kubeletNeeds are the controllers without which kubelet does not start.
var kubeletNeeds = []string{"cpu", "memory", "pids"}

// probeCgroups makes a cgroup, and removes it again.
func probeCgroups() error {
	unified, err := isUnified()
	if err != nil {
		return err
	}
	var have, parents []string
	if unified {
		h := hierarchy(cgroupRoot)
		if have, err = h.words("cgroup.controllers"); err != nil {
			return err
		}
		if err := h.mayVacate(); err != nil {
			return err
		}
		parents = []string{cgroupRoot}
	} else {
		folders, err := os.ReadDir(cgroupRoot)
		if err != nil {
			return err
		}
		for _, f := range folders {
			if f.IsDir() && f.Name() != "unified" {
				have = append(have, strings.Split(f.Name(), ",")...)
				parents = append(parents, filepath.Join(cgroupRoot, f.Name()))
			}
		}
	}
	for _, c := range kubeletNeeds {
		if !slices.Contains(have, c) {
			return fmt.Errorf("the controller %s is not below %s (mount it; in a container: start it with "+
				"--privileged; memory may take the kernel's option cgroup_enable=memory)", c, cgroupRoot)
		}
	}
	for _, parent := range parents {
		if err := probeCgroup(parent); err != nil {
			return err
		}
	}
	return nil
}

// probeCgroup makes a group and takes it away. So does somebody else at the same moment, and what one left that was
// killed in between is taken away too.
func probeCgroup(parent string) error {
	const pattern = "canarylab.probe.*"
	dir, err := os.MkdirTemp(parent, pattern)
	if err != nil {
		return fmt.Errorf("none can be made here (in a container: start it with --privileged): %w", err)
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	left, err := filepath.Glob(filepath.Join(parent, pattern))
	for _, dir := range left {
		_ = os.Remove(dir) // no group that is in use can be removed
	}
	return err
}

// mayVacate tells what vacate would fail for.
func (h hierarchy) mayVacate() error {
	if !h.namespaced() {
		return nil
	}
	kind, err := h.words("cgroup.type")
	if err != nil {
		return err
	}
	if text := strings.Join(kind, " "); text == "threaded" || text == "domain invalid" {
		return fmt.Errorf("the root of this cgroup namespace is %q and can hold no group of processes: start this "+
			"container anew", text)
	}
	pids, err := h.words("cgroup.procs")
	if err != nil {
		return err
	}
	if slices.Contains(pids, "0") {
		return h.unseen("")
	}
	return nil
}
