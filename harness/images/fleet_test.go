package images

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// simulated is a store whose simulated proxies are a stand-in.
type simulated struct {
	metered
	dir string
}

func (s simulated) Fleet(context.Context) (string, error) { return s.dir, nil }

func TestFleetImage(t *testing.T) {
	s := simulated{newMetered(t), t.TempDir()}
	if err := os.WriteFile(filepath.Join(s.dir, "fleet"), []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	set, err := BuildFleet(t.Context(), s)
	if err != nil || len(set) != 1 || set[Fleet] == nil {
		t.Fatalf("got %v (%v), want %s alone", set, err, Fleet)
	}
	config, err := set[Fleet].ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	// Its traffic must not be taken for a sidecar's own, and Pod Security is to take it.
	if got := config.Config; !slices.Equal(got.Entrypoint, []string{"/fleet"}) || got.User != nonroot {
		t.Errorf("got %q as %s, want /fleet as %s", got.Entrypoint, got.User, nonroot)
	}
	if got := headers(t, set[Fleet])["fleet"].Mode; got != 0o755 {
		t.Errorf("got mode %o, want 755", got)
	}
}
