package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Digest is the SHA-256 of a bundle: of the one that Pack would make of the run in a folder, or of a file as it is.
func Digest(ctx context.Context, name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("digest %s: %w", name, err)
	}
	sum := sha256.New()
	if info, statErr := os.Stat(abs); statErr == nil && !info.IsDir() {
		err = copyFile(ctx, sum, abs)
	} else {
		err = (&Packed{}).pack(ctx, sum, abs)
	}
	if err != nil {
		return "", fmt.Errorf("digest %s: %w", name, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// copyFile copies a file to w.
func copyFile(ctx context.Context, w io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, &reader{ctx, f})
	return err
}
