package cluster

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/canarylab/canarylab/internal/atomicfile"
)

// names that can be a folder, a host name, and part of a container's name and of a cgroup's path.
var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// CheckName tells whether a cluster can have a name: nil, or what names there can be.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("cluster name %q: use up to 32 lower-case letters, digits and dashes", name)
	}
	return nil
}

// ReadState reads what WriteState wrote. The error wraps os.ErrNotExist where nothing did.
func ReadState[T any](file string) (state T, err error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return state, err
	}
	if err := json.Unmarshal(raw, &state); err != nil {
		return state, fmt.Errorf("read %s: %w", file, err)
	}
	return state, nil
}

// WriteState makes the file v as JSON, for its owner alone, and its folder where there is none.
func WriteState(file string, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(file, raw)
}

// WriteFile makes the file raw, for its owner alone, and its folder where there is none. A reader sees the old
// file or the new one, never a part.
func WriteFile(file string, raw []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return atomicfile.WriteFile(file, 0o600, func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	})
}
