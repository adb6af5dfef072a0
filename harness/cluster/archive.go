package cluster

import (
	"context"
	"io"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// A Logger is a Cluster that can hand out its own logs.
type Logger interface {
	// Logs copies the logs of the cluster's programs into dir, which exists.
	Logs(ctx context.Context, dir string) error
}

func opener(path string) tarball.Opener {
	return func() (io.ReadCloser, error) { return os.Open(path) }
}

func parseTag(ref string) (*name.Tag, error) {
	tag, err := name.NewTag(ref)
	return &tag, err
}
