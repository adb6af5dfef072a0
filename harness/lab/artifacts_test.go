package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/artifacts"
)

// A machine without a compiler is well off for as long as nothing has to be built.
func TestToolsAreLookedForOnlyWhereSomethingHasToBeBuilt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, tc := range []struct {
		name string
		err  error
	}{{"all is there", nil}, {"something is missing", fmt.Errorf("node: %w", artifacts.ErrNotBuilt)}} {
		t.Run(tc.name, func(t *testing.T) {
			calls := 0
			err := have(t.Context(), func(ctx context.Context) error {
				if calls++; artifacts.Builds(ctx) {
					t.Error("it was to be built without tools")
				}
				return tc.err
			})
			if calls != 1 || (tc.err == nil) != (err == nil) {
				t.Errorf("got %v after %d calls", err, calls)
			}
			if tc.err != nil && (!errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "golang")) {
				t.Errorf("got %v, want ErrUnavailable and what to install", err)
			}
		})
	}
}

func TestRunsOutsideOfAClone(t *testing.T) {
	t.Setenv("CANARYLAB_SOURCE", "")
	dir := t.TempDir()
	t.Chdir(dir)
	if got, err := Runs(); err != nil || !strings.HasSuffix(got, "/canarylab-reports") {
		t.Errorf("got %s (%v), want a folder below %s", got, err, dir)
	}
	if got := builtIstio(); got == "" || strings.Contains(got, "unknown") {
		t.Errorf("got Istio %q, want that of the carried go.mod", got)
	}
	t.Setenv("CANARYLAB_SOURCE", dir)
	if got, err := Runs(); err == nil {
		t.Errorf("got %s for a CANARYLAB_SOURCE that is no clone, want an error", got)
	}
}
