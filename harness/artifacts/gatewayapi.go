package artifacts

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// GatewayAPI returns a folder with the definitions of the Gateway API's kinds, of the release that go.mod names: a file
// of YAML for each kind of the standard channel.
func (s *Store) GatewayAPI(ctx context.Context) (string, error) { return s.get(ctx, s.gatewayAPI) }

func (s *Store) gatewayAPI() (Recipe, error) {
	version, err := s.moduleVersion("", "sigs.k8s.io/gateway-api")
	if err != nil {
		return Recipe{}, err
	}
	return Recipe{
		Name: "gateway-api", For: "canarylab test of HTTPRoutes", Seldom: true, How: version, Free: 4 << 20,
		Make: func(ctx context.Context, dir string, _ func(string)) error {
			tree, err := s.tree(ctx)
			if err != nil {
				return err
			}
			fetch := exec.CommandContext(ctx, "go", "mod", "download", "sigs.k8s.io/gateway-api")
			fetch.Dir = tree
			fetch.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
			if out, err := fetch.CombinedOutput(); err != nil {
				return fmt.Errorf("fetch sigs.k8s.io/gateway-api: %w: %s", err, out)
			}
			module, err := s.moduleDir(ctx, "sigs.k8s.io/gateway-api")
			if err != nil {
				return err
			}
			files, err := filepath.Glob(filepath.Join(module, "config", "crd", "standard", "gateway.*_*.yaml"))
			if err != nil || len(files) == 0 {
				return fmt.Errorf("find the definitions in the Gateway API's module %s: got %d files (%w)", module,
					len(files), err)
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					return fmt.Errorf("read a definition of the Gateway API: %w", err)
				}
				if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o644); err != nil {
					return fmt.Errorf("keep a definition of the Gateway API: %w", err)
				}
			}
			return nil
		},
	}, nil
}
