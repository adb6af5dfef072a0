package realmesh

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/scenarios"
)

// tenantStory is what both play, a short one.
const tenantStory = "header-routing"

// asTenant is the variable that makes TestPlaysForATenant play.
const asTenant = "CANARYLAB_TEST_TENANT"

// Not a test: a process of its own that plays for TestTwoTenants, to be killed.
func TestPlaysForATenant(t *testing.T) {
	if os.Getenv(asTenant) == "" {
		t.Skip("this is for TestTwoTenants to start")
	}
	s, err := scenarios.Find(tenantStory)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := theLab.Play(t.Context(), t, s, harness.Options{}); err != nil {
		t.Fatal(err)
	}
}

// Two people play the same story on one cluster at once, each as a user of its own. It is played twice, side by side.
// One of them is killed: the other's run is whole, its down leaves what is not its own, and the killed one's down finds
// what that run has left.
func TestTwoTenants(t *testing.T) {
	labtest.ByTurns(t, turnOfTenants)
	ctx := t.Context()
	host := theLab.Open(ctx, t)
	if host.Borrowed() {
		t.Skip("the cluster under test is not ours to lend")
	}
	k := host.Kube()
	jane, endOfJane := labtest.LendTo(t, host, labtest.Loan{User: "jane"})
	t.Cleanup(endOfJane)
	joe, endOfJoe := labtest.LendTo(t, host, labtest.Loan{User: "joe"})
	t.Cleanup(endOfJoe)
	jane.Home, joe.Home = t.TempDir(), t.TempDir()

	hers := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestPlaysForATenant$", "-test.v")
	hers.Env = append(os.Environ(), asTenant+"=1", "CLUSTER=existing", "CANARYLAB_HOME="+jane.Home, "CANARYLAB_YES=1",
		"CANARYLAB_KUBECONFIG="+jane.Existing.Kubeconfig, "CANARYLAB_CONTEXT="+jane.Existing.Context,
		"CANARYLAB_OWNER="+jane.Existing.Owner, "TURN=")
	var said strings.Builder
	hers.Stdout, hers.Stderr = &said, &said
	if err := hers.Start(); err != nil {
		t.Fatal(err)
	}
	kill := sync.OnceFunc(func() {
		_ = hers.Process.Kill()
		_ = hers.Wait()
	})
	defer kill()
	begun := false
	for end := time.Now().Add(time.Minute); !begun && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		lease, err := k.Lease(ctx, mesh.LabNamespace, tenantStory)
		begun = err == nil && lease != nil && lease.Labels["canarylab.io/owner"] == "jane"
	}
	if !begun {
		kill()
		t.Fatalf("jane's run did not begin:\n%s", said.String())
	}

	his := labtest.Opener{Options: func() lab.Options { return joe }}
	s, err := scenarios.Find(tenantStory)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := his.Play(ctx, t, s, harness.Options{Progress: onStep{step: "phase 2", do: kill}})
	if err != nil {
		t.Fatal(err)
	}
	// Two at once may be late, which voids verdicts and makes none wrong.
	if rep.Outcome == reports.Fail || rep.Broken != "" || rep.Accounting.UnexplainedTotal > 0 {
		t.Errorf("got %s (%s), %d requests unexplained; want joe's run whole", rep.Outcome, rep.Broken,
			rep.Accounting.UnexplainedTotal)
	}
	if about := strings.Join(rep.Setup.About, " "); !strings.Contains(about, tenantStory+"-joe") ||
		!strings.Contains(about, "jane") {
		t.Errorf("got %q about the cluster, want where it was played, and beside whom", about)
	}
	if err := lab.Down(ctx, joe, false); err != nil {
		t.Error(err)
	}
	left, err := lab.Tenants(ctx, joe)
	if err != nil || len(left) != 1 || left[0].Owner != "jane" || left[0].Namespace != tenantStory {
		t.Errorf("got %v (%v) left by joe's down, want jane's", left, err)
	}
	if all := strings.Join(labtest.Namespaces(t, k), ","); !strings.Contains(all, tenantStory+" Active") {
		t.Errorf("got %s, want jane's namespace left", all)
	}
	if err := lab.Down(ctx, jane, false); err != nil {
		t.Error(err)
	}
	if left, err := lab.Tenants(ctx, jane); err != nil || len(left) > 0 {
		t.Errorf("got %v (%v) left by jane's down, want nothing", left, err)
	}
	if all := strings.Join(labtest.Namespaces(t, k), ","); strings.Contains(all, tenantStory) {
		t.Errorf("got %s, want no namespace of the story's left", all)
	}
}
