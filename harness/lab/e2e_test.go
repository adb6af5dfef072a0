package lab_test

import (
	"context"
	"errors"
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/e2e-framework/pkg/env"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/envfuncs"
	"sigs.k8s.io/e2e-framework/pkg/features"

	"github.com/canarylab/canarylab/harness/lab"
)

// TestE2EFrameworkSuite is how somebody else's e2e-framework suite runs on an embedded cluster or on kind: the
// line that makes the provider is the one that differs.
func TestE2EFrameworkSuite(t *testing.T) {
	buildable(t)
	provider, err := lab.E2E(t.Context(), lab.Options{Cluster: kindOfCluster(), Name: "suite"})
	if errors.Is(err, lab.ErrUnavailable) {
		unavailable(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	config := envconf.New()
	ctx, err := envfuncs.CreateCluster(provider, "suite")(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := envfuncs.DestroyCluster("suite")(context.WithoutCancel(ctx), config); err != nil {
			t.Error(err)
		}
	})
	env.NewWithConfig(config).Test(t, features.New("nodes").Assess("there is one", func(
		ctx context.Context, t *testing.T, c *envconf.Config,
	) context.Context {
		var nodes corev1.NodeList
		if err := c.Client().Resources().List(ctx, &nodes); err != nil {
			t.Fatal(err)
		}
		if len(nodes.Items) != 1 {
			t.Errorf("got %d nodes, want 1", len(nodes.Items))
		}
		return ctx
	}).Feature())
	logs := t.TempDir()
	if err := provider.ExportLogs(ctx, logs); err != nil {
		t.Error(err)
	}
	if files, err := os.ReadDir(logs); err != nil || len(files) == 0 {
		t.Errorf("got %d logs (%v), want some", len(files), err)
	}
	if _, err := provider.WithVersion("v1.2.3").Create(ctx); err == nil {
		t.Error("a version that can't be had was not refused")
	}
}
