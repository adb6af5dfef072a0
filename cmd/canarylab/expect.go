package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/canarylab/canarylab/harness/routetest"
	"github.com/canarylab/canarylab/harness/story"
)

// expectations reads what is expected of manifests: the files that are named, or else the canary.yaml beside them, if
// there is one. It is nil where there is none.
func expectations(ctx context.Context, named, paths []string) (*routetest.Expectations, error) {
	if len(named) == 0 {
		for _, path := range paths {
			if path == "-" {
				continue
			}
			dir := path
			if info, err := os.Stat(path); err != nil || !info.IsDir() {
				dir = filepath.Dir(path)
			}
			file := filepath.Join(dir, story.CanaryFile)
			if _, err := os.Stat(file); err == nil && !slices.Contains(named, file) {
				named = append(named, file)
			}
		}
	}
	if len(named) == 0 {
		return nil, nil
	}
	e, err := routetest.ReadExpectations(ctx, named...)
	if errors.Is(err, routetest.ErrExpectations) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("read what is expected of the manifests: %w", err)
	}
	return e, nil
}
