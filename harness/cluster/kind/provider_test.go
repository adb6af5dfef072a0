package kind

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/yaml"

	"sigs.k8s.io/kind/pkg/apis/config/defaults"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/filelock"
)

// patches are the settings of a kubeadm document in a configuration.
func patches(t *testing.T, c *v1alpha4.Cluster, kind string) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, p := range c.KubeadmConfigPatches {
		var doc map[string]any
		if err := yaml.Unmarshal([]byte(p), &doc); err != nil {
			t.Fatalf("got a patch that is no YAML: %v\n%s", err, p)
		}
		if doc["kind"] == kind {
			for k, v := range doc {
				all[k] = v
			}
		}
	}
	return all
}

// What the scenarios measure depends on these: without them a kind cluster is slower than an embedded one, and
// its logs are cut.
func TestAClusterIsLikeTheEmbeddedOne(t *testing.T) {
	c := config(nodeImage{ref: "kindest/node:v1"}, false)
	if len(c.Nodes) != 1 || c.Nodes[0].Role != v1alpha4.ControlPlaneRole || c.Nodes[0].Image != "kindest/node:v1" {
		t.Errorf("got nodes %+v, want one of the image", c.Nodes)
	}
	if c.Networking.APIServerAddress != "127.0.0.1" || c.Networking.KubeProxyMode != v1alpha4.NFTablesProxyMode ||
		c.Networking.DisableDefaultCNI {
		t.Errorf("got %+v, want the API on this machine alone, nftables, and kind's network for kind's image",
			c.Networking)
	}
	kubelet := patches(t, c, "KubeletConfiguration")
	for name, want := range map[string]any{
		"kubeAPIQPS": 200.0, "kubeAPIBurst": 400.0, "eventRecordQPS": 0.0, "serializeImagePulls": false,
		"syncFrequency":       "2s",
		"containerLogMaxSize": "1Gi", "containerLogMaxFiles": 2.0,
	} {
		if got := kubelet[name]; got != want {
			t.Errorf("kubelet's %s: got %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{"failCgroupV1", "cgroupDriver", "resolvConf"} {
		if got, set := kubelet[name]; set {
			t.Errorf("kubelet's %s: got %v, want it left alone", name, got)
		}
	}
	proxy, _ := patches(t, c, "KubeProxyConfiguration")["nftables"].(map[string]any)
	if proxy["minSyncPeriod"] != "20ms" {
		t.Errorf("got kube-proxy's nftables %v, want a change to be seen within 20ms", proxy)
	}
}

func TestANodeOnOldCgroupsMayStart(t *testing.T) {
	if got, set := patches(t, config(nodeImage{ref: "x"}, true), "KubeletConfiguration")["failCgroupV1"]; !set ||
		got != false {
		t.Errorf("got failCgroupV1 %v, want false: kubelet would end", got)
	}
}

func TestANodeOfOurOwnHasItsOwnNetwork(t *testing.T) {
	c := config(nodeImage{ref: "canarylab/node:v1", own: true}, false)
	if !c.Networking.DisableDefaultCNI {
		t.Error("got kind's network, want the one that the node brings along")
	}
	kubelet := patches(t, c, "KubeletConfiguration")
	if kubelet["cgroupDriver"] != "cgroupfs" || kubelet["resolvConf"] != "/kind/resolv.conf" {
		t.Errorf("got %v, want what a node without systemd needs", kubelet)
	}
	// It adds to what every node gets.
	if kubelet["syncFrequency"] != "2s" || c.Networking.KubeProxyMode != v1alpha4.NFTablesProxyMode {
		t.Errorf("got %v, %v, want all other settings too", kubelet, c.Networking)
	}
}

const kubeconfig = `{apiVersion: v1, kind: Config, current-context: c,
contexts: [{name: c, context: {cluster: c, user: u}}],
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: u, user: {token: t}}]}`

// newProvider has a home of its own, and a docker.
func newProvider(t *testing.T) (*Provider, *fake) {
	t.Helper()
	f := newFake(t)
	f.docker()
	return &Provider{Home: t.TempDir(), Engine: "docker"}, f
}

// remember writes down a cluster called lab, as it is when its bring-up came to an end.
func (p *Provider) remember(t *testing.T, m meta) {
	t.Helper()
	if err := p.writeMeta("lab", m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.dir("lab"), kubeconfigFile), []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
}

var whole = meta{Schema: schema, Engine: docker, NodeImage: "kindest/node:v1", Why: "kind's own", Container: "c0ffee"}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestOpenFindsWhatRuns(t *testing.T) {
	p, f := newProvider(t)
	p.remember(t, whole)
	f.set("nodes", "c0ffee")
	c, err := p.Open(t.Context(), "lab")
	if err != nil {
		t.Fatal(err)
	}
	if !c.Reused() || c.Name() != "lab" || c.Provider() != "kind" || c.Config().Host != "https://127.0.0.1:1" {
		t.Errorf("got %s %s at %s, reused %v; want what was brought up before", c.Provider(), c.Name(), c.Config().Host,
			c.Reused())
	}
	if want := filepath.Join(p.Home, "kind", "lab", "kubeconfig"); c.Kubeconfig() != want {
		t.Errorf("got kubeconfig %s, want %s: the user's is never touched", c.Kubeconfig(), want)
	}
	if about := strings.Join(c.About(), " "); !strings.Contains(about,
		"docker container of kindest/node:v1: kind's own.") ||
		!strings.Contains(about, "kind's own network plugin") {
		t.Errorf("got %q, want the image, why, and whose network", about)
	}
	if c.Reference("canarylab/loadgen:dev") != "canarylab/loadgen:dev" {
		t.Errorf("got %s, want the reference as it is", c.Reference("canarylab/loadgen:dev"))
	}
}

func TestOpenWithoutARunningCluster(t *testing.T) {
	for _, tc := range []struct {
		name  string
		setup func(p *Provider, f *fake)
		want  string
		found bool // there is one, but of a form that Open does not know
	}{
		{"none was made", func(*Provider, *fake) {}, `kind cluster "lab"`, false},
		{"stopped", func(p *Provider, f *fake) {
			p.remember(t, whole)
			f.set("nodes", "c0ffee")
			f.set("pid", "0")
		}, "has stopped", false},
		{
			"its container is gone", func(p *Provider, _ *fake) { p.remember(t, whole) }, "not brought up to its end",
			false,
		},
		{"it is half made", func(p *Provider, f *fake) {
			m := whole
			m.Container = ""
			p.remember(t, m)
			f.set("nodes", "c0ffee")
		}, "not brought up to its end", false},
		{"it is half made, and has no node yet", func(p *Provider, _ *fake) {
			m := whole
			m.Container = ""
			p.remember(t, m)
		}, "not brought up to its end", false},
		{"somebody made another of that name", func(p *Provider, f *fake) {
			p.remember(t, whole)
			f.set("nodes", "decaf")
		}, "not brought up to its end", false},
		{"another version made it", func(p *Provider, f *fake) {
			m := whole
			m.Schema++
			p.remember(t, m)
			f.set("nodes", "c0ffee")
		}, "run canarylab down --cluster kind --name lab", true},
		{"two nodes", func(p *Provider, f *fake) {
			p.remember(t, whole)
			f.set("nodes", "c0ffee", "decaf")
		}, "has 2 nodes", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, f := newProvider(t)
			tc.setup(p, f)
			_, err := p.Open(t.Context(), "lab")
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want an error with %q", err, tc.want)
			}
			// Up makes anew what is not found, and must not do so with what it can't judge.
			if got := errors.Is(err, cluster.ErrNotFound); got == tc.found {
				t.Errorf("got %v, which wraps cluster.ErrNotFound: %v, want %v", err, got, !tc.found)
			}
		})
	}
}

