package realmesh

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/harness/mesh"
)

// TestScenariosOnABorrowedCluster plays the catalogue on a cluster that is somebody else's: the same one, through a
// kubeconfig whose user has just the rights that `canarylab rbac` prints. Each turn plays an eighth of the scenarios.
func TestScenariosOnABorrowedCluster(t *testing.T) {
	ctx := t.Context()
	host := theLab.Open(ctx, t)
	if host.Borrowed() {
		t.Skip("the cluster under test is not ours to lend")
	}
	options := labtest.Borrow(t, host)
	borrowed := labtest.Opener{Options: func() lab.Options { return options }}
	before := labtest.Namespaces(t, host.Kube())
	for _, s := range labtest.Share(labtest.TheTurn(t), some(t)) {
		t.Run(s.Name, func(t *testing.T) {
			if s.OwnIstioOnly() {
				t.Skip("it takes istiod away, and this one is the owner's")
			}
			rep, err := borrowed.Steady(t.Context(), t, s, harness.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if rep.Setup.Provider != options.Cluster {
				t.Errorf("got a report of %s, want %s", rep.Setup.Provider, options.Cluster)
			}
			labtest.Passed(t, rep)
		})
	}
	if err := lab.Down(ctx, options, false); err != nil {
		t.Error(err)
	}
	if after := labtest.Namespaces(t, host.Kube()); !slices.Equal(before, after) {
		t.Errorf("left on the borrowed cluster are namespaces: got %q, want %q", after, before)
	}
}

// A cluster has two revisions of Istio, and its borrower asks for the one that is not the default.
func TestRevisionOfABorrowedCluster(t *testing.T) {
	labtest.ByTurns(t, turnOfRevision)
	ctx := t.Context()
	host := theLab.Open(ctx, t)
	if host.Borrowed() {
		t.Skip("the cluster under test is not ours to put another Istio into")
	}
	const revision = "second"
	secondIstio(t, host, revision)

	second := labtest.Borrow(t, host)
	second.Istio.Revision = revision
	borrowed := labtest.Opener{Options: func() lab.Options { return second }}
	var injected []string
	story := quietStory(t)
	rep, err := borrowed.Steady(ctx, t, story, harness.Options{Progress: onStep{step: "phase 2 of 2", do: func() {
		pods, err := host.Kube().Pods(ctx, "undisturbed", "app=my-service")
		if err != nil {
			t.Error(err)
		}
		for _, pod := range pods {
			// The injector's own note on the pod.
			injected = append(injected, pod.Annotations["istio.io/rev"])
		}
	}}})
	if err != nil {
		t.Fatal(err)
	}
	labtest.Passed(t, rep)
	if len(injected) == 0 || slices.ContainsFunc(injected, func(r string) bool { return r != revision }) {
		t.Errorf("got sidecars of revisions %q, want %s", injected, revision)
	}
	if want := "revision " + revision; !strings.Contains(rep.Setup.Istio, want) {
		t.Errorf("got Istio %q, want %s", rep.Setup.Istio, want)
	}
}

// onStep is a Progress that does something each time that a step begins.
type onStep struct {
	labtest.Steps
	step string
	do   func()
}

// Step implements progress.Progress.
func (o onStep) Step(name string) func(error) {
	if strings.Contains(name, o.step) {
		o.do()
	}
	return o.Steps.Step(name)
}

// secondIstio puts another revision of Istio into a cluster of the lab's own, until the test ends.
func secondIstio(t *testing.T, host *lab.Lab, revision string, values ...string) {
	t.Helper()
	ctx := t.Context()
	options := lab.MeshOptions()
	options.Gateway = false
	// Objects that all revisions share, such as CRDs, are the first one's.
	options.Values = []string{"revision=" + revision, "values.defaultRevision=", "components.base.enabled=false"}
	options.Values = append(options.Values, values...)
	m, err := mesh.Render(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var refs []kube.Ref
		for _, o := range m.Core {
			refs = append(refs, kube.Ref{
				GroupVersionKind: o.GroupVersionKind(), Namespace: o.GetNamespace(), Name: o.GetName(),
			})
		}
		if err := host.Kube().Delete(context.WithoutCancel(ctx), refs...); err != nil {
			t.Error(err)
		}
	})
	if err := host.Kube().ApplyObjects(ctx, m.Core); err != nil {
		t.Fatal(err)
	}
	settleAfter(ctx, t, host.Kube())
}
