package embedded

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// newHierarchy is a group of this machine's cgroup v2 in the place of a container's root, with a process in it, as a
// cgroup namespace has one. It skips where there is none, or none with a controller to hand down.
func newHierarchy(t *testing.T) (h hierarchy, pid string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("groups are root's to make")
	}
	const controller = "hugetlb" // nobody on a machine for tests uses it, also where the others are on cgroup v1
	top := hierarchy("")
	for _, dir := range []string{cgroupRoot, filepath.Join(cgroupRoot, "unified")} {
		if have, err := hierarchy(dir).words("cgroup.controllers"); err == nil && slices.Contains(have, controller) {
			top = hierarchy(dir)
		}
	}
	if top == "" {
		t.Skipf("no cgroup v2 with %s here", controller)
	}
	down, err := top.words("cgroup.subtree_control")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(down, controller) {
		if err := top.write("+"+controller, "cgroup.subtree_control"); err != nil {
			t.Skipf("not allowed here: %v", err)
		}
		t.Cleanup(func() { _ = top.write("-"+controller, "cgroup.subtree_control") })
	}
	h = hierarchy(top.path("hierarchy-test-" + strconv.Itoa(os.Getpid())))
	if err := os.Mkdir(string(h), 0o755); err != nil {
		t.Skipf("not allowed here: %v", err)
	}
	sleeper := exec.CommandContext(t.Context(), "sleep", "600")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = sleeper.Process.Kill()
		_ = sleeper.Wait()
		if err := removeCgroup(string(h)); err != nil {
			t.Error(err)
		}
	})
	pid = strconv.Itoa(sleeper.Process.Pid)
	if err := h.write(pid, "cgroup.procs"); err != nil {
		t.Fatal(err)
	}
	return h, pid
}

// has holds what a file of the group says.
func (h hierarchy) has(t *testing.T, want string, elem ...string) {
	t.Helper()
	got, err := h.words(elem...)
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("%s: got %q (%v), want %q", h.path(elem...), got, err, want)
	}
}

func (h hierarchy) makes(t *testing.T, name string) {
	t.Helper()
	join, err := h.make(name)
	if err != nil || len(join) != 1 || join[0] != h.path(name, nodeLeaf) {
		t.Fatalf("got %q (%v), want the leaf of %s", join, err, name)
	}
}

func (h hierarchy) loses(t *testing.T, name string) {
	t.Helper()
	if err := removeCgroup(h.path(name)); err != nil {
		t.Fatal(err)
	}
	if err := h.giveBack(); err != nil {
		t.Fatal(err)
	}
}

func TestTheRootOfANamespaceIsAsBefore(t *testing.T) {
	h, pid := newHierarchy(t)
	h.makes(t, "canarylab-a")
	h.has(t, "", "cgroup.procs")
	h.has(t, pid, rootLeaf, "cgroup.procs")
	h.has(t, "hugetlb", "cgroup.subtree_control")
	h.has(t, "hugetlb", "canarylab-a", "cgroup.controllers")
	h.has(t, "domain", "cgroup.type")
	h.makes(t, "canarylab-b")

	h.loses(t, "canarylab-a")
	h.has(t, "hugetlb", "cgroup.subtree_control") // the other one needs it
	h.has(t, pid, rootLeaf, "cgroup.procs")

	h.loses(t, "canarylab-b")
	h.has(t, "", "cgroup.subtree_control")
	h.has(t, pid, "cgroup.procs")
	if _, err := os.Stat(h.path(rootLeaf)); !os.IsNotExist(err) {
		t.Errorf("got %v, want %s gone", err, rootLeaf)
	}
	if _, known, err := h.remembered(); known || err != nil {
		t.Errorf("got a note (%t, %v), want none", known, err)
	}
	if err := h.giveBack(); err != nil {
		t.Errorf("once more: %v", err)
	}
	h.makes(t, "canarylab-c") // and again
	h.loses(t, "canarylab-c")
	h.has(t, pid, "cgroup.procs")
}

func TestWhatOthersUseStays(t *testing.T) {
	for name, use := range map[string]func(t *testing.T, h hierarchy) error{
		"a limit": func(t *testing.T, h hierarchy) error {
			limits, err := filepath.Glob(h.path("other", "hugetlb.*.max"))
			if err != nil || len(limits) == 0 {
				t.Fatalf("got limits %q (%v)", limits, err)
			}
			return os.WriteFile(limits[0], []byte("0"), 0o644)
		},
		"handed on": func(_ *testing.T, h hierarchy) error {
			return h.write("+hugetlb", "other", "cgroup.subtree_control")
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, pid := newHierarchy(t)
			h.makes(t, "canarylab-a")
			if err := os.Mkdir(h.path("other"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := use(t, h); err != nil {
				t.Fatal(err)
			}
			h.loses(t, "canarylab-a")
			h.has(t, "hugetlb", "cgroup.subtree_control")
			h.has(t, pid, rootLeaf, "cgroup.procs")
		})
	}
}

func TestTheKernelsOwnRootKeepsItsProcesses(t *testing.T) {
	h := hierarchy(t.TempDir()) // without a cgroup.type
	if err := h.vacate(before{}); err != nil {
		t.Fatal(err)
	}
	if err := h.mayVacate(); err != nil {
		t.Error(err)
	}
}

func TestProcessesOfOtherNamespacesAreNotMoved(t *testing.T) {
	h := hierarchy(t.TempDir())
	for file, text := range map[string]string{"cgroup.type": "domain\n", "cgroup.procs": "0\n12\n"} {
		if err := h.write(text, file); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.mayVacate(); err == nil || !strings.Contains(err.Error(), "--cgroupns=host") {
		t.Errorf("got %v, want what to do", err)
	}
	if err := h.write("domain invalid\n", "cgroup.type"); err != nil {
		t.Fatal(err)
	}
	if err := h.mayVacate(); err == nil || !strings.Contains(err.Error(), "anew") {
		t.Errorf("got %v, want what to do", err)
	}
}
