package artifacts

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/canarylab/canarylab"
	"github.com/canarylab/canarylab/harness/disk"
	"github.com/canarylab/canarylab/harness/filelock"
)

// nestedModules are the nested modules' files: package embed leaves them out, and so does a module's archive, from
// which go install builds. TestNestedModulesAreCarried holds that they are those of the tree, and writes them anew by
// -update.
//
//go:embed nested.txtar
var nestedModules []byte

// carried are the sources that the program itself carries: all that recipes have as their input.
type carried struct{ nested fs.FS }

// newCarried reads the archive, which is a part of the program: an error is a mistake in it.
func newCarried() (carried, error) {
	nested, err := txtar.FS(txtar.Parse(nestedModules))
	if err != nil {
		return carried{}, fmt.Errorf("read the sources that canarylab carries: %w", err)
	}
	return carried{nested}, nil
}

// Open implements fs.FS.
func (c carried) Open(name string) (fs.File, error) {
	for _, module := range []string{nodeModule, prometheusModule} {
		if name == module || strings.HasPrefix(name, module+"/") {
			return c.nested.Open(name)
		}
	}
	return canarylab.Sources.Open(name)
}

// files are the sources, to be read.
func (s *Store) files() (fs.FS, error) {
	if s.Source == "" {
		return newCarried()
	}
	return os.DirFS(s.Source), nil
}

// tree is the folder of the sources, to build in: the clone or, where there is none, the carried ones, which it writes
// below the cache the first time.
func (s *Store) tree(ctx context.Context) (string, error) {
	if s.Source != "" {
		return s.Source, nil
	}
	from, err := newCarried()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, files := range []fs.FS{canarylab.Sources, from.nested} {
		if err := hashTree(h, files, "."); err != nil {
			return "", err
		}
	}
	all := filepath.Join(s.Dir, "sources")
	dir := filepath.Join(all, hex.EncodeToString(h.Sum(nil))[:keyLength])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(all, 0o755); err != nil {
		return "", err
	}
	unlock, err := filelock.Lock(ctx, all+".lock", "it is writing its sources", s.Progress)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // the other one wrote them
	}
	err = whole(dir, ".writing-", func(tmp string) error {
		return errors.Join(os.CopyFS(tmp, canarylab.Sources), os.CopyFS(tmp, from.nested))
	})
	if err != nil {
		return "", fmt.Errorf("write the sources that canarylab carries: %w", err)
	}
	_ = disk.KeepNewest(all, kept) // a folder too many is no harm
	return dir, nil
}
