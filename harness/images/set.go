package images

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Digest identifies the whole set of images.
func Digest(images map[string]v1.Image) (string, error) {
	var b bytes.Buffer
	for _, ref := range slices.Sorted(maps.Keys(images)) {
		d, err := images[ref].Digest()
		if err != nil {
			return "", fmt.Errorf("the digest of %s: %w", ref, err)
		}
		fmt.Fprintln(&b, ref, d)
	}
	h, _, err := v1.SHA256(&b)
	if err != nil {
		return "", err
	}
	return h.Hex[:16], nil
}

// Configs are the digests of the images' configurations, by reference: they decide what an image contains.
func Configs(images map[string]v1.Image) (map[string]string, error) {
	m := make(map[string]string, len(images))
	for ref, image := range images {
		d, err := image.ConfigName()
		if err != nil {
			return nil, fmt.Errorf("the digest of %s: %w", ref, err)
		}
		m[ref] = d.String()
	}
	return m, nil
}

// Load calls load with the images of set that have lacks, unless none is missing, and adds their digests to have, which
// has digests of configurations by reference.
func Load(
	set map[string]v1.Image, have *map[string]string, load func(missing map[string]v1.Image) error,
) (loaded bool, err error) {
	digests, err := Configs(set)
	if err != nil {
		return false, err
	}
	missing := map[string]v1.Image{}
	for ref, digest := range digests {
		if (*have)[ref] != digest {
			missing[ref] = set[ref]
		}
	}
	if len(missing) == 0 {
		return false, nil
	}
	if err := load(missing); err != nil {
		return false, err
	}
	if *have == nil {
		*have = map[string]string{}
	}
	maps.Copy(*have, digests) // others are there still
	return true, nil
}

// Archive streams images in the form that docker save writes. The stream breaks off when ctx ends. It has to be closed.
func Archive(ctx context.Context, set map[string]v1.Image) (io.ReadCloser, error) {
	tags := make(map[name.Tag]v1.Image, len(set))
	for ref, image := range set {
		// A name without a registry, such as canarylab/x:dev, is stored as docker.io's, and kubelet asks for the same.
		tag, err := name.NewTag(ref)
		if err != nil {
			return nil, fmt.Errorf("the reference %q: %w", ref, err)
		}
		tags[tag] = image
	}
	r, w := io.Pipe()
	stop := context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	go func() {
		defer stop()
		w.CloseWithError(tarball.MultiWrite(tags, w))
	}()
	return r, nil
}
