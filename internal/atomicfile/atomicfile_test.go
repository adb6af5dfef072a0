package atomicfile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/canarylab/canarylab/internal/atomicfile"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

func TestWrite(t *testing.T) {
	errWrite := errors.New("no more words")
	half := func(w io.Writer) error { return errors.Join(text("half")(w), errWrite) }
	for _, c := range []struct {
		name, old string
		do        func(string, fs.FileMode, func(io.Writer) error) error
		write     func(io.Writer) error
		want      string
		err       error
	}{
		{"a file is made", "", atomicfile.WriteFile, text("new"), "new", nil},
		{"a file is replaced", "old", atomicfile.WriteFile, text("new"), "new", nil},
		{"a writer that fails leaves the old file", "old", atomicfile.WriteFile, half, "old", errWrite},
		{"a writer that fails leaves no file", "", atomicfile.WriteFile, half, "", errWrite},
		{"a new file is made", "", atomicfile.WriteNew, text("new"), "new", nil},
		{"a new file replaces none", "old", atomicfile.WriteNew, text("new"), "old", fs.ErrExist},
		{"a writer that fails leaves no new file", "", atomicfile.WriteNew, half, "", errWrite},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if c.old != "" {
				if err := os.WriteFile(path, []byte(c.old), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.do(path, 0o644, c.write); !errors.Is(err, c.err) {
				t.Errorf("got error %v, want %v", err, c.err)
			}
			got, err := os.ReadFile(path)
			if string(got) != c.want || err != nil && c.want != "" {
				t.Errorf("got content %q, %v, want %q", got, err, c.want)
			}
			left, err := os.ReadDir(filepath.Dir(path))
			if want := min(1, len(c.want)); err != nil || len(left) != want {
				t.Errorf("got files %v, %v, want %d", left, err, want)
			}
			if c.err != nil {
				return
			}
			if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
				t.Errorf("got %v, %v, want mode 0644", info.Mode(), err)
			}
		})
	}
}

func TestWriteNewKeepsAFileThatCameMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	err := atomicfile.WriteNew(path, 0o644, func(w io.Writer) error {
		return errors.Join(os.WriteFile(path, []byte("other"), 0o600), text("new")(w))
	})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("got error %v, want one that wraps fs.ErrExist", err)
	}
	if got, err := os.ReadFile(path); string(got) != "other" {
		t.Errorf("got content %q, %v, want the other's", got, err)
	}
}

func TestPanicLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	func() {
		defer func() { _ = recover() }()
		_ = atomicfile.WriteFile(filepath.Join(dir, "file"), 0o644, func(io.Writer) error { panic("a mistake") })
	}()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("got files %v, %v, want none", left, err)
	}
}
