package kind

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness/images"
)

// Nothing here may reach a registry: what is asked for over HTTPS goes to a port of this machine that nobody
// listens on. Go reads the variable once, so that it is set before any test.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		if err := os.Setenv(name, "http://127.0.0.1:1"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// A fake is a folder with programs that stand in for container engines, and the only one on the PATH.
type fake struct {
	t   *testing.T
	dir string
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{t, t.TempDir()}
	// The store that keeps what was built asks Go for its version.
	if program, err := exec.LookPath("go"); err == nil {
		if err := os.Symlink(program, filepath.Join(f.dir, "go")); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", f.dir)
	return f
}

// program makes a program that notes how it is called, and answers by cases: those of a shell's case over its
// arguments.
func (f *fake) program(name, cases string) {
	f.t.Helper()
	script := "#!/bin/sh\ncd " + f.dir + "\necho \"" + name + " $*\" >> calls\ncase \"$*\" in\n" + cases +
		"\n*) echo \"no answer to $*\" >&2; exit 99;;\nesac\n"
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(script), 0o755); err != nil {
		f.t.Fatal(err)
	}
}

// calls are those of all programs so far.
func (f *fake) calls() []string {
	f.t.Helper()
	raw, err := os.ReadFile(filepath.Join(f.dir, "calls"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		f.t.Fatal(err)
	}
	return slices.Collect(strings.FieldsFuncSeq(string(raw), func(r rune) bool { return r == '\n' }))
}

// called tells whether there was a call that contains part.
func (f *fake) called(part string) bool {
	return slices.ContainsFunc(f.calls(), func(c string) bool { return strings.Contains(c, part) })
}

// set is what a program of docker prints that has such a file: see docker.
func (f *fake) set(file string, lines ...string) {
	f.t.Helper()
	text := ""
	if len(lines) > 0 {
		text = strings.Join(lines, "\n") + "\n"
	}
	if err := os.WriteFile(filepath.Join(f.dir, file), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) get(file string) string {
	f.t.Helper()
	raw, err := os.ReadFile(filepath.Join(f.dir, file))
	if err != nil {
		f.t.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}

// docker makes a docker whose world is in files: the ids of a cluster's nodes in "nodes", the first process of
// each in "pid", what there is of networks in "networks", who is in the lab's in "users", the images in
// "images", what each is labelled with in "label".
func (f *fake) docker() {
	f.t.Helper()
	for _, file := range []string{"nodes", "networks", "users", "images", "own", "label"} {
		f.set(file)
	}
	f.set("pid", "4711")
	f.program("docker", `
"version "*) echo 27.5.1;;
"info "*) echo 2;;
"ps "*"--filter label=io.x-k8s.kind.cluster=canarylab-lab") /bin/cat nodes;;
"ps "*"--filter network=canarylab") /bin/cat users;;
"inspect "*) /bin/cat pid;;
"rm --force --volumes "*) : > nodes;;
"network ls "*) /bin/cat networks;;
"network rm canarylab") : > networks;;
"image inspect --format {{.Id}} "*) /bin/grep -qxF -e "$5" images;;
"image inspect "*) /bin/cat label;;
"image ls "*) /bin/cat own;;
"image rm "*) ;;
"pull --quiet "*) echo "$3" >> images;;
load) /bin/cat > loaded;;`)
}

func TestTheFirstEngineThatAnswersIsTaken(t *testing.T) {
	f := newFake(t)
	f.program("docker", `"version "*) echo "Cannot connect to the Docker daemon" >&2; exit 1;;`)
	f.program("podman", `"version --format {{.Client.Version}}") echo 5.4.0;;`)
	name, version, err := Engine(t.Context())
	if err != nil || name != "podman" || version != "5.4.0" {
		t.Errorf("got %s %s (%v), want podman 5.4.0, because docker does not answer", name, version, err)
	}
	f.program("docker", `"version --format {{.Server.Version}}") echo 27.5.1;;`)
	name, version, err = Engine(t.Context())
	if err != nil || name != "docker" || version != "27.5.1" {
		t.Errorf("got %s %s (%v), want docker 27.5.1, which comes first", name, version, err)
	}
}

func TestNoEngineAnswers(t *testing.T) {
	f := newFake(t)
	// Without a daemon, docker prints the client's part of a template and fails, or prints an empty line.
	f.program("docker", `"version "*) echo "a hint" >&2; echo "Cannot connect to the Docker daemon" >&2; exit 1;;`)
	f.program("podman", `"version "*) echo;;`)
	_, _, err := Engine(t.Context())
	if err == nil {
		t.Fatal("got an engine, want an error")
	}
	for _, want := range []string{
		"docker version --format {{.Server.Version}}: exit status 1: Cannot connect to the Docker daemon",
		"podman version --format {{.Client.Version}}: it has no server",
		"nerdctl is not installed",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "a hint") {
		t.Errorf("got %q, want the last line of what docker said alone", err)
	}
	if err := (&Provider{}).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "CLUSTER=embedded") {
		t.Errorf("got %v, want an error that says what needs no daemon", err)
	}
	if err := (&Provider{Engine: "nerdctl"}).Check(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "needs nerdctl: nerdctl is not installed") {
		t.Errorf("got %v, want an error about the engine that was asked for", err)
	}
	if f.called("nerdctl") {
		t.Errorf("got calls %q, want none of a program that is not there", f.calls())
	}
}

func TestCgroupsOfTheOldVersionAreTold(t *testing.T) {
	for _, tc := range []struct {
		engine   engine
		template string
		says     string
		want     bool
	}{
		{docker, "{{.CgroupVersion}}", "1", true},
		{docker, "{{.CgroupVersion}}", "2", false},
		{podman, "{{.Host.CgroupsVersion}}", "v1", true},
		{podman, "{{.Host.CgroupsVersion}}", "v2", false},
	} {
		f := newFake(t)
		f.program(string(tc.engine), `"info --format `+tc.template+`") echo `+tc.says+`;;`)
		if got, err := tc.engine.cgroupV1(t.Context()); err != nil || got != tc.want {
			t.Errorf("%s says %s: got %v (%v), want %v", tc.engine, tc.says, got, err, tc.want)
		}
	}
	f := newFake(t)
	f.program("docker", `"info "*) echo "permission denied" >&2; exit 1;;`)
	if _, err := docker.cgroupV1(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "ask for the version of cgroups: docker info") {
		t.Errorf("got %v, want an error that says what was asked", err)
	}
}

func TestLabelOfAnImage(t *testing.T) {
	f := newFake(t)
	for says, want := range map[string]string{"true": "true", "<no value>": "", "": ""} {
		f.program("docker",
			`'image inspect --format {{ index .Config.Labels "io.canarylab.node" }} some/image:1') echo '`+says+`';;`)
		if got, err := docker.label(t.Context(), "some/image:1", images.NodeLabel); err != nil || got != want {
			t.Errorf("docker says %q: got %q (%v), want %q", says, got, err, want)
		}
	}
	f.program("docker", `*) echo "No such image" >&2; exit 1;;`)
	if _, err := docker.label(t.Context(), "some/image:1", images.NodeLabel); err == nil ||
		!strings.HasSuffix(err.Error(), "No such image") {
		t.Errorf("got %v, want what docker said", err)
	}
}

func TestImagesThatAreTheLabsOwn(t *testing.T) {
	f := newFake(t)
	f.docker()
	f.set("own", "canarylab/node:v1-a", "docker.io/canarylab/node:v1-b", "localhost/canarylab/node:v1-c",
		"notcanarylab/node:v1-d", "<none>:<none>", "example.com/other:canarylab")
	got, err := docker.ownImages(t.Context())
	want := []string{"canarylab/node:v1-a", "docker.io/canarylab/node:v1-b", "localhost/canarylab/node:v1-c"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
}

func TestACommandThatTakesTooLongIsEnded(t *testing.T) {
	f := newFake(t)
	f.program("docker", `"ps") exec /bin/sleep 60;;`)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := docker.output(ctx, "ps")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "docker ps: ") {
		t.Errorf("got %v, want one that names the command and says that the time was up", err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("got the error after %s, want it when the time was up", took)
	}
}

// What a Ctrl-C of the user ends is canarylab, which then ends things in order.
func TestCommandsHaveAProcessGroupOfTheirOwn(t *testing.T) {
	if cmd := docker.command(t.Context(), "ps"); cmd.SysProcAttr == nil || !cmd.SysProcAttr.Setpgid {
		t.Error("got a command in canarylab's process group, want one in its own")
	}
}
