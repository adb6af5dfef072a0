package images

import (
	"context"
	"fmt"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/canarylab/canarylab/harness/artifacts"
)

// Binaries builds or finds the programs that go into images, each in a folder of its own.
type Binaries interface {
	Istio(ctx context.Context) (string, error)
	Programs(ctx context.Context) (string, error)
	Envoy(ctx context.Context) (string, error)
}

// A Store builds or finds the programs that go into images, and keeps the images.
type Store interface {
	Binaries
	keeper
}

// A keeper keeps what was built, and knows programs by name.
type keeper interface {
	Get(ctx context.Context, r artifacts.Recipe) (string, error)
	IDOf(name string) (artifacts.ID, error)
}

// recipeOf is the recipe of a set of images. how describes them by the IDs of the programs in them; specs builds or
// finds those.
func recipeOf(name, how string, specs func(context.Context) (map[string]spec, error)) artifacts.Recipe {
	var made map[string]spec
	return artifacts.Recipe{
		Name: name, How: how, Free: 1 << 30, Packs: true, For: "what pods run",
		Local: func(ctx context.Context) (how string, err error) {
			if made, err = specs(ctx); err != nil {
				return "", err
			}
			return fingerprint(made)
		},
		Make: func(_ context.Context, dir string, say func(string)) error {
			path, err := layout.Write(dir, empty.Index)
			if err != nil {
				return err
			}
			for _, ref := range slices.Sorted(maps.Keys(made)) {
				say(ref)
				image, err := made[ref].build()
				if err == nil {
					err = path.AppendImage(image, layout.WithAnnotations(map[string]string{refAnnotation: ref}))
				}
				if err != nil {
					return fmt.Errorf("make the image %s: %w", ref, err)
				}
			}
			return nil
		},
	}
}

// keep makes the images, or finds them in the store.
func keep(ctx context.Context, s keeper, r artifacts.Recipe) (map[string]v1.Image, error) {
	dir, err := s.Get(ctx, r)
	if err != nil {
		return nil, err
	}
	return read(dir)
}

// refAnnotation is where an OCI layout notes an image's reference (OCI image specification, annotations).
const refAnnotation = "org.opencontainers.image.ref.name"

// read returns the images of an OCI layout. Their files are read when they are needed.
func read(dir string) (map[string]v1.Image, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("read the images in %s: %w", dir, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read the images in %s: %w", dir, err)
	}
	images := map[string]v1.Image{}
	for _, d := range manifest.Manifests {
		if images[d.Annotations[refAnnotation]], err = index.Image(d.Digest); err != nil {
			return nil, fmt.Errorf("read the image %s in %s: %w", d.Annotations[refAnnotation], dir, err)
		}
	}
	return images, nil
}
