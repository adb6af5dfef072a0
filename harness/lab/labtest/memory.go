package labtest

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/prometheus/procfs"

	"github.com/canarylab/canarylab/harness/lab"
)

// Memory is the physical memory, in bytes, of every process of a running cluster: proportional set sizes, in
// which a page that several processes share counts once (Pss in https://docs.kernel.org/filesystems/proc.html).
// It is what Down gives back.
func Memory(t testing.TB, o lab.Options) uint64 {
	t.Helper()
	infos, err := lab.List(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range infos {
		if i.Name == o.Name && i.PID != 0 {
			total, err := memoryBelow(i.PID)
			if err != nil {
				t.Fatal(err)
			}
			return total
		}
	}
	t.Fatalf("cluster %q has no process on this machine: %+v", o.Name, infos)
	return 0
}

// memoryBelow is the memory of a process and of all that descend from it. The first process of a PID namespace
// adopts those whose parent ended, so that none of a node's is missing.
func memoryBelow(pid int) (uint64, error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return 0, fmt.Errorf("list the processes: %w", err)
	}
	children := map[int][]procfs.Proc{}
	var next []procfs.Proc
	for _, p := range all {
		if p.PID == pid {
			next = append(next, p)
			continue
		}
		if s, err := p.Stat(); err == nil {
			children[s.PPID] = append(children[s.PPID], p)
		}
	}
	total := uint64(0)
	for len(next) > 0 {
		p := next[len(next)-1]
		next = append(next[:len(next)-1], children[p.PID]...)
		rollup, err := p.ProcSMapsRollup()
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has ended meanwhile
		}
		if err != nil {
			return 0, fmt.Errorf("read the memory of process %d: %w", p.PID, err)
		}
		total += rollup.Pss
	}
	return total, nil
}
