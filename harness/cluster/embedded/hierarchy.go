package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A hierarchy is the root of cgroup v2 as this process sees it: the kernel's own or, in a container, that of its cgroup
// namespace, which is a group like any other.
type hierarchy string

// rootLeaf is where the processes at the root of a cgroup namespace are as long as there are clusters: a group of
// cgroup v2 that has processes can't hand its controllers down, but for the kernel's own root. Entry points of other
// programs that make containers in a container call it so too.
const rootLeaf = "init"

// before is what was at the root before the first cluster. It is kept as an attribute of the group itself, so that it
// is gone when the group is, at a reboot or with the container, and survives whoever wrote it.
type before struct {
	// Controllers were handed down.
	Controllers []string `json:"controllers"`
	// Moved tells that processes may have been moved to rootLeaf, which was made for it.
	Moved bool `json:"moved"`
}

const beforeAttribute = "user.canarylab"

// kubeletAsks are the controllers that kubelet looks for where the root has them
// (k8s.io/kubernetes/pkg/kubelet/cm/cgroup_v2_manager_linux.go).
var kubeletAsks = []string{"cpu", "cpuset", "hugetlb", "memory", "pids"}

func (h hierarchy) path(elem ...string) string {
	return filepath.Join(append([]string{string(h)}, elem...)...)
}

// words are those of a file of the group.
func (h hierarchy) words(elem ...string) ([]string, error) {
	raw, err := os.ReadFile(h.path(elem...))
	return strings.Fields(string(raw)), err
}

// lock keeps others from changing the root meanwhile.
func (h hierarchy) lock() (unlock func(), err error) {
	dir, err := os.Open(string(h))
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		dir.Close()
		return nil, fmt.Errorf("lock %s: %w", h, err)
	}
	return func() { dir.Close() }, nil
}

// make makes the cluster's folder, hands it the controllers that kubelet asks for, and returns the leaf for the node's
// own programs. A controller that the kernel lacks is left out: kubelet names it if it can't do without.
func (h hierarchy) make(name string) (join []string, err error) {
	unlock, err := h.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	// The folder comes first: as long as it is there, nobody puts back what follows.
	leaf := h.path(name, nodeLeaf)
	if err := os.MkdirAll(leaf, 0o755); err != nil {
		return nil, fmt.Errorf("make the cluster's cgroup: %w", err)
	}
	b, err := h.remember()
	if err != nil {
		return nil, err
	}
	if err := h.vacate(b); err != nil {
		return nil, err
	}
	have, err := h.words("cgroup.controllers")
	if err != nil {
		return nil, err
	}
	down, err := h.words("cgroup.subtree_control")
	if err != nil {
		return nil, err
	}
	for _, c := range kubeletAsks {
		if !slices.Contains(have, c) || slices.Contains(down, c) {
			continue
		}
		if err := h.write("+"+c, "cgroup.subtree_control"); err != nil {
			return nil, fmt.Errorf("hand the %s controller to the cluster's cgroup: %w", c, err)
		}
	}
	if !slices.Contains(have, "cpu") {
		return []string{leaf}, nil
	}
	err = errors.Join(h.write(podWeight, name, "cpu.weight"), h.write("+cpu", name, "cgroup.subtree_control"),
		h.write(nodeWeight, name, nodeLeaf, "cpu.weight"))
	if err != nil {
		return nil, fmt.Errorf("give the cluster's cgroup its weight: %w", err)
	}
	return []string{leaf}, nil
}

func (h hierarchy) write(text string, elem ...string) error {
	return os.WriteFile(h.path(elem...), []byte(text), 0o644)
}

// remember keeps what is at the root, unless that was done for a cluster that is still there.
func (h hierarchy) remember() (before, error) {
	if b, known, err := h.remembered(); err != nil || known {
		return b, err
	}
	down, err := h.words("cgroup.subtree_control")
	if err != nil {
		return before{}, err
	}
	b := before{Controllers: down}
	return b, h.keep(b)
}

// keep writes b. Kernels older than 5.7 and some namespaces have no such attributes: what is not kept is not put back.
func (h hierarchy) keep(b before) error {
	raw, err := json.Marshal(b)
	if err != nil {
		return err
	}
	err = unix.Setxattr(string(h), beforeAttribute, raw, 0)
	if err != nil && !errors.Is(err, unix.ENOTSUP) && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("note at %s what it handed down before: %w", h, err)
	}
	return nil
}

func (h hierarchy) remembered() (b before, known bool, err error) {
	raw := make([]byte, 4096) // a dozen names of controllers
	n, err := unix.Getxattr(string(h), beforeAttribute, raw)
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.EPERM):
		return b, false, nil
	case err != nil:
		return b, false, fmt.Errorf("read what %s handed down before: %w", h, err)
	}
	if err := json.Unmarshal(raw[:n], &b); err != nil {
		return b, false, fmt.Errorf("read the attribute %s of %s: %w", beforeAttribute, h, err)
	}
	return b, true, nil
}

