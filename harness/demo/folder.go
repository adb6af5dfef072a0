package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A folder has the files that lines of the page name.
type folder struct {
	dir string
	// has are the files that are there.
	has map[string]bool
}

// keep writes files that are not there yet. Equal names have equal contents in one story.
func (f *folder) keep(files map[string][]byte) error {
	for name, content := range files {
		if f.has[name] {
			continue
		}
		if err := os.MkdirAll(f.dir, 0o755); err != nil {
			return fmt.Errorf("make a folder for manifests: %w", err)
		}
		if err := os.WriteFile(filepath.Join(f.dir, name), content, 0o644); err != nil {
			return fmt.Errorf("write a manifest: %w", err)
		}
		f.has[name] = true
	}
	return nil
}

// shell is how to get a shell in which the lines work.
func (f *folder) shell() string {
	return "cd '" + strings.ReplaceAll(f.dir, "'", `'\''`) + "' && canarylab shell"
}
