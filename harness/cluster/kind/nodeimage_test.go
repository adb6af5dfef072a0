package kind

import (
	"archive/tar"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"sigs.k8s.io/kind/pkg/apis/config/defaults"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/harness/images"
)

func randomImages(t *testing.T, refs ...string) map[string]v1.Image {
	t.Helper()
	set := map[string]v1.Image{}
	for _, ref := range refs {
		image, err := random.Image(64, 1)
		if err != nil {
			t.Fatal(err)
		}
		set[ref] = image
	}
	return set
}

func configs(t *testing.T, set map[string]v1.Image) map[string]string {
	t.Helper()
	all, err := images.Configs(set)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A store has what a node image is made of: small programs of this machine, and a kubeadm that tells its images.
type store struct {
	*artifacts.Store
	dir string
	// err is why there is no Debian.
	err error
}

func newStore(t *testing.T) *store {
	t.Helper()
	if _, err := os.Stat("/usr/sbin/nft"); err != nil {
		t.Skip("needs nft, which goes into a node image: apt-get install nftables")
	}
	s := &store{Store: artifacts.New(t.TempDir(), "", nil), dir: t.TempDir()}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{
		"containerd", "containerd-shim-runc-v2", "ctr", "runc", "kube", "host-local", "loopback", "ptp",
		"pause", "coredns",
	} {
		write(name, name)
	}
	const r = "registry.k8s.io/"
	write("kubeadm", "#!/bin/sh\necho "+r+"kube-apiserver:v1.37.2 "+r+"kube-controller-manager:v1.37.2 "+
		r+"kube-scheduler:v1.37.2 "+r+"kube-proxy:v1.37.2 "+r+"coredns/coredns:v1.14.0 "+r+"pause:3.11 "+
		r+"etcd:3.7.0-0\n")
	root, err := os.Create(filepath.Join(s.dir, "root.tar"))
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(root)
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755}), w.Close(),
		root.Close()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *store) Programs(context.Context) (string, error) { return s.dir, nil }
func (s *store) Node(context.Context) (string, error)     { return s.dir, nil }
func (s *store) Kubernetes() (string, error)              { return "v1.37.2", nil }
func (s *store) Debian(context.Context, string) (string, error) {
	return filepath.Join(s.dir, "root.tar"), s.err
}

func TestTheNodeImageThatWasAskedForIsTaken(t *testing.T) {
	p, f := newProvider(t)
	p.NodeImage = "example.com/node:v1"
	f.set("images", defaults.Image, p.NodeImage)
	got, err := p.nodeImage(t.Context(), docker, nil)
	if want := (nodeImage{"example.com/node:v1", false, "as asked for"}); err != nil || got != want {
		t.Errorf("got %+v (%v), want %+v", got, err, want)
	}
	if f.called("pull") {
		t.Errorf("got calls %q, want nothing pulled that is there", f.calls())
	}
	// One that was built here has no systemd, whatever it is called.
	f.set("label", "true")
	if got, err := p.nodeImage(t.Context(), docker, nil); err != nil || !got.own {
		t.Errorf("got %+v (%v), want it known as our own by its label", got, err)
	}
}

func TestTheNodeImageThatWasAskedForIsPulled(t *testing.T) {
	p, f := newProvider(t)
	p.NodeImage = "example.com/node:v1"
	s := &steps{}
	got, err := p.nodeImage(t.Context(), docker, s)
	if err != nil || got.ref != p.NodeImage || !f.called("docker pull --quiet example.com/node:v1") {
		t.Errorf("got %+v (%v), calls %q, want it pulled", got, err, f.calls())
	}
	if steps := strings.Join(s.all, ", "); steps != "begin pull example.com/node:v1, end pull example.com/node:v1: "+
		"<nil>" {
		t.Errorf("got steps %q, want the pull", steps)
	}
	f.program("docker", `"pull "*) echo "manifest unknown" >&2; exit 1;;
"image inspect "*) exit 1;;`)
	_, err = p.nodeImage(t.Context(), docker, nil)
	if err == nil || !strings.HasPrefix(err.Error(), "--node-image: docker pull") ||
		!strings.HasSuffix(err.Error(), "manifest unknown") {
		t.Errorf("got %v, want an error that names the flag and what docker said", err)
	}
}