// namespaced tells whether the root is that of a cgroup namespace: the kernel's own has no type.
func (h hierarchy) namespaced() bool {
	_, err := os.Stat(h.path("cgroup.type"))
	return err == nil
}

// vacate moves the processes at the root of a cgroup namespace into a leaf. It comes before the first controller is
// handed down: cpu and cpuset could be, but would make the root a group of threads, whose children hold no processes.
func (h hierarchy) vacate(b before) error {
	if !h.namespaced() {
		return nil
	}
	pids, err := h.words("cgroup.procs")
	if err != nil && !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	if len(pids) == 0 && err == nil {
		return nil
	}
	// Controllers that are handed down beside processes are those of threads: somebody tried what comes below in the
	// wrong order. Taken back, the root is a group of processes again.
	down, err := h.words("cgroup.subtree_control")
	if err != nil {
		return err
	}
	for _, c := range down {
		if err := h.write("-"+c, "cgroup.subtree_control"); err != nil {
			return fmt.Errorf("the root of this cgroup namespace has processes and hands %s down to groups that use "+
				"it: start this container anew, or share the host's namespace (docker run --cgroupns=host): %w", c, err)
		}
	}
	b.Moved = true
	if err := h.keep(b); err != nil {
		return err
	}
	if err := os.MkdirAll(h.path(rootLeaf), 0o755); err != nil {
		return fmt.Errorf("make a cgroup for the processes at the root: %w", err)
	}
	return h.move("", rootLeaf)
}

func (h hierarchy) unseen(group string) error {
	return fmt.Errorf("%s has processes that can't be seen from this PID namespace, and so not be moved to a group of "+
		"their own: start the container with a PID namespace of its own, or with the host's cgroup namespace (docker "+
		"run --cgroupns=host)", h.path(group))
}

// move moves all processes from one group to another.
func (h hierarchy) move(from, to string) error {
	const rounds = 50 // they start others meanwhile
	for range rounds {
		pids, err := h.words(from, "cgroup.procs")
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			if pid == "0" { // it would move whoever asks
				return h.unseen(from)
			}
			err := h.write(pid, to, "cgroup.procs")
			if err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("move process %s from %s to %s: %w", pid, h.path(from), h.path(to), err)
			}
		}
	}
	return fmt.Errorf("%s has new processes all the time, and none can be there: try again", h.path(from))
}

// giveBack makes the root as it was before the first cluster, once the last one is gone. What others use by now stays.
func (h hierarchy) giveBack() error {
	unlock, err := h.lock()
	if err != nil {
		return err
	}
	defer unlock()
	b, known, err := h.remembered()
	if err != nil || !known {
		return err
	}
	if left, err := filepath.Glob(h.path(ownCgroups + "*")); err != nil || len(left) > 0 {
		return err
	}
	down, err := h.words("cgroup.subtree_control")
	if err != nil {
		return err
	}
	stays := b.Moved && len(b.Controllers) > 0 // processes and controllers: nothing that one could go back to
	for _, c := range down {
		if slices.Contains(b.Controllers, c) {
			continue
		}
		used, err := h.used(c)
		if err != nil {
			return err
		}
		if !used {
			err = h.write("-"+c, "cgroup.subtree_control")
		}
		if err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("take the %s controller back: %w", c, err)
		}
		stays = stays || used || err != nil
	}
	if b.Moved && !stays {
		if err := h.move(rootLeaf, ""); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := unix.Rmdir(h.path(rootLeaf)); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("remove %s: %w", h.path(rootLeaf), err)
		}
	}
	if err := unix.Removexattr(string(h), beforeAttribute); err != nil && !errors.Is(err, unix.ENODATA) {
		return fmt.Errorf("remove the note at %s: %w", h, err)
	}
	return nil
}

// unset is what the files of a group have that nobody has written to, by controller.
var unset = map[string]map[string]string{
	"cpu":    {"cpu.weight": "100", "cpu.max": "max 100000"},
	"cpuset": {"cpuset.cpus": "", "cpuset.mems": ""},
	"io":     {"io.weight": "default 100", "io.max": ""},
	"memory": {
		"memory.min": "0", "memory.low": "0", "memory.high": "max", "memory.max": "max", "memory.swap.max": "max",
	},
	"pids":    {"pids.max": "max"},
	"hugetlb": {"hugetlb.*.max": "max"},
}

// unlimited tells whether a limit is so large that it is none, which some kernels do not call max.
func unlimited(limit string) bool {
	n, err := strconv.ParseUint(limit, 10, 64)
	return err == nil && n >= 1<<62
}

// used tells whether somebody has set something by a controller that would be lost without it. One that is handed on
// further down needs no look: the kernel does not let go of that.
func (h hierarchy) used(controller string) (bool, error) {
	for file, value := range unset[controller] {
		found, err := filepath.Glob(h.path("*", file))
		if err != nil {
			return false, err
		}
		for _, f := range found {
			raw, err := os.ReadFile(f)
			is := strings.TrimSpace(string(raw))
			if err == nil && is != value && (value != "max" || !unlimited(is)) {
				return true, nil
			}
		}
	}
	return false, nil
}
