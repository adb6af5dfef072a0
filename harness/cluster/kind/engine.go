package kind

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	kindcluster "sigs.k8s.io/kind/pkg/cluster"
	kindlog "sigs.k8s.io/kind/pkg/log"

	"github.com/canarylab/canarylab/harness/images"
)

// An engine is a program that runs containers, by the name that it is called by: what kind drives.
type engine string

const (
	docker  engine = "docker"
	podman  engine = "podman"
	nerdctl engine = "nerdctl"
)

// answersWithin bounds the question whether a daemon answers. One that is busy pulling answers in a second or two.
const answersWithin = 5 * time.Second

// Engine returns the name of the first of docker, podman and nerdctl whose daemon answers, with the daemon's
// version. The error says what each of them said.
func Engine(ctx context.Context) (name, version string, err error) {
	var errs []error
	for _, e := range []engine{docker, podman, nerdctl} {
		v, err := e.version(ctx)
		if err == nil {
			return string(e), v, nil
		}
		errs = append(errs, err)
	}
	return "", "", fmt.Errorf("no container daemon answers: %w", errors.Join(errs...))
}

func (e engine) version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	args := []string{"version", "--format", "{{.Server.Version}}"}
	switch e {
	case podman:
		args = []string{"version", "--format", "{{.Client.Version}}"} // it has no daemon
	case nerdctl:
		args = []string{"info", "--format", "{{.ServerVersion}}"} // its version has none of the server's own
	}
	out, err := e.output(ctx, args...)
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("%s is not installed", e)
	}
	if err == nil && strings.TrimSpace(out) == "" {
		err = fmt.Errorf("%s %s: it has no server", e, strings.Join(args, " "))
	}
	return strings.TrimSpace(out), err
}

// cgroupV1 tells whether the containers' kernel has the old cgroups.
func (e engine) cgroupV1(ctx context.Context) (bool, error) {
	format := "{{.CgroupVersion}}"
	if e == podman {
		format = "{{.Host.CgroupsVersion}}"
	}
	out, err := e.output(ctx, "info", "--format", format)
	if err != nil {
		return false, fmt.Errorf("ask for the version of cgroups: %w", err)
	}
	return strings.TrimPrefix(strings.TrimSpace(out), "v") == "1", nil
}

// provider is kind, on this engine.
func (e engine) provider(log kindlog.Logger) *kindcluster.Provider {
	on := kindcluster.ProviderWithDocker()
	switch e {
	case podman:
		on = kindcluster.ProviderWithPodman()
	case nerdctl:
		on = kindcluster.ProviderWithNerdctl("")
	}
	return kindcluster.NewProvider(kindcluster.ProviderWithLogger(log), on)
}

// hasImage tells whether an image is there without asking a registry.
func (e engine) hasImage(ctx context.Context, ref string) bool {
	_, err := e.output(ctx, "image", "inspect", "--format", "{{.Id}}", ref)
	return err == nil
}

// pid is a container's first process, on the machine that runs the containers; 0 if the container does not run.
func (e engine) pid(ctx context.Context, container string) (int, error) {
	out, err := e.output(ctx, "inspect", "--format", "{{.State.Pid}}", container)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(out))
}

// label is the value of an image's label; empty if it has none.
func (e engine) label(ctx context.Context, image, label string) (string, error) {
	out, err := e.output(ctx, "image", "inspect", "--format", fmt.Sprintf("{{ index .Config.Labels %q }}", label),
		image)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(strings.TrimSpace(out), "<no value>"), nil
}

// ownImages are the references of the node images of ours that the engine has.
func (e engine) ownImages(ctx context.Context) ([]string, error) {
	out, err := e.output(ctx, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter",
		"label="+images.NodeLabel)
	if err != nil {
		return nil, err
	}
	var own []string
	for _, ref := range strings.Fields(out) {
		// podman and nerdctl show the registry too.
		if i := strings.Index(ref, images.NodeRepository+":"); i == 0 || i > 0 && ref[i-1] == '/' {
			own = append(own, ref)
		}
	}
	return own, nil
}

// load reads an archive of images.
func (e engine) load(ctx context.Context, archive io.Reader) error {
	cmd := e.command(ctx, "load")
	cmd.Stdin = archive
	if out, err := cmd.CombinedOutput(); err != nil {
		return e.failure(ctx, cmd, err, out)
	}
	return nil
}

// output runs the engine's program and returns what it printed.
func (e engine) output(ctx context.Context, args ...string) (string, error) {
	cmd := e.command(ctx, args...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return "", e.failure(ctx, cmd, err, stderr.Bytes())
	}
	return out.String(), nil
}

// failure is the error about a command, with the last line that it printed.
func (e engine) failure(ctx context.Context, cmd *exec.Cmd, err error, out []byte) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	said := strings.TrimSpace(string(out))
	said = said[strings.LastIndexByte(said, '\n')+1:]
	if said != "" {
		said = ": " + said
	}
	return fmt.Errorf("%s: %w%s", strings.Join(cmd.Args, " "), err, said)
}

// command is one call of the engine's program. It has a process group of its own, so that a Ctrl-C is for
// canarylab alone, which then ends things in order.
func (e engine) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, string(e), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	return cmd
}
