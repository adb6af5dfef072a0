package artifacts

import (
	"context"
	"os"
	"path/filepath"
)

// Istio's own echo workload, of the Istio that go.mod names: a server that tells what it was asked, and a client.
const (
	echoServer = "istio.io/istio/pkg/test/echo/cmd/server"
	echoClient = "istio.io/istio/pkg/test/echo/cmd/client"
)

// EchoCertificates are the names of the files of Echo with the server's certificates and their key, which Istio's
// module has for its tests.
var EchoCertificates = []string{"cert-chain.pem", "key.pem"}

// Echo returns the folder with the programs server and client of Istio's echo workload, and EchoCertificates.
func (s *Store) Echo(ctx context.Context) (string, error) { return s.get(ctx, s.echo) }

func (s *Store) echo() (Recipe, error) {
	return Recipe{
		Name: "echo", For: "the Gateway API's suite", Seldom: true,
		Inputs: []string{"go.mod", "go.sum"}, Free: needed / 6,
		Make: func(ctx context.Context, dir string, say func(string)) error {
			b := goBuild{static: true, out: dir + "/", packages: []string{echoServer, echoClient}}
			if err := s.run(ctx, b, say); err != nil {
				return err
			}
			module, err := s.moduleDir(ctx, "istio.io/istio")
			if err != nil {
				return err
			}
			for _, name := range EchoCertificates {
				content, err := os.ReadFile(filepath.Join(module, "tests", "testdata", "certs", "dns", name))
				if err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
					return err
				}
			}
			return nil
		},
	}, nil
}
