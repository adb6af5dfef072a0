package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/harness/cluster"
)

// The programs that Clients have.
const (
	Kubectl  = "kubectl"
	Istioctl = "istioctl"
)

// Clients are the lab's own kubectl and istioctl, set to one of its clusters. Nothing of the user's is touched: neither
// the kubeconfig nor the programs of these names.
type Clients struct {
	// Dir has the programs under their names, and nothing else: it is for PATH.
	Dir string
	// Kubeconfig is the file that they read.
	Kubeconfig string
	// Cluster is whose they are. Namespace is the one that they mean where none is named, empty for "default".
	Cluster, Namespace string
}

// OpenClients returns the named programs for the running cluster that o means, and builds those that are missing. An
// empty namespace means that of the scenario that is being played there, if one is. The error wraps cluster.ErrNotFound
// where no cluster runs, and cluster.ErrUsage where several are played.
func OpenClients(ctx context.Context, o Options, namespace string, names ...string) (*Clients, error) {
	c, err := o.running(ctx)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(c.Kubeconfig())
	if namespace == "" {
		played, err := playedIn(dir)
		if err != nil {
			return nil, err
		}
		if len(played) > 1 {
			return nil, fmt.Errorf("%w: several missions are played, in the namespaces %s: say whose, by --learner or "+
				"in CANARYLAB_LEARNER", cluster.ErrUsage, strings.Join(played, ", "))
		}
		namespace = strings.Join(played, "")
	}
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	t := &Clients{
		Dir: filepath.Join(dir, "tools"), Kubeconfig: c.Kubeconfig(), Cluster: c.Name(), Namespace: namespace,
	}
	for _, name := range names {
		if err := o.link(ctx, name, t.Dir); err != nil {
			return nil, err
		}
	}
	if namespace != "" {
		t.Kubeconfig, err = inNamespace(c.Kubeconfig(), namespace)
	}
	return t, err
}

// inNamespace writes a kubeconfig beside another one that means a namespace where none is named, and returns its path.
func inNamespace(kubeconfig, namespace string) (string, error) {
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		return "", err
	}
	current := config.Contexts[config.CurrentContext]
	if current == nil {
		return "", fmt.Errorf("%s has no context %q to set a namespace in", kubeconfig, config.CurrentContext)
	}
	current.Namespace = namespace
	raw, err := clientcmd.Write(*config)
	if err != nil {
		return "", err
	}
	// Names of namespaces have no dots.
	file := kubeconfig + "." + namespace
	return file, cluster.WriteFile(file, raw)
}

// link puts a program into dir under its name.
func (o Options) link(ctx context.Context, name, dir string) error {
	link := filepath.Join(dir, name)
	store, err := o.store()
	if err != nil {
		return err
	}
	program, err := build(ctx, store, name)
	if err != nil {
		return err
	}
	if now, err := os.Readlink(link); err == nil && now == program {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder for %s: %w", name, err)
	}
	// Another canarylab may do the same: each renames a link of its own.
	tmp := fmt.Sprintf("%s.%d", link, os.Getpid())
	if err := os.Symlink(program, tmp); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("link %s: %w", name, err)
	}
	return os.Rename(tmp, link)
}

// build returns the path of a program, which it builds first where it is not yet.
func build(ctx context.Context, store *artifacts.Store, name string) (path string, err error) {
	get := map[string]func(context.Context) (string, error){Kubectl: store.Kubectl, Istioctl: store.Istioctl}[name]
	if get == nil {
		return "", fmt.Errorf("there is no program %q: %s and %s are", name, Kubectl, Istioctl)
	}
	dir, err := get(ctx)
	return filepath.Join(dir, name), err
}

// Env returns an environment, such as os.Environ's, in which the two names are the lab's own programs.
func (t *Clients) Env(environ []string) []string {
	env := slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		return strings.HasPrefix(v, "KUBECONFIG=") || strings.HasPrefix(v, "PATH=")
	})
	path := t.Dir
	for _, v := range environ {
		if before, ok := strings.CutPrefix(v, "PATH="); ok {
			path = t.Dir + string(os.PathListSeparator) + before
		}
	}
	return append(env, "KUBECONFIG="+t.Kubeconfig, "PATH="+path)
}

// Exec puts a program in this process's place, with Env: terminal, signals and exit code are the program's. It returns
// only if that can't be done.
func (t *Clients) Exec(command string, args ...string) error {
	path := filepath.Join(t.Dir, command)
	if _, err := os.Stat(path); err != nil || strings.ContainsRune(command, filepath.Separator) {
		if path, err = exec.LookPath(command); err != nil {
			return fmt.Errorf("run %s: %w", command, err)
		}
	}
	err := unix.Exec(path, append([]string{command}, args...), t.Env(os.Environ()))
	return fmt.Errorf("run %s: %w", path, err)
}
