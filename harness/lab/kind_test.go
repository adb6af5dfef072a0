package lab_test

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/cluster/kind"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labtest"
)

// needKind skips where kind is not under test, and builds what a node needs, so that no test waits for that in a step.
func needKind(t *testing.T) {
	t.Helper()
	if c := kindOfCluster(); c != kind.Name {
		t.Skipf("this is about kind clusters, and %s is under test", c)
	}
	buildable(t)
	_, err := lab.NodeImage(t.Context(), lab.Options{})
	if errors.Is(err, lab.ErrUnavailable) {
		unavailable(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// cancelling is a Progress that ends a context when a step begins.
type cancelling struct {
	step   string
	once   *sync.Once
	cancel context.CancelFunc
}

func (c cancelling) Step(name string) func(error) {
	if strings.Contains(name, c.step) {
		c.once.Do(c.cancel)
	}
	return func(error) {}
}

// kindSteps are those that kind has, and one that comes after it.
var kindSteps = []string{
	"preparing nodes", "writing configuration", "starting control-plane", "installing StorageClass",
	"images on the node",
}

// sameEngine waits until the container engine is as it was: what a dead process had asked for may still be coming.
func sameEngine(t *testing.T, before []string) {
	t.Helper()
	var after []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if after = engineFootprint(t); slices.Equal(before, after) {
			return
		}
	}
	t.Errorf("left in the container engine: got %q, want %q", after, before)
}

// TestInterruptedKindLeavesNothing interrupts a bring-up as a step begins, as Ctrl-C does. Each turn has an eighth of
// the steps.
func TestInterruptedKindLeavesNothing(t *testing.T) {
	needKind(t)
	const name = "interrupted"
	before := engineFootprint(t)
	for _, step := range labtest.Share(labtest.TheTurn(t), kindSteps) {
		t.Run(step, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var once sync.Once
			_, err := lab.Open(ctx, lab.Options{
				Cluster: kind.Name, Name: name, Progress: cancelling{step, &once, cancel},
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
			sameEngine(t, before)
			infos, err := lab.List(t.Context(), lab.Options{Cluster: kind.Name})
			if err != nil || slices.ContainsFunc(infos, func(i cluster.Info) bool { return i.Name == name }) {
				t.Errorf("got clusters %+v (%v), want no %s", infos, err, name)
			}
		})
	}
}

// TestKilledKindIsRemoved kills the creator with SIGKILL. What it leaves, the next Up makes good, and Down
// removes. The first turn and the second have a step each.
func TestKilledKindIsRemoved(t *testing.T) {
	needKind(t)
	const name = "killed"
	before := engineFootprint(t)
	o := lab.Options{Cluster: kind.Name, Name: name}
	t.Cleanup(func() { _ = lab.Down(context.Background(), o, false) })
	steps := []string{"kind: preparing nodes", "kind: starting control-plane"}
	for _, step := range labtest.Share(labtest.TheTurn(t), steps) {
		t.Run(step, func(t *testing.T) {
			cmd := creator(t, name, step)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
			if _, err := lab.Kubeconfig(t.Context(), o); !errors.Is(err, cluster.ErrNotFound) {
				t.Errorf("a cluster that is half made: got %v, want %v", err, cluster.ErrNotFound)
			}
			if step != "kind: preparing nodes" {
				if err := create(t.Context(), name); err != nil {
					t.Errorf("the next Up: %v", err)
				}
			}
			if err := lab.Down(t.Context(), o, false); err != nil {
				t.Error(err)
			}
			sameEngine(t, before)
		})
	}
}

// TestFailedKindIsRemovedOrRetained gives kind a node image that is none, in the third turn.
func TestFailedKindIsRemovedOrRetained(t *testing.T) {
	labtest.ByTurns(t, 2)
	needKind(t)
	const name = "failed"
	before := engineFootprint(t)
	o := lab.Options{Cluster: kind.Name, Name: name}
	t.Cleanup(func() { _ = lab.Down(context.Background(), o, false) })
	ref, err := lab.NodeImage(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	o.NodeImage = brokenNode(t, ref)
	if _, err := lab.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), name) ||
		!strings.Contains(err.Error(), "broken on purpose") {
		t.Errorf("got %v, want an error that names the cluster and what went wrong", err)
	}
	sameEngine(t, before)

	o.Retain = true
	_, err = lab.Open(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "was kept") || !strings.Contains(err.Error(), "canarylab logs") {
		t.Errorf("got %v, want it to say that the node was kept, and how to look at it", err)
	}
	dir := t.TempDir()
	if err := lab.Logs(t.Context(), o, dir); err != nil {
		t.Errorf("the logs of a retained node: %v", err)
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "node", "*")); len(found) == 0 {
		t.Error("a retained node left no log")
	}
	if err := lab.Down(t.Context(), o, false); err != nil {
		t.Error(err)
	}
	sameEngine(t, before)
}

// brokenNode is a node image like ref, in which kubeadm fails.
func brokenNode(t *testing.T, ref string) string {
	t.Helper()
	const container, image = "canarylab-broken", "canarylab/broken:test"
	docker := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(
			context.WithoutCancel(t.Context()), "docker", args...,
		).CombinedOutput(); err != nil {
			t.Fatalf("docker %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	docker("run", "--name", container, "--entrypoint", "sh", ref, "-c",
		"rm /usr/local/bin/kubeadm && printf '#!/bin/sh\\necho broken on purpose\\nexit 1\\n' > "+
			"/usr/local/bin/kubeadm && chmod +x /usr/local/bin/kubeadm")
	defer docker("rm", "--force", "--volumes", container)
	docker("commit", "--change", `ENTRYPOINT ["/kind/init"]`, container, image)
	t.Cleanup(func() { docker("image", "rm", "--force", image) })
	return image
}
