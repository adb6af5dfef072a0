package lab

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/prometheus/procfs"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/reports"
)

// Setup is what a report says of where it was made.
func (l *Lab) Setup(context.Context) (reports.Setup, error) {
	server, err := l.kube.Kubernetes().Discovery().ServerVersion()
	if err != nil {
		return reports.Setup{}, fmt.Errorf("ask the cluster for its version: %w", err)
	}
	about := l.about()
	return reports.Setup{
		Provider: l.provider.Name(), Why: l.why, Cluster: l.cluster.Name(), Reused: l.cluster.Reused(),
		Kubernetes: strings.TrimPrefix(server.GitVersion, "v"), Istio: l.istioVersion(), Canarylab: Version(),
		About: about,
		CPUs:  runtime.NumCPU(), Memory: memory(), Kernel: kernel(),
	}, nil
}

// istioVersion says which Istio runs.
func (l *Lab) istioVersion() string {
	switch {
	case l.istio.released():
		return fmt.Sprintf("%s (released images of %s)", l.istio.Tag, l.istio.Hub)
	case l.ownIstio() && l.mesh.Revision == mesh.Own.Revision:
		return builtIstio()
	case l.ownIstio():
		return fmt.Sprintf("%s (revision %s)", builtIstio(), l.mesh.Revision)
	}
	return fmt.Sprintf("%s (found there: revision %s in %s, image %s)", l.mesh.Version, l.mesh.Revision,
		l.mesh.Namespace, l.mesh.Image)
}

// builtIstio is the Istio that the images are built from. The program of a test carries no module list; it and
// the images are made of what the sources' go.mod says.
func builtIstio() string {
	source, err := sources()
	if err != nil {
		return mesh.Version()
	}
	istio, api, err := (&artifacts.Store{Source: source}).IstioModules()
	if err != nil {
		return mesh.Version()
	}
	return mesh.VersionOf(istio, api)
}

// ownIstio tells whether the Istio is built from go.mod's.
func (l *Lab) ownIstio() bool {
	return !l.istio.released() && (!l.Borrowed() || l.istio.Install || strings.HasPrefix(l.mesh.Image, images.Prefix))
}

// about says what is particular about the lab, as far as it can matter to what is measured.
func (l *Lab) about() []string {
	all := l.cluster.About()
	if l.Borrowed() {
		const narrow = "Istio's analysis sees the scenario's namespace alone: what others have in the cluster is not " +
			"the scenario's."
		all = append(all, narrow)
	}
	if foreign := l.foreignIstio(); foreign != "" {
		all = append(all, foreign)
	}
	if l.ownIstio() {
		all = append(all, "Envoy is the upstream release, without Istio's own filters: istio_requests_total is "+
			"missing; response flags, access logs and Envoy's statistics are there.")
	}
	return all
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
	return "devel"
}

// memory is the machine's in bytes, 0 where it can't be told.
func memory() uint64 {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0
	}
	info, err := fs.Meminfo()
	if err != nil || info.MemTotalBytes == nil {
		return 0
	}
	return *info.MemTotalBytes
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
