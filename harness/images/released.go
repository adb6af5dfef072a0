package images

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/canarylab/canarylab/internal/dockercerts"
)

// Released returns Istio's released images. They are read from the registry when they are needed.
func Released(ctx context.Context, hub, tag string) (map[string]v1.Image, error) {
	set := map[string]v1.Image{}
	for _, program := range []string{"pilot", "proxyv2"} {
		ref, image, err := fetch(ctx, hub+"/"+program+":"+tag)
		if err != nil {
			return nil, fmt.Errorf("a released image of Istio: %w", err)
		}
		set[ref] = image
	}
	return set, nil
}

// Remote are the options of every call of a registry: it has the credentials and the authorities that Docker would use.
func Remote(ctx context.Context) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithTransport(transport()),
	}
}

// transport is the same for all calls, as its connections are.
var transport = sync.OnceValue(func() http.RoundTripper {
	if base, ok := remote.DefaultTransport.(*http.Transport); ok {
		return dockercerts.Transport(base)
	}
	return remote.DefaultTransport
})

// fetch finds an image for this machine in its registry. It returns the reference in full.
func fetch(ctx context.Context, reference string) (string, v1.Image, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return "", nil, err
	}
	platform := remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH})
	image, err := remote.Image(ref, append(Remote(ctx), platform)...)
	if err != nil {
		return "", nil, fmt.Errorf("fetch %s: %w", ref, err)
	}
	return ref.String(), image, nil
}

// ReleasedPrometheus returns the official image of the same release, <hub>/prometheus:<release>, keyed as
// BuildPrometheus does: for pods the two are one. It is read from the registry when it is needed.
func ReleasedPrometheus(ctx context.Context, s PrometheusStore, hub string) (map[string]v1.Image, error) {
	release, err := s.PrometheusVersion()
	if err != nil {
		return nil, err
	}
	_, image, err := fetch(ctx, hub+"/prometheus:"+release)
	if err != nil {
		return nil, fmt.Errorf("the official image of Prometheus: %w", err)
	}
	return map[string]v1.Image{Prometheus: image}, nil
}