func TestKindsOwnNodeImageIsTakenWhereItIs(t *testing.T) {
	p, f := newProvider(t)
	p.Store = newStore(t)
	f.set("images", defaults.Image)
	f.set("own", "canarylab/node:old")
	got, err := p.nodeImage(t.Context(), docker, nil)
	if want := (nodeImage{defaults.Image, false, "kind's own"}); err != nil || got != want {
		t.Errorf("got %+v (%v), want %+v", got, err, want)
	}
	for _, own := range []string{"", "canarylab/node:old"} {
		f.set("own", own)
		if p.BuildsNodeImage(t.Context()) {
			t.Errorf("got a node image to build beside %q, want none: kind's is there", own)
		}
	}
}

func TestANodeImageThatWasBuiltIsTaken(t *testing.T) {
	p, f := newProvider(t)
	p.Store = newStore(t)
	node, err := images.NewNode(t.Context(), p.Store, "docker")
	if err != nil {
		t.Fatal(err)
	}
	f.set("images", node.Ref)
	f.set("own", node.Ref)
	got, err := p.nodeImage(t.Context(), docker, nil)
	if err != nil || got.ref != node.Ref || !got.own {
		t.Errorf("got %+v (%v), want %s, as our own", got, err, node.Ref)
	}
	if f.called("load") || f.called("pull") {
		t.Errorf("got calls %q, want nothing built or pulled", f.calls())
	}
}

// A registry that can't be reached is no error: it is why one is built. See TestMain.
func TestANodeImageIsBuiltWhereKindsCantBeHad(t *testing.T) {
	p, f := newProvider(t)
	p.Store = newStore(t)
	if !p.BuildsNodeImage(t.Context()) {
		t.Error("got no node image to build, want one")
	}
	// One that was made of something else does not do.
	f.set("own", "canarylab/node:old", "docker.io/canarylab/node:older")
	s := &steps{}
	got, err := p.nodeImage(t.Context(), docker, s)
	if err != nil {
		t.Fatal(err)
	}
	if !got.own || !strings.HasPrefix(got.ref, "canarylab/node:v1.37.2-") {
		t.Errorf("got %+v, want one that was built of v1.37.2", got)
	}
	want := "built here, because kind's own can't be had: ask the registry for " + defaults.Image
	if why := got.why; !strings.HasPrefix(why, want) || strings.Contains(why, "\n") {
		t.Errorf("got why %q, want the reason in a line", why)
	}
	if f.called("pull") {
		t.Errorf("got calls %q, want no pull of what the registry does not answer for", f.calls())
	}
	if info, err := os.Stat(filepath.Join(f.dir, "loaded")); err != nil || info.Size() == 0 {
		t.Errorf("got nothing loaded (%v), want the image", err)
	}
	// Those that are of no use any more go; whatever the engine shows before their name.
	for _, old := range []string{
		"docker image rm canarylab/node:old", "docker image rm docker.io/canarylab/node:older",
	} {
		if !f.called(old) {
			t.Errorf("got calls %q, want %q", f.calls(), old)
		}
	}
}

func TestNoNodeImageCanBeHad(t *testing.T) {
	p, _ := newProvider(t)
	s := newStore(t)
	s.err = artifacts.ErrNoDebian
	p.Store = s
	_, err := p.nodeImage(t.Context(), docker, nil)
	if !errors.Is(err, artifacts.ErrNoDebian) ||
		!strings.Contains(err.Error(), "kind's own can't be had: ask the registry") {
		t.Errorf("got %v, want why none can be built, and why kind's can't be had", err)
	}
}

func TestALoadThatFails(t *testing.T) {
	p, f := newProvider(t)
	p.Store = newStore(t)
	f.program("docker", `"image inspect "*) exit 1;;
load) echo "no space left on device" >&2; exit 1;;`)
	// It ends, though the other side of the pipe has much more to say.
	_, err := p.BuildNodeImage(t.Context(), nil)
	if err == nil ||
		!strings.Contains(err.Error(), "load the node image: docker load: exit status 1: no space left on device") {
		t.Errorf("got %v, want what docker said", err)
	}
}
