package artifacts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
	"strings"
)

// keyLength is how many hexadecimal digits of a digest a key has.
const keyLength = 16

// An ID is how a build is called on every machine.
type ID struct {
	// Name is the recipe's.
	Name string `json:"name"`
	// Key is a digest of all that decides the result and is the same everywhere: sources, flags and architecture.
	Key string `json:"key"`
}

// String is also the build's tag in a registry.
func (id ID) String() string { return id.Name + "-" + id.Key }

// ID is r's. It takes the sources, and no compiler.
func (s *Store) ID(r Recipe) (ID, error) {
	h := sha256.New()
	fmt.Fprintln(h, "shared", r.Name, r.How, runtime.GOARCH)
	if err := s.hashInputs(h, r); err != nil {
		return ID{}, fmt.Errorf("find out what %s is built from: %w", r.Name, err)
	}
	return ID{r.Name, hex.EncodeToString(h.Sum(nil))[:keyLength]}, nil
}

// localKey is a digest of everything that decides r's result where this machine builds it.
func (s *Store) localKey(ctx context.Context, r Recipe) (string, error) {
	version, err := s.goVersion(ctx)
	if err != nil {
		return "", err
	}
	how := r.How
	if r.Local != nil {
		local, err := r.Local(ctx)
		if err != nil {
			return "", err
		}
		how += local
	}
	h := sha256.New()
	fmt.Fprintln(h, r.Name, how, version)
	if err := s.hashInputs(h, r); err != nil {
		return "", fmt.Errorf("find out whether %s is built: %w", r.Name, err)
	}
	return hex.EncodeToString(h.Sum(nil))[:keyLength], nil
}

// hashInputs writes to h what r's inputs are.
func (s *Store) hashInputs(h io.Writer, r Recipe) error {
	files, err := s.files()
	if err != nil {
		return err
	}
	for _, input := range r.Inputs {
		if err := hashTree(h, files, input); err != nil {
			return err
		}
	}
	return nil
}

// hashTree writes to h the digests of a file, or of all files of a folder but those of tests.
func hashTree(h io.Writer, files fs.FS, root string) error {
	return fs.WalkDir(files, root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "testdata":
			return fs.SkipDir
		case d.IsDir() || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		return hashFile(h, files, name)
	})
}

func hashFile(h io.Writer, files fs.FS, name string) error {
	f, err := files.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	_, err = fmt.Fprintf(h, "%s %x\n", path.Clean(name), sum.Sum(nil))
	return err
}
