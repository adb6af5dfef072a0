package images

import (
	"context"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// An EchoStore builds or finds Istio's echo workload, and keeps its image.
type EchoStore interface {
	keeper
	// Echo is the folder with the programs server and client, and their certificates.
	Echo(ctx context.Context) (string, error)
}

// BuildEcho returns the image of Istio's echo workload by the references that somebody's manifests have for it. The
// Gateway API's suite execs the client by its name, and has the server's certificates at /cert.crt and /cert.key.
func BuildEcho(ctx context.Context, s EchoStore, refs ...string) (map[string]v1.Image, error) {
	id, err := s.IDOf("echo")
	if err != nil {
		return nil, err
	}
	specs := func(dir string) map[string]spec {
		all := make(map[string]spec, len(refs))
		for _, ref := range refs {
			all[ref] = spec{
				files: map[string]string{
					"/usr/local/bin/server": filepath.Join(dir, "server"),
					"/usr/local/bin/client": filepath.Join(dir, "client"),
					"/cert.crt":             filepath.Join(dir, "cert-chain.pem"),
					"/cert.key":             filepath.Join(dir, "key.pem"),
				},
				folders: []string{"/tmp"}, entrypoint: []string{"/usr/local/bin/server"}, user: nonroot,
			}
		}
		return all
	}
	return keep(ctx, s, recipeOf("image-echo", describe(specs(id.String())),
		func(ctx context.Context) (map[string]spec, error) {
			dir, err := s.Echo(ctx)
			if err != nil {
				return nil, err
			}
			return specs(dir), nil
		}))
}
