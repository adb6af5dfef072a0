package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestLinksAreFollowedInTheNodesOwnRoot(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"etc", "run/here"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"etc/plain", "run/here/file"} {
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{
		"etc/resolved":        "../run/systemd/resolve/stub-resolv.conf",
		"etc/network-manager": "/run/NetworkManager/resolv.conf",
		"etc/there":           "../run/here/file", "etc/chain": "there", "etc/out": "../../../../run/here/file",
	} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"/etc/plain": "etc/plain", "/etc/resolved": "run/systemd/resolve/stub-resolv.conf",
		"/etc/network-manager": "run/NetworkManager/resolv.conf", "/etc/there": "run/here/file",
		"/etc/chain": "run/here/file", "/etc/out": "run/here/file",
	} {
		if got, err := follow(root, path); err != nil || got != filepath.Join(root, want) {
			t.Errorf("%s: got %s (%v), want %s", path, got, err, want)
		}
	}
	if got, err := follow(root, "/etc/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %s (%v), want %v", got, err, os.ErrNotExist)
	}
}

// TestALinkToNothingIsPinnedInTheNodesMemory has what a host with systemd-resolved has, whose /run no node sees.
func TestALinkToNothingIsPinnedInTheNodesMemory(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	const to = "../run/systemd/resolve/stub-resolv.conf"
	if err := os.Symlink(to, filepath.Join(root, "etc/resolv.conf")); err != nil {
		t.Fatal(err)
	}
	if err := pin(root, "/etc/resolv.conf", "nameserver 10.200.0.1"); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(root, "etc/resolv.conf"))
	if err != nil || string(raw) != "nameserver 10.200.0.1\n" {
		t.Errorf("got %q (%v), want the node's own", raw, err)
	}
	if err := pin(root, "/proc/sys/none", "1"); err != nil {
		t.Errorf("what the host does not have: %v", err)
	}
}
