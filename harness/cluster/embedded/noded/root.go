package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/canarylab/canarylab/harness/cluster/embedded/nodespec"
	"golang.org/x/sys/unix"
)

// hostFolders is what the node sees of the host: its programs and libraries, read-only.
var hostFolders = []string{"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc"}

// makeRoot gives the node a root file system of its own, in memory, so that nothing it writes outside of its state
// folder reaches the host: not /var/lib/kubelet, not /var/log/pods, not /run/netns.
func makeRoot(spec nodespec.Spec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	root := filepath.Join(spec.Dir, "root")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mount the root file system: %w", err)
	}
	for _, name := range hostFolders {
		if err := showHostFolder(root, name); err != nil {
			return err
		}
	}
	for _, dir := range []string{"run/lock", "var/lib", "var/log", "var/run", "root", "mnt", ".host"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.Mkdir(filepath.Join(root, "tmp"), 0o777|os.ModeSticky); err != nil {
		return err
	}

	in := func(path string) string { return filepath.Join(root, path) }
	mounts := []struct {
		source, target, fs string
		flags              uintptr
	}{
		{"/dev", in("dev"), "", unix.MS_BIND | unix.MS_REC},
		{"proc", in("proc"), "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
		// A new sysfs shows the devices of the node's own network namespace. Read-only: kernel-wide knobs are
		// the host's.
		{"sysfs", in("sys"), "sysfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_RDONLY},
		{"/sys/fs/cgroup", in("sys/fs/cgroup"), "", unix.MS_BIND | unix.MS_REC},
		{spec.Dir, in(spec.Dir), "", unix.MS_BIND},
	}
	for _, dir := range spec.ReadOnly {
		mounts = append(mounts, struct {
			source, target, fs string
			flags              uintptr
		}{dir, in(dir), "", unix.MS_BIND | unix.MS_RDONLY})
	}
	for _, m := range mounts {
		if err := mount(m.source, m.target, m.fs, m.flags); err != nil {
			return err
		}
	}
	for path, value := range spec.Pinned {
		if err := pin(root, path, value); err != nil {
			return err
		}
	}

	if err := unix.PivotRoot(root, in(".host")); err != nil {
		return fmt.Errorf("enter the root file system: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := unix.Unmount("/.host", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("let go of the host's file system: %w", err)
	}
	// kubelet wants mounts that propagate into pods.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("make the mounts shared: %w", err)
	}
	return nil
}

// showHostFolder makes one top-level folder of the host visible; a link stays a link (merged /usr).
func showHostFolder(root, name string) error {
	source, target := "/"+name, filepath.Join(root, name)
	info, err := os.Lstat(source)
	switch {
	case os.IsNotExist(err):
		return nil
	case err != nil:
		return err
	case info.Mode()&os.ModeSymlink != 0:
		to, err := os.Readlink(source)
		if err != nil {
			return err
		}
		return os.Symlink(to, target)
	}
	return mount(source, target, "", unix.MS_BIND|unix.MS_REC|unix.MS_RDONLY)
}

// mount makes the target folder and mounts on it. The kernel ignores MS_RDONLY on a new bind mount, so that takes a
// second call.
func mount(source, target, fs string, flags uintptr) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(source, target, fs, flags, ""); err != nil {
		return fmt.Errorf("mount %s on %s: %w", source, target, err)
	}
	if flags&unix.MS_BIND == 0 || flags&unix.MS_RDONLY == 0 {
		return nil
	}
	if err := unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("make %s read-only: %w", target, err)
	}
	return nil
}

// pin lets the node read value from a file without changing it for the host: a file in memory is mounted over it. What
// the host does not have needs no pin. A link, such as the /etc/resolv.conf of systemd-resolved, may lead to a file
// that the node does not see of the host: it is made in the node's own memory.
func pin(root, path, value string) error {
	target, err := follow(root, path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Lstat(target); errors.Is(err, os.ErrNotExist) {
		err = os.MkdirAll(filepath.Dir(target), 0o755)
		if err == nil {
			err = os.WriteFile(target, []byte(value+"\n"), 0o644)
		}
		if err != nil && !errors.Is(err, unix.EROFS) { // as on the host, it leads to nothing
			return fmt.Errorf("pin %s, which leads to nothing: %w", path, err)
		}
		return nil
	}
	shadow := filepath.Join(root, "run", "pinned"+strings.ReplaceAll(path, "/", "-"))
	if err := os.WriteFile(shadow, []byte(value+"\n"), 0o644); err != nil {
		return err
	}
	if err := unix.Mount(shadow, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("pin %s: %w", path, err)
	}
	return nil
}

// follow returns where the file at path is below root once its links are followed as they are for whoever has root as
// his root. The last one may lead to nothing; it is an error that wraps os.ErrNotExist if path itself is nothing.
func follow(root, path string) (string, error) {
	const most = 40 // as the kernel has it
	info, err := os.Lstat(filepath.Join(root, path))
	for range most {
		if errors.Is(err, os.ErrNotExist) || err == nil && info.Mode()&os.ModeSymlink == 0 {
			break
		}
		if err != nil {
			return "", err
		}
		to, err := os.Readlink(filepath.Join(root, path))
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = filepath.Join("/", to) // .. ends at the root
		if info, err = os.Lstat(filepath.Join(root, path)); errors.Is(err, os.ErrNotExist) {
			return filepath.Join(root, path), nil
		}
	}
	return filepath.Join(root, path), err
}
