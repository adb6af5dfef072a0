// Package nodeconf has the configuration that every node of the lab's own needs, whatever it is started in:
// containerd's and the CNI plugins'.
package nodeconf

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
)

// Socket is containerd's, inside the node, where /run is in memory.
const Socket = "/run/containerd/containerd.sock"

// PodRange is the addresses that pods get. A node has all of them: there is one.
const PodRange = "10.244.0.0/16"

// Containerd says what a node's containerd is configured with. All paths are the node's own.
type Containerd struct {
	// Root is the folder for images and snapshots.
	Root string
	// Bin is the folder with runc and the CNI plugins, CNI the one with their configuration.
	Bin, CNI string
	// Sandbox is the image that holds a pod's namespaces open, such as "docker.io/canarylab/pause:dev".
	Sandbox string
	// Registries is the folder with a hosts.toml for each registry that needs one; empty means none does.
	Registries string
}

// TOML is the configuration file.
func (c Containerd) TOML() []byte {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("version = 3")
	p("root = %q", c.Root)
	p("state = %q", filepath.Dir(Socket))
	// What the lab does not use, or what probes the host at start.
	p("disabled_plugins = [%q, %q, %q, %q, %q, %q]",
		"io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
		"io.containerd.snapshotter.v1.zfs",
		"io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs", "io.containerd.nri.v1.nri")
	p("[grpc]")
	p("address = %q", Socket)
	p("[plugins.'io.containerd.cri.v1.images']")
	p("snapshotter = \"overlayfs\"")
	p("[plugins.'io.containerd.cri.v1.images'.pinned_images]")
	p("sandbox = %q", c.Sandbox)
	if c.Registries != "" {
		p("[plugins.'io.containerd.cri.v1.images'.registry]")
		p("config_path = %q", c.Registries)
	}
	p("[plugins.'io.containerd.cri.v1.runtime']")
	p("restrict_oom_score_adj = true") // some machines lack CAP_SYS_RESOURCE
	p("disable_apparmor = true")       // a profile would be loaded into the host's kernel
	p("[plugins.'io.containerd.cri.v1.runtime'.cni]")
	p("bin_dirs = [%q]", c.Bin)
	p("conf_dir = %q", c.CNI)
	p("[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]")
	p("runtime_type = \"io.containerd.runc.v2\"")
	p("[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]")
	p("BinaryName = %q", filepath.Join(c.Bin, "runc"))
	p("SystemdCgroup = false")
	return []byte(b.String())
}

// Pods is the CNI configuration of the pods' network: a pair of interfaces for each pod, and no way out of the
// node. The name of its file is CNIFile.
func Pods() []byte {
	raw, err := json.MarshalIndent(map[string]any{
		"cniVersion": "1.0.0", "name": "pods",
		"plugins": []any{map[string]any{
			"type": "ptp", "ipMasq": false,
			"ipam": map[string]any{
				"type": "host-local", "dataDir": "/run/cni-ipam",
				"ranges": []any{[]any{map[string]any{"subnet": PodRange}}},
				"routes": []any{map[string]any{"dst": "0.0.0.0/0"}},
			},
		}},
	}, "", "  ")
	if err != nil {
		panic(err) // strings, and maps and lists of them, always marshal
	}
	return raw
}

// CNIFile is the usual name of the file with Pods.
const CNIFile = "10-ptp.conflist"
