package mesh

import "testing"

func TestVersion(t *testing.T) {
	for _, c := range []struct{ istio, api, want string }{
		{"v0.0.0-20260827124520-eed52ebb66ad", "v1.31.0-rc.0.0.20260824154656-b943409680a7", "1.31 (eed52ebb66ad)"},
		{"v1.32.1", "v1.32.1", "1.32.1"},
		{"v0.0.0-20260827124520-eed52ebb66ad", "", "0.0.0-20260827124520-eed52ebb66ad"},
		{"", "v1.31.0", "unknown"},
	} {
		if got := VersionOf(c.istio, c.api); got != c.want {
			t.Errorf("version(%q, %q): got %q, want %q", c.istio, c.api, got, c.want)
		}
	}
}
