package lab

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/filelock"
)

// knownCluster is a cluster of which no more is known than where its kubeconfig is.
type knownCluster struct {
	cluster.Cluster
	kubeconfig string
}

func (c knownCluster) Kubeconfig() string { return c.kubeconfig }
func (knownCluster) Name() string         { return "lab" }

// A lender is the provider of a cluster that is somebody else's.
type lender struct{ cluster.Provider }

func (lender) Traits() cluster.Traits { return cluster.Traits{Borrowed: true} }

func TestPlayedIn(t *testing.T) {
	dir := t.TempDir()
	l := &Lab{
		cluster: knownCluster{kubeconfig: filepath.Join(dir, "kubeconfig")}, provider: lender{}, timer: newTimer(nil),
	}
	want := func(when, want string) {
		t.Helper()
		if got, err := playedIn(dir); strings.Join(got, " ") != want || err != nil {
			t.Errorf("%s: got namespaces %q, %v, want %q", when, got, err, want)
		}
	}
	want("before any run", "")
	release, err := l.Exclusive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done, err := l.Playing("label-mismatch")
	if err != nil {
		t.Fatal(err)
	}
	want("during a run", "label-mismatch")
	release()
	want("after a run that was killed", "")
	// Whoever looks at the same time is no run.
	unlock, err := filelock.Share(t.Context(), filepath.Join(dir, lockFile))
	if err != nil {
		t.Fatal(err)
	}
	want("beside another one that looks", "")
	unlock()
	if release, err = l.Exclusive(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer release()
	other, err := l.Playing("shop-2", "shop-2-elsewhere") // the second is not what is meant by default
	if err != nil {
		t.Fatal(err)
	}
	want("beside another run", "label-mismatch shop-2")
	done()
	want("after a run", "shop-2")
	other()
	want("after both", "")
}

// What a killed run left is taken away once, also where its file was damaged.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, playingFile)
	failing := errors.New("the API server is away")
	for _, test := range []struct {
		name, file, want string
		err              error
	}{
		{"nothing was left", "", "", nil},
		{"two namespaces", `{"namespaces": ["shop-1", "shop-2"]}`, "shop-1 shop-2", nil},
		{"a damaged file", `{"namespa`, "", nil},
		{"one that stays", `{"namespaces": ["shop-1"]}`, "shop-1", failing},
	} {
		if test.file != "" {
			if err := os.WriteFile(file, []byte(test.file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var removed []string
		err := sweep(t.Context(), dir, func(_ context.Context, ns string) error {
			removed = append(removed, ns)
			return test.err
		})
		if strings.Join(removed, " ") != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: got %q removed, and %v, want %q and %v", test.name, removed, err, test.want, test.err)
		}
		if _, err := os.Stat(file); (err == nil) != (test.err != nil) {
			t.Errorf("%s: got %v for the file, want it gone unless something stays", test.name, err)
		}
	}
}

func TestKubeconfigInNamespace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kubeconfig")
	config := clientcmdapi.NewConfig()
	config.Clusters["lab"] = &clientcmdapi.Cluster{Server: "https://127.0.0.1:6443"}
	config.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Token: "secret"}
	config.Contexts["lab"] = &clientcmdapi.Context{Cluster: "lab", AuthInfo: "admin"}
	config.CurrentContext = "lab"
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time over the first one's
		set, err := inNamespace(file, "label-mismatch")
		if err != nil {
			t.Fatal(err)
		}
		got, err := clientcmd.LoadFromFile(set)
		if err != nil || got.Contexts["lab"].Namespace != "label-mismatch" || got.AuthInfos["admin"].Token != "secret" {
			t.Errorf("got %+v, %v, want the same user in another namespace", got, err)
		}
		if info, err := os.Stat(set); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("got %v, %v, want a file for its owner alone", info, err)
		}
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("the cluster's own kubeconfig changed (%v)", err)
	}
	config.CurrentContext = "gone"
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	if _, err := inNamespace(file, "a"); err == nil || !strings.Contains(err.Error(), `"gone"`) {
		t.Errorf("got %v, want an error that names the context", err)
	}
}

func TestClientsOutsideOfAClone(t *testing.T) {
	t.Setenv("CANARYLAB_SOURCE", "")
	t.Chdir(t.TempDir())
	o := Options{Home: t.TempDir()}
	store, err := o.store()
	if err != nil {
		t.Fatal(err)
	}
	recipes, err := store.Recipes()
	if err != nil {
		t.Fatal(err)
	}
	id, err := store.ID(recipes[0])
	if err != nil || id.Name != "node" {
		t.Fatalf("got %s (%v), want the node's programs", id, err)
	}
	node := filepath.Join(store.Dir, id.Name, id.Key)
	if err := os.MkdirAll(node, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := o.link(t.Context(), Kubectl, dir); err != nil {
		t.Fatal(err)
	}
	if got, err := os.Readlink(filepath.Join(dir, Kubectl)); err != nil || got != filepath.Join(node, Kubectl) {
		t.Errorf("got %s (%v), want the one of the node's programs", got, err)
	}
}

func TestClientsEnv(t *testing.T) {
	clients := &Clients{Dir: "/lab/tools", Kubeconfig: "/lab/kubeconfig"}
	got := clients.Env([]string{"PATH=/usr/bin:/bin", "KUBECONFIG=/home/me/.kube/config", "TERM=xterm"})
	slices.Sort(got)
	want := []string{"KUBECONFIG=/lab/kubeconfig", "PATH=/lab/tools:/usr/bin:/bin", "TERM=xterm"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := clients.Env(nil); !slices.Contains(got, "PATH=/lab/tools") {
		t.Errorf("got %q, want a PATH of the lab's folder alone: an empty part would be the working directory", got)
	}
}

// The program takes this process's place, so a child of this test becomes it: its answer, its exit code.
func TestClientsExec(t *testing.T) {
	if dir := os.Getenv("CANARYLAB_TOOLS"); dir != "" {
		clients := &Clients{Dir: dir, Kubeconfig: "/lab/kubeconfig"}
		t.Fatal(clients.Exec(os.Getenv("CANARYLAB_COMMAND"), "a b", "-n", "--"))
	}
	dir := t.TempDir()
	script := "#!/bin/sh\necho \"$KUBECONFIG $# $1\"\nread line\necho \"$line\" >&2\nexit 7\n"
	if err := os.WriteFile(filepath.Join(dir, Kubectl), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestClientsExec$")
	child.Env = append(os.Environ(), "CANARYLAB_TOOLS="+dir, "CANARYLAB_COMMAND="+Kubectl)
	child.Stdin = strings.NewReader("typed\n")
	var stderr strings.Builder
	child.Stderr = &stderr
	out, _ := child.Output()
	if got, code := string(out), child.ProcessState.ExitCode(); !strings.HasSuffix(got, "/lab/kubeconfig 3 a b\n") ||
		code != 7 || stderr.String() != "typed\n" {
		t.Errorf("got %q, %q and exit code %d, want the program's own", got, stderr.String(), code)
	}
	child = exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestClientsExec$")
	child.Env = append(os.Environ(), "CANARYLAB_TOOLS="+dir, "CANARYLAB_COMMAND=no-such-program")
	if out, _ := child.CombinedOutput(); !strings.Contains(string(out), "run no-such-program") {
		t.Errorf("got %q, want an error that names the program", out)
	}
}
