package footprint

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestWhatChangedIsToldBothWays(t *testing.T) {
	before := Picture{
		Settings: {"vm/swappiness = 60"}, "mount": {"a", "b"}, "process": {"etcd"}, Modules: {"veth"},
		"cgroup": {"cgroup.subtree_control memory"},
	}
	after := Picture{
		Settings: {"net/new = 1", "vm/swappiness = 10"}, "mount": {"b", "c"}, "process": nil,
		Modules:  {"overlay", "veth"},
		"cgroup": {"cgroup.subtree_control memory"},
	}
	changed, loaded := before.Changed(after)
	want := []string{
		"mount, gone: a", "mount, new: c", "setting, gone: vm/swappiness = 60", "setting, new: vm/swappiness = 10",
	}
	if !slices.Equal(changed, want) {
		t.Errorf("got %q, want %q", changed, want)
	}
	if !slices.Equal(loaded, []string{"overlay"}) {
		t.Errorf("got modules %q, want overlay, which is told and no change", loaded)
	}
	if changed, loaded := before.Changed(before); len(changed)+len(loaded) > 0 {
		t.Errorf("got %q, %q of the same picture", changed, loaded)
	}
}

// TestAPictureHasWhatIsThere takes one of this machine, whatever that is.
func TestAPictureHasWhatIsThere(t *testing.T) {
	p, err := Take(t.Context(), Of{Home: t.TempDir(), Clusters: "none"})
	if err != nil {
		if os.Geteuid() != 0 {
			t.Skipf("not root: %v", err) // nft's rules
		}
		t.Fatal(err)
	}
	if len(p["mount"]) == 0 || len(p["interface"]) == 0 {
		t.Errorf("got mounts %q and interfaces %q, want some", p["mount"], p["interface"])
	}
	forwards := func(s string) bool { return strings.HasPrefix(s, "net/ipv4/ip_forward = ") }
	if !slices.ContainsFunc(p[Settings], forwards) {
		t.Errorf("got %d settings without net/ipv4/ip_forward", len(p[Settings]))
	}
	if slices.ContainsFunc(p[Settings], func(s string) bool { return strings.HasPrefix(s, "kernel/random/uuid") }) {
		t.Error("a setting that moves by itself is in the picture")
	}
	if len(p["process"]) > 0 {
		t.Errorf("got processes %q of a lab that there is none of", p["process"])
	}
}
