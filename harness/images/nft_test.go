package images

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
)

// The nft of an image runs by its own loader and libraries.
func TestWriteNft(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nft")
	if err := WriteNft(build(t, newBinaries(t))[Proxy], dir); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "nft"), "--version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "nftables v") {
		t.Errorf("got %q (%v), want nft's version", out, err)
	}
	if err := WriteNft(empty.Image, t.TempDir()); err == nil || !strings.Contains(err.Error(), "apt-get") {
		t.Errorf("got %v for an image without nft, want what to do", err)
	}
}