func TestNamesAreChecked(t *testing.T) {
	p, f := newProvider(t)
	for _, name := range []string{"", "-a", "a-", "A", "a_b", "a.b", "../a", "a b", strings.Repeat("a", 33)} {
		if _, err := p.Up(t.Context(), name, cluster.Options{}); err == nil ||
			!strings.Contains(err.Error(), "lower-case letters") {
			t.Errorf("Up %q: got %v, want an error that says which names there are", name, err)
		}
		if _, err := p.Open(t.Context(), name); !errors.Is(err, cluster.ErrNotFound) {
			t.Errorf("Open %q: got %v, want cluster.ErrNotFound", name, err)
		}
		if err := p.Down(t.Context(), name, false); !errors.Is(err, cluster.ErrNotFound) {
			t.Errorf("Down %q: got %v, want cluster.ErrNotFound", name, err)
		}
	}
	for _, name := range []string{"a", "7", "lab-2", strings.Repeat("a", 32)} {
		if err := cluster.CheckName(name); err != nil {
			t.Errorf("got %v, want it taken", err)
		}
	}
	if len(f.calls()) > 0 {
		t.Errorf("got calls %q, want none for a name that can't be", f.calls())
	}
}

func TestDownOfAClusterThatNeverWasIsNoError(t *testing.T) {
	p, f := newProvider(t)
	f.set("nodes", "decaf") // somebody else's, of that name
	if err := p.Down(t.Context(), "lab", false); err != nil {
		t.Errorf("got %v, want nothing to do", err)
	}
	if got, err := os.ReadDir(p.Home); err != nil || len(got) > 0 {
		t.Errorf("got %v (%v) in the home, want nothing made to find out", got, err)
	}
	// And the same where other clusters were made.
	if err := os.MkdirAll(filepath.Join(p.Home, "kind", "other"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := p.Down(t.Context(), "lab", false); err != nil {
		t.Errorf("got %v, want nothing to do", err)
	}
	if f.get("nodes") != "decaf" || !exists(filepath.Join(p.Home, "kind", "other")) {
		t.Error("got something removed, want all that is not this cluster's left alone")
	}
}

func TestDownRemovesAllThatUpMade(t *testing.T) {
	p, f := newProvider(t)
	p.remember(t, whole)
	f.set("nodes", "c0ffee")
	f.set("networks", "bridge", "canarylab", "kind")
	if err := p.Down(t.Context(), "lab", false); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(f.calls(), "docker rm --force --volumes c0ffee") {
		t.Errorf("got calls %q, want the node removed with its volumes", f.calls())
	}
	if !slices.Contains(f.calls(), "docker network rm canarylab") {
		t.Errorf("got calls %q, want the network removed with the last cluster", f.calls())
	}
	if exists(p.dir("lab")) {
		t.Errorf("got %s left, want it gone", p.dir("lab"))
	}
	if err := p.Down(t.Context(), "lab", false); err != nil {
		t.Errorf("once more: got %v, want nothing to do", err)
	}
}

func TestDownCantKeepState(t *testing.T) {
	p, f := newProvider(t)
	p.remember(t, whole)
	f.set("nodes", "c0ffee")
	if err := p.Down(t.Context(), "lab", true); err == nil || !strings.Contains(err.Error(), "--keep-state") {
		t.Errorf("got %v, want an error that says what to leave out", err)
	}
	if f.get("nodes") != "c0ffee" || !exists(p.metaFile("lab")) {
		t.Error("got the cluster removed, want it untouched")
	}
}

// What could not be removed has to be remembered, or nobody removes it ever.
func TestDownThatFailsRemembersTheCluster(t *testing.T) {
	p, f := newProvider(t)
	p.remember(t, whole)
	f.program("docker", `"ps "*label=*) echo c0ffee;;
"rm "*) echo "device or resource busy" >&2; exit 1;;`)
	want := `remove the node of cluster "lab": docker rm --force --volumes c0ffee: exit status 1: ` +
		"device or resource busy"
	if err := p.Down(t.Context(), "lab", false); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want what docker said, and about what", err)
	}
	if !exists(p.metaFile("lab")) {
		t.Error("got the cluster forgotten, want it remembered for another try")
	}
}

// kind finds clusters by a label of their containers. One that has the name and no folder here is somebody else's.
func TestAClusterThatWasNotMadeFromHereIsLeftAlone(t *testing.T) {
	p, f := newProvider(t)
	f.set("nodes", "decaf")
	_, err := p.Up(t.Context(), "lab", cluster.Options{})
	if err == nil || !strings.Contains(err.Error(), "was not made from here") ||
		!strings.Contains(err.Error(), "kind delete cluster --name canarylab-lab") {
		t.Errorf("got %v, want an error that says how to remove it", err)
	}
	if f.get("nodes") != "decaf" || f.called("docker rm") {
		t.Errorf("got calls %q, want nothing removed", f.calls())
	}
}

// Somebody deleted the lab's node by hand, and made another of the same name.
func TestANodeThatTookTheNameIsLeftAlone(t *testing.T) {
	p, f := newProvider(t)
	for what, do := range map[string]func() error{
		"down": func() error { return p.Down(t.Context(), "lab", false) },
		"up": func() error {
			_, err := p.Up(t.Context(), "lab", cluster.Options{})
			if err == nil || !strings.Contains(err.Error(), "was not made from here") {
				t.Errorf("up: got %v, want an error about the node that has the name", err)
			}
			return nil
		},
	} {
		p.remember(t, whole)
		f.set("nodes", "decaf")
		f.set("images", defaults.Image)
		if err := do(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if f.get("nodes") != "decaf" || f.called("docker rm") {
			t.Errorf("%s: got calls %q, want nothing removed", what, f.calls())
		}
		if exists(p.dir("lab")) {
			t.Errorf("%s: got the cluster that is gone remembered", what)
		}
	}
}

// What another engine made is removed by that one, even if the lab would now take a different one.
func TestUpRemovesADeadClusterByItsOwnEngine(t *testing.T) {
	p, f := newProvider(t)
	old := whole
	old.Engine = podman
	p.remember(t, old)
	f.set("images", defaults.Image)
	f.program("podman", `"ps "*label=*) echo c0ffee;;
"inspect "*) echo 0;;
"rm "*) echo; exit 1;;`)
	if _, err := p.Up(t.Context(), "lab", cluster.Options{}); err == nil ||
		!strings.Contains(err.Error(), "podman rm --force --volumes c0ffee") {
		t.Errorf("got %v, want podman's refusal to remove the old node", err)
	}
	if !exists(p.metaFile("lab")) {
		t.Error("got the old cluster forgotten while its node is there")
	}
}

func TestTheNetworkGoesWithItsLastUser(t *testing.T) {
	for _, tc := range []struct {
		name     string
		networks []string
		users    []string
		want     bool
	}{
		{"nobody is in it", []string{"bridge", "canarylab"}, nil, true},
		{"another cluster is in it", []string{"bridge", "canarylab"}, []string{"decaf"}, false},
		{"there is none", []string{"bridge", "kind", "canarylab-else"}, nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, f := newProvider(t)
			p.remember(t, whole)
			f.set("networks", tc.networks...)
			f.set("users", tc.users...)
			if err := p.Down(t.Context(), "lab", false); err != nil {
				t.Fatal(err)
			}
			if got := f.called("network rm"); got != tc.want {
				t.Errorf("got the network removed: %v, want %v (%q)", got, tc.want, f.calls())
			}
		})
	}
}

// Between the moment in which kind makes the network and that in which its node is there, nobody is in it.
func TestTheNetworkStaysForWhoIsAboutToUseIt(t *testing.T) {
	p, f := newProvider(t)
	p.remember(t, whole)
	f.set("networks", "canarylab")
	release, err := p.useNetwork(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Down(t.Context(), "lab", false); err != nil {
		t.Errorf("got %v, want the network left to who uses it", err)
	}
	if f.called("network rm") {
		t.Errorf("got calls %q, want no network removed", f.calls())
	}
	release()
	if err := p.dropNetwork(t.Context(), docker); err != nil || !f.called("network rm canarylab") {
		t.Errorf("got calls %q (%v), want the network removed afterwards", f.calls(), err)
	}
	for _, name := range []string{"KIND_EXPERIMENTAL_DOCKER_NETWORK", "KIND_EXPERIMENTAL_PODMAN_NETWORK"} {
		if got := os.Getenv(name); got != network {
			t.Errorf("got %s=%s, want %s: kind's own network may be the user's", name, got, network)
		}
	}
}

func TestWhoUsesTheNetworkWaitsUntilItIsRemoved(t *testing.T) {
	p, _ := newProvider(t)
	if err := os.MkdirAll(filepath.Join(p.Home, "kind"), 0o700); err != nil {
		t.Fatal(err)
	}
	release, free, err := filelock.Try(p.networkLock())
	if err != nil || !free {
		t.Fatalf("got the lock free: %v (%v), want it", free, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.useNetwork(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want to wait, here until the context ends", err)
	}
	release()
	share, err := p.useNetwork(t.Context())
	if err != nil {
		t.Fatalf("got %v, want the network", err)
	}
	share()
}

func TestList(t *testing.T) {
	p, f := newProvider(t)
	if infos, err := p.List(t.Context()); err != nil || len(infos) > 0 {
		t.Errorf("got %v (%v) where nothing was ever made, want none", infos, err)
	}
	info := func() cluster.Info {
		t.Helper()
		infos, err := p.List(t.Context())
		if err != nil || len(infos) != 1 {
			t.Fatalf("got %v (%v), want one", infos, err)
		}
		if infos[0].Name != "lab" || infos[0].Provider != "kind" {
			t.Errorf("got %s of %s, want lab of kind", infos[0].Name, infos[0].Provider)
		}
		return infos[0]
	}
	p.remember(t, whole)
	f.set("nodes", "c0ffee")
	// The lock's file is beside the clusters' folders, and no cluster.
	unlock, err := p.folders().Lock(t.Context(), "lab", nil)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	got := info()
	if got.State != "running" || got.PID != 4711 || got.Kubeconfig != filepath.Join(p.dir("lab"), kubeconfigFile) ||
		!strings.Contains(got.Detail, "kindest/node:v1") {
		t.Errorf("got %+v, want it running, with its kubeconfig and image", got)
	}
	broken := func(what, want string) {
		t.Helper()
		if got := info(); got.State != "broken" || got.Kubeconfig != "" || got.PID != 0 ||
			!strings.Contains(got.Detail, want) ||
			!strings.Contains(got.Detail, "down removes") {
			t.Errorf("%s: got %+v, want it broken, with %q and what to do", what, got, want)
		}
	}
	f.set("pid", "0")
	broken("stopped", "has stopped")
	f.set("pid", "4711")
	half := whole
	half.Container = ""
	p.remember(t, half)
	broken("half made", "not brought up to its end")
	old := whole
	old.Schema = 0
	p.remember(t, old)
	broken("of another version", "made by another version")
	if err := os.WriteFile(p.metaFile("lab"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken("unreadable", "meta.json")
	f.program("docker", `*) echo "Cannot connect to the Docker daemon" >&2; exit 1;;`)
	p.remember(t, whole)
	broken("without a daemon", "Cannot connect to the Docker daemon")
}

// An interrupted write must not leave half a file.
func TestWhatIsRememberedIsWrittenWhole(t *testing.T) {
	p, _ := newProvider(t)
	m := whole
	m.Images = map[string]string{"canarylab/loadgen:dev": "sha256:1"}
	if err := p.writeMeta("lab", m); err != nil {
		t.Fatal(err)
	}
	got, err := p.readMeta("lab")
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(m)
	if string(a) != string(b) {
		t.Errorf("got %s, want %s", a, b)
	}
	if exists(p.metaFile("lab") + ".new") {
		t.Error("got a file on the way left, want it renamed")
	}
	if info, err := os.Stat(p.dir("lab")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got mode %v (%v), want 0700: there is an administrator's key in it", info.Mode(), err)
	}
}

func TestLogsOfAClusterThatNeverWas(t *testing.T) {
	p, f := newProvider(t)
	if err := p.Logs(t.Context(), "lab", t.TempDir()); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("got %v, want cluster.ErrNotFound", err)
	}
	if len(f.calls()) > 0 {
		t.Errorf("got calls %q, want none", f.calls())
	}
}

// An image that the node has, by the digest of its configuration, is not sent again.
func TestImagesThatAreThereAreNotLoadedAgain(t *testing.T) {
	p, f := newProvider(t)
	m := whole
	set := randomImages(t, "canarylab/loadgen:dev")
	m.Images = configs(t, set)
	p.remember(t, m)
	f.set("nodes", "c0ffee")
	c, err := p.find(t.Context(), "lab")
	if err != nil {
		t.Fatal(err)
	}
	before := len(f.calls())
	if err := c.LoadImages(t.Context(), set); err != nil || len(f.calls()) > before {
		t.Errorf("got calls %q (%v), want none", f.calls()[before:], err)
	}
	// Another image of that name is: here it fails, for there is no node.
	f.program("docker", `*) echo "no such thing" >&2; exit 1;;`)
	if err := c.LoadImages(t.Context(), randomImages(t, "canarylab/loadgen:dev")); err == nil ||
		len(f.calls()) == before {
		t.Errorf("got calls %q (%v), want the node asked for and an error", f.calls()[before:], err)
	}
}

// What a scenario brings beside the usual images does not make the node forget those: they would be sent again.
func TestFurtherImagesAreRememberedBesideTheOthers(t *testing.T) {
	p, f := newProvider(t)
	p.remember(t, whole)
	f.set("nodes", "c0ffee")
	c, err := p.find(t.Context(), "lab")
	if err != nil {
		t.Fatal(err)
	}
	f.program("docker", `"ps "*) echo canarylab-lab-control-plane;;
*"kind.role"*) echo control-plane;;
*"containerd config dump") echo 'version = 3'; echo '[plugins."io.containerd.cri.v1.images"]'
  echo 'snapshotter = "overlayfs"';;
*" images import "*) /bin/cat >/dev/null;;`)
	usual, further := randomImages(t, "canarylab/loadgen:dev"), randomImages(t, "canarylab/prometheus:dev")
	if err := errors.Join(c.LoadImages(t.Context(), usual), c.LoadImages(t.Context(), further)); err != nil {
		t.Fatalf("got %v after %q", err, f.calls())
	}
	m, err := p.readMeta("lab")
	if err != nil {
		t.Fatal(err)
	}
	want := configs(t, usual)
	maps.Copy(want, configs(t, further))
	if !maps.Equal(m.Images, want) {
		t.Errorf("got %v remembered, want both sets: %v", m.Images, want)
	}
}
