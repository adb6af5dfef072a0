package embedded

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/cert"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/cluster/embedded/nodespec"
)

func newLayout(t *testing.T) layout {
	t.Helper()
	l := layout(t.TempDir())
	if err := l.writeCredentials("node"); err != nil {
		t.Fatal(err)
	}
	if err := l.writeKubeconfigs("lab", 12345); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCredentialsAreForRootAlone(t *testing.T) {
	l := newLayout(t)
	err := filepath.WalkDir(string(l), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o, want 600", path, info.Mode().Perm())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCertificatesVerify(t *testing.T) {
	l := newLayout(t)
	roots, err := cert.NewPool(l.pki("ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		file  string
		host  string // "" for a client's
		user  string
		group string
	}{
		{file: "apiserver", host: "127.0.0.1", user: "kube-apiserver"},
		{file: "apiserver", host: "kubernetes.default.svc", user: "kube-apiserver"},
		{file: "etcd", host: "127.0.0.1", user: "etcd"},
		{file: "kubelet", host: nodeIP, user: "system:node:node", group: "system:nodes"},
		{file: "admin", user: "canarylab-admin", group: "system:masters"},
		{file: "scheduler", user: "system:kube-scheduler"},
	}
	for _, tt := range tests {
		pair, err := tls.LoadX509KeyPair(l.pki(tt.file+".crt"), l.pki(tt.file+".key"))
		if err != nil {
			t.Fatal(err)
		}
		usage := x509.ExtKeyUsageClientAuth
		if tt.host != "" {
			usage = x509.ExtKeyUsageServerAuth
		}
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{
			DNSName: tt.host, Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage},
		}); err != nil {
			t.Errorf("%s for %q: %v", tt.file, tt.host, err)
		}
		if got := pair.Leaf.Subject.CommonName; got != tt.user {
			t.Errorf("%s: got user %q, want %q", tt.file, got, tt.user)
		}
		if tt.group != "" && !slices.Contains(pair.Leaf.Subject.Organization, tt.group) {
			t.Errorf("%s: got groups %q, want %q among them", tt.file, pair.Leaf.Subject.Organization, tt.group)
		}
	}
}

func TestAClientsCertificateServesNobody(t *testing.T) {
	l := newLayout(t)
	roots, err := cert.NewPool(l.pki("ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(l.pki("admin.crt"), l.pki("admin.key"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{
		Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}); err == nil {
		t.Error("the admin's certificate can pose as a server")
	}
}

func TestKubeconfigVerifiesTheServer(t *testing.T) {
	l := newLayout(t)
	config, err := clientcmd.BuildConfigFromFlags("", l.kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	if want := "https://127.0.0.1:12345"; config.Host != want {
		t.Errorf("got server %q, want %q", config.Host, want)
	}
	if config.Insecure || len(config.CAData) == 0 {
		t.Error("the kubeconfig does not verify the server")
	}
}

func TestSpecNamesWhatIsThere(t *testing.T) {
	l := newLayout(t)
	spec := nodePlan{l, "node", "/bin-folder"}.spec("lab", nil)
	known := map[string]bool{}
	for _, p := range spec.Processes {
		known[p.Name] = true
	}
	for _, p := range spec.Processes {
		for _, after := range p.After {
			if !known[after] {
				t.Errorf("%s waits for %q, which is not a process", p.Name, after)
			}
		}
		for _, arg := range p.Args {
			_, value, _ := strings.Cut(arg, "=")
			if strings.HasPrefix(value, l.path("pki")) {
				if _, err := os.Stat(value); err != nil {
					t.Errorf("%s: %s: %v", p.Name, arg, err)
				}
			}
		}
		if p.Ready != nil && p.Ready.CA != "" {
			for _, f := range []string{p.Ready.CA, p.Ready.Cert, p.Ready.Key} {
				if _, err := os.Stat(f); err != nil {
					t.Errorf("%s: its probe: %v", p.Name, err)
				}
			}
		}
	}
	api := spec.Processes[slices.IndexFunc(spec.Processes, func(p nodespec.Process) bool {
		return p.Name == "kube-apiserver"
	})]
	if !slices.Contains(api.Args, "--anonymous-auth=false") {
		t.Error("the API server answers strangers")
	}
}

func TestLinkTreeSharesFilesButNotDatabases(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	for name, text := range map[string]string{"blobs/a": "layer", "meta.db": "index"} {
		file := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a", filepath.Join(from, "blobs", "link")); err != nil {
		t.Fatal(err)
	}
	if err := linkTree(from, to); err != nil {
		t.Fatal(err)
	}
	inode := func(file string) uint64 {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Ino
	}
	if inode(filepath.Join(from, "blobs/a")) != inode(filepath.Join(to, "blobs/a")) {
		t.Error("a blob was copied, want it shared")
	}
	if inode(filepath.Join(from, "meta.db")) == inode(filepath.Join(to, "meta.db")) {
		t.Error("the database is shared, want a copy: containerd writes to it")
	}
	if link, err := os.Readlink(filepath.Join(to, "blobs/link")); err != nil || link != "a" {
		t.Errorf("got link %q (%v), want a", link, err)
	}
}

func TestAClusterThatIsNotThere(t *testing.T) {
	p := &Provider{Home: t.TempDir()}
	if _, err := p.Open(t.Context(), "none"); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("Open: got %v, want %v", err, cluster.ErrNotFound)
	}
	if err := p.Down(t.Context(), "none", false); err != nil {
		t.Errorf("Down: got %v, want nil", err)
	}
	if infos, err := p.List(t.Context()); err != nil || len(infos) != 0 {
		t.Errorf("List: got %v, %v, want nothing", infos, err)
	}
}

func TestNamesThatAreNotFolders(t *testing.T) {
	p := &Provider{Home: t.TempDir()}
	for _, name := range []string{"", "..", "a/b", "Upper", "-x", strings.Repeat("x", 40)} {
		if _, err := p.Up(t.Context(), name, cluster.Options{}); err == nil {
			t.Errorf("Up(%q): got no error", name)
		}
		if err := p.Down(t.Context(), name, false); err == nil {
			t.Errorf("Down(%q): got no error", name)
		}
	}
}

func TestListTellsStatesApart(t *testing.T) {
	p := &Provider{Home: t.TempDir()}
	for name, m := range map[string]meta{"kept": {Kept: true}, "died": {}} {
		l := p.layout(name)
		if err := os.MkdirAll(string(l), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := l.writeMeta(m); err != nil {
			t.Fatal(err)
		}
	}
	infos, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, i := range infos {
		got[i.Name] = i.State
	}
	if got["kept"] != "stopped" || got["died"] != "broken" {
		t.Errorf("got %v, want kept: stopped, died: broken", got)
	}
}
