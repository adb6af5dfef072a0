package images

import (
	"context"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/canarylab/canarylab/harness/artifacts"
)

// prometheusUser is nobody, as in the official image.
const prometheusUser = "65534:65534"

// A PrometheusStore builds or finds Prometheus, and keeps its image.
type PrometheusStore interface {
	keeper
	// Prometheus is the folder with the program.
	Prometheus(ctx context.Context) (string, error)
	// PrometheusVersion is the program's release, such as "v3.15.0".
	PrometheusVersion() (string, error)
}

// BuildPrometheus returns the image of Prometheus, keyed by reference. It is a set of its own, so that only those
// who need it pay for it: it takes minutes to compile and a second to bring to a cluster.
func BuildPrometheus(ctx context.Context, s PrometheusStore) (map[string]v1.Image, error) {
	r, err := PrometheusRecipe(s)
	if err != nil {
		return nil, err
	}
	return keep(ctx, s, r)
}

// PrometheusRecipe is that of the image of Prometheus.
func PrometheusRecipe(s PrometheusStore) (artifacts.Recipe, error) {
	id, err := s.IDOf("prometheus")
	if err != nil {
		return artifacts.Recipe{}, err
	}
	specs := func(dir string) map[string]spec {
		return map[string]spec{Prometheus: {
			files:      map[string]string{"/bin/prometheus": filepath.Join(dir, "prometheus")},
			folders:    []string{"/tmp", "/prometheus"},
			entrypoint: []string{"/bin/prometheus"}, user: prometheusUser,
		}}
	}
	r := recipeOf(artifacts.PrometheusImage, describe(specs(id.String())),
		func(ctx context.Context) (map[string]spec, error) {
			dir, err := s.Prometheus(ctx)
			if err != nil {
				return nil, err
			}
			return specs(dir), nil
		})
	r.For, r.Seldom = "scenarios that ask a Prometheus", true
	return r, nil
}
