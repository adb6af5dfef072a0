package nodeconf

import (
	"encoding/json"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// at follows the keys of nested tables.
func at(t *testing.T, table map[string]any, path ...string) any {
	t.Helper()
	var v any = table
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("got no table above %q of %q", key, path)
		}
		v = m[key]
	}
	return v
}

func parse(t *testing.T, c Containerd) map[string]any {
	t.Helper()
	table := map[string]any{}
	if _, err := toml.Decode(string(c.TOML()), &table); err != nil {
		t.Fatalf("got no TOML: %v\n%s", err, c.TOML())
	}
	return table
}

// A key in the wrong table is no error of containerd's: it is not looked at. So it matters where each one is.
func TestContainerdConfiguration(t *testing.T) {
	// A path that has to be quoted, as a user's home may have it.
	odd := `/home/a "b"\c/bin`
	c := Containerd{
		Root: "/var/lib/containerd", Bin: odd, CNI: "/etc/cni/net.d", Sandbox: "docker.io/canarylab/pause:dev",
	}
	table := parse(t, c)
	const runtime, images = "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"
	for _, tc := range []struct {
		want any
		path []string
	}{
		{int64(3), []string{"version"}},
		{"/var/lib/containerd", []string{"root"}},
		{filepath.Dir(Socket), []string{"state"}},
		{Socket, []string{"grpc", "address"}},
		{"overlayfs", []string{"plugins", images, "snapshotter"}},
		{"docker.io/canarylab/pause:dev", []string{"plugins", images, "pinned_images", "sandbox"}},
		{nil, []string{"plugins", images, "registry"}},
		{true, []string{"plugins", runtime, "restrict_oom_score_adj"}},
		{true, []string{"plugins", runtime, "disable_apparmor"}},
		{"/etc/cni/net.d", []string{"plugins", runtime, "cni", "conf_dir"}},
		{"io.containerd.runc.v2", []string{"plugins", runtime, "containerd", "runtimes", "runc", "runtime_type"}},
		{odd + "/runc", []string{"plugins", runtime, "containerd", "runtimes", "runc", "options", "BinaryName"}},
		{false, []string{"plugins", runtime, "containerd", "runtimes", "runc", "options", "SystemdCgroup"}},
	} {
		if got := at(t, table, tc.path...); got != tc.want {
			t.Errorf("%s: got %v, want %v", strings.Join(tc.path, " "), got, tc.want)
		}
	}
	if dirs, _ := at(t, table, "plugins", runtime, "cni", "bin_dirs").([]any); len(dirs) != 1 || dirs[0] != odd {
		t.Errorf("got CNI folders %v, want %s", dirs, odd)
	}
	off, _ := table["disabled_plugins"].([]any)
	for _, p := range off {
		if name, _ := p.(string); name == "" || strings.HasSuffix(name, ".overlayfs") {
			t.Errorf("got %v switched off, want neither an empty name nor what the lab uses", p)
		}
	}
	if len(off) == 0 {
		t.Error("got every plugin switched on, want those off that probe the host")
	}
}

func TestContainerdConfigurationWithRegistries(t *testing.T) {
	table := parse(t, Containerd{Root: "/r", Bin: "/b", CNI: "/c", Sandbox: "s", Registries: "/etc/containerd/certs.d"})
	if got := at(
		t, table, "plugins", "io.containerd.cri.v1.images", "registry", "config_path",
	); got != "/etc/containerd/certs.d" {
		t.Errorf("got registries in %v, want /etc/containerd/certs.d", got)
	}
	// The table must not swallow what is said after it.
	if got := at(t, table, "plugins", "io.containerd.cri.v1.images", "snapshotter"); got != "overlayfs" {
		t.Errorf("got snapshotter %v, want overlayfs", got)
	}
}

func TestPodsNetwork(t *testing.T) {
	var conf struct {
		CNIVersion string `json:"cniVersion"`
		Name       string
		Plugins    []struct {
			Type   string
			IPMasq bool
			IPAM   struct {
				Type, DataDir string
				Ranges        [][]struct{ Subnet string }
				Routes        []struct{ Dst string }
			}
		}
	}
	if err := json.Unmarshal(Pods(), &conf); err != nil {
		t.Fatalf("got no JSON: %v\n%s", err, Pods())
	}
	if conf.CNIVersion == "" || conf.Name == "" || len(conf.Plugins) != 1 {
		t.Fatalf("got %+v, want a version, a name and one plugin", conf)
	}
	p := conf.Plugins[0]
	if p.Type != "ptp" || p.IPAM.Type != "host-local" || !strings.HasPrefix(p.IPAM.DataDir, "/run/") {
		t.Errorf("got %+v, want ptp with addresses by host-local, kept where a restart forgets them", p)
	}
	if p.IPMasq {
		t.Error("got a way out of the node, want none")
	}
	if len(p.IPAM.Ranges) != 1 || len(p.IPAM.Ranges[0]) != 1 || p.IPAM.Ranges[0][0].Subnet != PodRange {
		t.Errorf("got ranges %v, want %s", p.IPAM.Ranges, PodRange)
	}
	if _, err := netip.ParsePrefix(PodRange); err != nil {
		t.Errorf("got the range %s: %v", PodRange, err)
	}
	if len(p.IPAM.Routes) != 1 || p.IPAM.Routes[0].Dst != "0.0.0.0/0" {
		t.Errorf("got routes %v, want one to everywhere: pods reach services by it", p.IPAM.Routes)
	}
	// The plugins are found by the file's ending.
	if !strings.HasSuffix(CNIFile, ".conflist") {
		t.Errorf("got %s, want a .conflist: it has a list of plugins", CNIFile)
	}
}
