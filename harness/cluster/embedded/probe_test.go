package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// TestATryLeavesNothing tries this machine, whatever comes of it.
func TestATryLeavesNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can try")
	}
	look := func() (mounts string, namespace string) {
		raw, err := os.ReadFile("/proc/self/mounts") // of the first thread, which no try may change
		if err != nil {
			t.Fatal(err)
		}
		namespace, err = os.Readlink("/proc/self/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		return string(raw), namespace
	}
	home := t.TempDir()
	mounts, namespace := look()
	for range 4 {
		if err := probe(t.Context(), home); err != nil {
			t.Skipf("no cluster can be had here: %v", err)
		}
	}
	if m, n := look(); m != mounts || n != namespace {
		t.Errorf("got mounts %s in %s, want %s in %s", m, n, mounts, namespace)
	}
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		t.Errorf("got %v left (%v), want nothing", left, err)
	}
}

// TestAnOverlayOnAnOverlayIsRefused has a home as a container's own files are.
func TestAnOverlayOnAnOverlayIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can try")
	}
	dir := t.TempDir()
	err := apart(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return nil //nolint:nilerr // not allowed here: nothing to see
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return err
		}
		if err := probeOverlay(dir); err != nil {
			return nil //nolint:nilerr // the machine can't have one
		}
		for _, name := range []string{"l", "u", "w", "home"} {
			if err := os.Mkdir(dir+"/"+name, 0o700); err != nil {
				return err
			}
		}
		options := "lowerdir=" + dir + "/l,upperdir=" + dir + "/u,workdir=" + dir + "/w"
		if err := unix.Mount("overlay", dir+"/home", "overlay", 0, options); err != nil {
			return err
		}
		if err := os.Mkdir(dir+"/home/x", 0o700); err != nil {
			return err
		}
		err := probeOverlay(dir + "/home/x")
		if err == nil || !strings.Contains(err.Error(), "CANARYLAB_HOME") {
			t.Errorf("got %v, want it refused with what to do", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Two bring-ups may begin at once, also of one program, and one may have been killed in the middle of its try.
func TestProbesDoNotMeet(t *testing.T) {
	parent := t.TempDir()
	if err := os.Mkdir(filepath.Join(parent, "canarylab.probe.1"), 0o755); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 50 {
				if err := probeCgroup(parent); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("got %v and %v left, want nothing", err, left)
	}
}
