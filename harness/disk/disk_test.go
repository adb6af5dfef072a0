package disk_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness/disk"
)

func TestKeepNewest(t *testing.T) {
	for _, tc := range []struct {
		n    int
		want []string
	}{
		{0, []string{"file"}},
		{2, []string{"a-new", "file", "z-middle"}},
		{9, []string{"a-new", "b-old", "file", "z-middle"}},
	} {
		dir := t.TempDir()
		for i, name := range []string{"b-old", "z-middle", "a-new", ".half-made"} {
			path, at := filepath.Join(dir, name), time.Unix(int64(i)*100, 0)
			if err := os.MkdirAll(filepath.Join(path, "inside"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := disk.KeepNewest(dir, tc.n); err != nil {
			t.Error(err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("newest %d: got %q, want %q", tc.n, got, tc.want)
		}
	}
	if err := disk.KeepNewest(filepath.Join(t.TempDir(), "none"), 1); err == nil {
		t.Error("got no error about a folder that is not there")
	}
}
