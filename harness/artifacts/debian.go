package artifacts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// debianSuite is the release that node images are made of.
const debianSuite = "bookworm"

// debianPackages are what a node needs besides Debian's smallest base: tools of kubelet, kube-proxy, CNI and of
// kind, which runs commands in its nodes.
var debianPackages = []string{
	"ca-certificates", "conntrack", "ethtool", "hostname", "iproute2", "iptables", "kmod", "nftables", "procps",
	"socat",
}

// debianFree is what unpacking takes, in bytes.
const debianFree = 1 << 30

// debianFile is the file in Debian's folder: the root file system as a tar file.
const debianFile = "root.tar"

// ErrNoDebian is wrapped by the error that says that neither way to a Debian root file system is open here.
var ErrNoDebian = errors.New("no Debian root file system can be had here")

// Debian returns a tar file with the root file system of a small Debian. It comes from debootstrap, which needs
// root and Debian's packages; where that is not there, from a container of Debian's image, which engine (the
// program docker, podman or nerdctl; empty where there is none) has to be able to pull. If neither works, the
// error wraps ErrNoDebian.
func (s *Store) Debian(ctx context.Context, engine string) (string, error) {
	dir, err := s.Get(ctx, s.debian(engine))
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, debianFile), nil
}

func (s *Store) debian(engine string) Recipe {
	return Recipe{
		Name: "debian", How: debianSuite + " " + strings.Join(debianPackages, " "), Free: debianFree,
		For: "kind's node image, where kind's own can't be had", Seldom: true,
		Make: func(ctx context.Context, dir string, say func(string)) error {
			to := filepath.Join(dir, debianFile)
			err := s.debootstrap(ctx, to, say)
			if err == nil || ctx.Err() != nil || engine == "" {
				return err
			}
			return errors.Join(err, debianContainer(ctx, engine, to, say))
		},
	}
}

// debootstrap makes the root file system from Debian's packages.
func (s *Store) debootstrap(ctx context.Context, to string, say func(string)) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: debootstrap needs root", ErrNoDebian)
	}
	if _, err := exec.LookPath("debootstrap"); err != nil {
		return fmt.Errorf("%w: debootstrap is missing (Debian and Ubuntu: apt-get install debootstrap)", ErrNoDebian)
	}
	root, err := os.MkdirTemp(s.Dir, ".debian-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	say("debootstrap " + debianSuite + ", a minute or two")
	// debootstrap mounts /proc and /sys in there. In a mount namespace of its own they go with it, however it ends.
	cmd := process(ctx, "debootstrap", "--variant=minbase", "--include="+strings.Join(debianPackages, ","), debianSuite,
		root)
	cmd.SysProcAttr.Unshareflags = unix.CLONE_NEWNS
	if out, err := output(ctx, cmd); err != nil {
		return fmt.Errorf("%w: debootstrap: %w; it ended with:\n%s", ErrNoDebian, err, lastLines(out, 5))
	}
	say("pack it")
	return pack(ctx, root, to)
}

// leftOut are the parts of a root file system that no node needs. What is mounted at run time has to be empty.
var leftOut = []string{
	"./proc/*", "./sys/*", "./dev/*", "./run/*", "./tmp/*", "./var/cache/apt/*", "./var/lib/apt/lists/*",
	"./usr/share/doc/*", "./usr/share/man/*", "./usr/share/locale/*",
}

// pack writes the files of root as a tar file.
func pack(ctx context.Context, root, to string) error {
	args := []string{"--create", "--numeric-owner", "--sort=name", "--file=" + to, "--directory=" + root}
	for _, x := range leftOut {
		args = append(args, "--exclude="+x)
	}
	if out, err := command(ctx, "tar", append(args, ".")...); err != nil {
		return fmt.Errorf("pack the root file system: %w: %s", err, lastLines(out, 3))
	}
	return nil
}

// debianContainer makes the root file system in a container of Debian's own image.
func debianContainer(ctx context.Context, engine, to string, say func(string)) (err error) {
	image := "debian:" + debianSuite
	name := fmt.Sprintf("canarylab-debian-%d", os.Getpid())
	say(engine + " run " + image)
	install := "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends " +
		strings.Join(debianPackages, " ")
	defer func() {
		// Whatever happened, no container stays.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		_, _ = command(ctx, engine, "rm", "--force", "--volumes", name)
	}()
	if out, err := command(ctx, engine, "run", "--name", name, image, "sh", "-c", install); err != nil {
		return fmt.Errorf("%w: %s run %s: %w; it ended with:\n%s", ErrNoDebian, engine, image, err, lastLines(out, 5))
	}
	say(engine + " export")
	if out, err := command(ctx, engine, "export", "--output", to, name); err != nil {
		return fmt.Errorf("%s export: %w: %s", engine, err, lastLines(out, 3))
	}
	return nil
}

// command runs a program, and returns what it printed.
func command(ctx context.Context, program string, args ...string) ([]byte, error) {
	return output(ctx, process(ctx, program, args...))
}

// process is a program that ends with ctx, and so does all that it started.
func process(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

func output(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	return out, err
}

func lastLines(out []byte, n int) string {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}
