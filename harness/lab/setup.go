package lab

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/reports"
)

// Setup is what a report says of where it was made.
func (l *Lab) Setup() (reports.Setup, error) {
	server, err := l.kube.Kubernetes().Discovery().ServerVersion()
	if err != nil {
		return reports.Setup{}, fmt.Errorf("ask the cluster for its version: %w", err)
	}
	return reports.Setup{
		Provider: l.provider.Name(), Why: l.why, Cluster: l.cluster.Name(), Reused: l.cluster.Reused(),
		Kubernetes: strings.TrimPrefix(server.GitVersion, "v"), Istio: mesh.Version(), Canarylab: Version(),
		CPUs: runtime.NumCPU(), Memory: memory(), Kernel: kernel(),
	}, nil
}

// BringUp is Steps in the report's own words.
func (l *Lab) BringUp() []reports.Step {
	steps := make([]reports.Step, len(l.steps))
	for i, s := range l.steps {
		steps[i] = reports.Step(s)
	}
	return steps
}

// Version is canarylab's own: a release, or the commit that it was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return strings.TrimPrefix(v, "v")
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "devel"
}

// memory is the machine's in bytes, 0 where it can't be told.
func memory() uint64 {
	raw, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "MemTotal:"); ok {
			kb, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				return 0
			}
			return kb << 10
		}
	}
	return 0
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
