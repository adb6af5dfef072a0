package existing

import (
	"errors"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/cluster"
)

// as is the same cluster as another owner has it, from a machine of its own.
func as(t *testing.T, a *api, owner string, more Access) *Provider {
	t.Helper()
	more.Owner = owner
	return use(t, a, more)
}

// Two people can't play in one namespace at once, and the second learns who does.
func TestANamespaceIsClaimedByOne(t *testing.T) {
	t.Parallel()
	a := &api{}
	jane, joe := as(t, a, "jane", Access{}), as(t, a, "joe", Access{})
	held, release, err := opened(t, jane).Claim(t.Context(), "demo", "run-1", "label-mismatch")
	if err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	lease := a.leases["canarylab-system/demo"]
	shared := a.namespaces["canarylab-system"]
	a.mu.Unlock()
	if lease == nil || lease.Labels[ownerLabel] != "jane" || lease.Labels[runLabel] != "run-1" || shared[label] == "" {
		t.Fatalf("got %v in %v, want jane's", lease, shared)
	}
	_, _, err = opened(t, joe).Claim(t.Context(), "demo", "run-2", "weighted-rollout")
	var taken *cluster.Taken
	if !errors.As(err, &taken) || !taken.Plays || !errors.Is(err, cluster.ErrTaken) {
		t.Fatalf("got %v, want it taken", err)
	}
	for _, want := range []string{"namespace demo", "jane", "label-mismatch since 20", "wait until"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to say %q", err, want)
		}
	}
	// Another namespace is nobody's.
	_, beside, err := opened(t, joe).Claim(t.Context(), "demo-joe", "run-2", "label-mismatch")
	if err != nil {
		t.Fatal(err)
	}
	all, err := joe.Tenants(t.Context())
	if err != nil || len(all) != 2 || all[0].Owner != "jane" || all[0].Run != "run-1" || all[1].Owner != "joe" {
		t.Errorf("got %v (%v), want both", all, err)
	}
	// Even with all, what she plays is hers.
	joe.Access.All = true
	left, err := joe.Vacate(t.Context())
	if !errors.Is(err, cluster.ErrTaken) || len(left) != 1 || left[0].Owner != "jane" {
		t.Errorf("got %v (%v) left, want jane's, and why", left, err)
	}
	if held.Err() != nil {
		t.Errorf("got jane's run ended (%v)", held.Err())
	}
	beside()
	release()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.leases) > 0 {
		t.Errorf("got %v left, want no lease", a.leases)
	}
}

// What somebody has kept is theirs, without a Lease too. One's own is not in the way.
func TestAKeptNamespaceIsItsOwners(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		labels map[string]string
		taken  bool
	}{
		{map[string]string{label: labelValue, ownerLabel: "jane"}, true},
		{map[string]string{label: labelValue, ownerLabel: "joe"}, false},
		{map[string]string{label: labelValue}, true},
		// The run says what is wrong with it.
		{map[string]string{"team": "a"}, false},
	} {
		a := &api{namespaces: map[string]map[string]string{"demo": tc.labels}}
		_, release, err := opened(t, as(t, a, "joe", Access{})).Claim(t.Context(), "demo", "run", "story")
		if errors.Is(err, cluster.ErrTaken) != tc.taken || err != nil && !strings.Contains(err.Error(), "down --all") {
			t.Errorf("%v: got %v, want it taken: %t", tc.labels, err, tc.taken)
		}
		if err == nil {
			release()
		}
		if len(a.leases) > 0 {
			t.Errorf("%v: got %v left, want no lease", tc.labels, a.leases)
		}
	}
}

// A canarylab that was killed is followed by one of the same folder, which need not wait.
func TestTheSameFolderIsTheSameHolder(t *testing.T) {
	t.Parallel()
	a := &api{}
	jane := as(t, a, "jane", Access{})
	first, err := opened(t, jane).holder()
	if err != nil {
		t.Fatal(err)
	}
	again, err := opened(t, jane).holder()
	if err != nil || again != first {
		t.Errorf("got %s (%v), want %s", again, err, first)
	}
	other, err := opened(t, as(t, a, "jane", Access{})).holder()
	if err != nil || other == first || !strings.HasPrefix(other, "jane_") {
		t.Errorf("got %s (%v), want another of jane's", other, err)
	}
}
