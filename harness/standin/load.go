package standin

import (
	"context"
	"io"
)

// Load reads a team's manifests. A path is a file of YAML or JSON, a folder, which is read with all folders in it, a
// folder with a kustomization.yaml, which is built, or "-" for stdin: what helm template prints. Nothing is fetched.
//
// The error has everything that is wrong with them, and wraps ErrInput: what is no manifest, what is there twice, and
// kinds that would leave the lab or that its Istio does not have.
func Load(ctx context.Context, paths []string, stdin io.Reader) (*Set, error) { return nil, nil }

// Standins makes the plan. The error has everything that is in the way, and wraps ErrInput.
func (s *Set) Standins(o Options) (*Plan, error) { return nil, nil }
