package kind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/canarylab/canarylab/harness/filelock"
)

// networkLock is the file whose lock is held, shared, by those who are about to put a node into the network.
func (p *Provider) networkLock() string { return filepath.Join(p.Home, "kind", ".network.lock") }

// setNetwork tells kind which network to use, which goes by the environment only.
var setNetwork = sync.OnceValue(func() error {
	return errors.Join(
		os.Setenv("KIND_EXPERIMENTAL_DOCKER_NETWORK", network), os.Setenv("KIND_EXPERIMENTAL_PODMAN_NETWORK", network))
})

// useNetwork keeps the network from being removed until release is called.
func (p *Provider) useNetwork(ctx context.Context) (release func(), err error) {
	if err := setNetwork(); err != nil {
		return nil, err
	}
	return filelock.Share(ctx, p.networkLock())
}

// dropNetwork removes the network unless a node is in it or about to be. With nerdctl the lab has no network of its
// own: kind uses one there that may be the user's.
func (p *Provider) dropNetwork(ctx context.Context, e engine) error {
	if e == nerdctl {
		return nil
	}
	release, free, err := filelock.Try(p.networkLock())
	if err != nil || !free {
		return err // whoever uses it removes it
	}
	defer release()
	out, err := e.output(ctx, "network", "ls", "--format", "{{.Name}}")
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Fields(out), network) {
		return nil
	}
	out, err = e.output(ctx, "ps", "--all", "--quiet", "--filter", "network="+network)
	if err != nil || strings.TrimSpace(out) != "" {
		return err
	}
	if _, err := e.output(ctx, "network", "rm", network); err != nil {
		return fmt.Errorf("remove the network of the lab's clusters: %w", err)
	}
	return nil
}
