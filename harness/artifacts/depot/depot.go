// Package depot is where what one machine built is had from by another: a repository in an OCI registry, or a file. In
// both each build is an OCI image of one layer, a tar of the build's folder. Nothing of it is taken before all digests
// were checked, from the manifest's down to that of the unpacked tar.
package depot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/canarylab/canarylab/harness/artifacts"
)

// What a build may have, several times what the largest one has. A depot is somebody else's: whatever it says, no more
// than this is read or written.
const (
	maxManifest = 1 << 20 // bytes, also of a configuration and of an index
	maxPacked   = 4 << 30 // bytes
	maxUnpacked = 8 << 30 // bytes
	maxFiles    = 10_000
)

// The labels in an image's configuration.
const (
	labelName     = "io.canarylab.artifact"
	labelKey      = "io.canarylab.key"
	labelUnpacked = "io.canarylab.unpacked" // bytes of the tar
)

// ErrWrong is wrapped by errors about a depot whose content is not what it says, or not what was asked for.
var ErrWrong = errors.New("it is not to be trusted")

// A Build is a finished build and its folder.
type Build struct {
	artifacts.ID
	Dir string
}

// A shelf has manifests and blobs. What it returns is not checked yet.
type shelf interface {
	// manifest is that of a build, and its digest where the shelf was asked by one. The error wraps artifacts.ErrAbsent
	// where there is none.
	manifest(ctx context.Context, id artifacts.ID) (raw []byte, want *v1.Hash, err error)
	// blob has size bytes, if the shelf is honest.
	blob(ctx context.Context, digest v1.Hash, size int64) (io.ReadCloser, error)
}

// fetch fills dir with a build from a shelf.
func fetch(ctx context.Context, from shelf, id artifacts.ID, dir string, say func(string)) error {
	raw, want, err := from.manifest(ctx, id)
	if err != nil {
		return err
	}
	if want != nil {
		if err := check(raw, *want); err != nil {
			return fmt.Errorf("%w: the manifest of %s: %w", ErrWrong, id, err)
		}
	}
	layer, config, err := parse(raw)
	if err != nil {
		return fmt.Errorf("%w: the manifest of %s: %w", ErrWrong, id, err)
	}
	about, err := readConfig(ctx, from, config)
	if err != nil {
		return err
	}
	unpacked, diff, err := accept(about, id)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrWrong, id, err)
	}
	blob, err := from.blob(ctx, layer.Digest, layer.Size)
	if err != nil {
		return err
	}
	defer blob.Close()
	return unpack(ctx, blob, packed{layer.Digest, layer.Size, diff, unpacked}, dir, say)
}

// parse returns a manifest's one layer and its configuration, both of a size that is bearable.
func parse(raw []byte) (layer, config v1.Descriptor, err error) {
	m, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return layer, config, err
	}
	if len(m.Layers) != 1 || m.Layers[0].MediaType != types.OCILayerZStd {
		return layer, config, fmt.Errorf("it has other layers than one of type %s: it is no build of canarylab's",
			types.OCILayerZStd)
	}
	if size := m.Layers[0].Size; size < 0 || size > maxPacked {
		return layer, config, fmt.Errorf("it has a layer of %d bytes, and %d are the most", size, int64(maxPacked))
	}
	if size := m.Config.Size; size < 0 || size > maxManifest {
		return layer, config, fmt.Errorf("it has a configuration of %d bytes, and %d are the most", size, maxManifest)
	}
	return m.Layers[0], m.Config, nil
}

func readConfig(ctx context.Context, from shelf, d v1.Descriptor) (*v1.ConfigFile, error) {
	blob, err := from.blob(ctx, d.Digest, d.Size)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	raw, err := io.ReadAll(io.LimitReader(blob, d.Size+1))
	if err != nil {
		return nil, fmt.Errorf("read a configuration: %w", err)
	}
	if err := check(raw, d.Digest); err != nil {
		return nil, fmt.Errorf("%w: a configuration: %w", ErrWrong, err)
	}
	config, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%w: a configuration: %w", ErrWrong, err)
	}
	return config, nil
}

// accept tells whether an image is the build that was asked for, how large its tar is, and which digest that has.
func accept(c *v1.ConfigFile, id artifacts.ID) (unpacked int64, diff v1.Hash, err error) {
	if got := (artifacts.ID{Name: c.Config.Labels[labelName], Key: c.Config.Labels[labelKey]}); got != id {
		return 0, diff, fmt.Errorf("it is the build %q", got)
	}
	if c.OS != platform.OS || c.Architecture != platform.Architecture {
		return 0, diff, fmt.Errorf("it is for %q on %q, and this machine is %s on %s", c.OS, c.Architecture,
			platform.OS, platform.Architecture)
	}
	unpacked, err = strconv.ParseInt(c.Config.Labels[labelUnpacked], 10, 64)
	if err != nil || unpacked < 0 || unpacked > maxUnpacked {
		return 0, diff, fmt.Errorf("it says that it has %q bytes, and %d are the most", c.Config.Labels[labelUnpacked],
			int64(maxUnpacked))
	}
	if len(c.RootFS.DiffIDs) != 1 {
		return 0, diff, fmt.Errorf("its configuration knows of %d layers", len(c.RootFS.DiffIDs))
	}
	return unpacked, c.RootFS.DiffIDs[0], nil
}

// check compares a digest.
func check(raw []byte, want v1.Hash) error {
	got, _, err := v1.SHA256(bytes.NewReader(raw))
	if err == nil && got != want {
		err = fmt.Errorf("it has the digest %s and should have %s", got, want)
	}
	return err
}

// sorted returns builds in the order of their names.
func sorted(builds []Build) []Build {
	return slices.SortedFunc(slices.Values(builds), func(a, b Build) int {
		return strings.Compare(a.String(), b.String())
	})
}
