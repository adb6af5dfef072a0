package kind

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	kinderrors "sigs.k8s.io/kind/pkg/errors"
	kindexec "sigs.k8s.io/kind/pkg/exec"
)

// steps write down what a Progress is told.
type steps struct {
	mu  sync.Mutex
	all []string
}

func (s *steps) Step(name string) func(error) {
	s.add("begin " + name)
	return func(err error) { s.add(fmt.Sprintf("end %s: %v", name, err)) }
}

func (s *steps) add(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, line)
}

func TestStepsAreMadeOfWhatKindLogs(t *testing.T) {
	// The forms are those of kind's pkg/internal/cli/status.go, which adds two blanks before the dots.
	begin := func(l *logger, s string) { l.V(0).Infof(" • %s  ...\n", s) }
	good := func(l *logger, s string) { l.V(0).Infof(" ✓ %s\n", s) }
	bad := func(l *logger, s string) { l.V(0).Infof(" ✗ %s\n", s) }
	for _, tc := range []struct {
		name string
		log  func(l *logger)
		want []string
	}{
		{
			"one step", func(l *logger) { begin(l, "Preparing nodes 📦 "); good(l, "Preparing nodes 📦 ") },
			[]string{"begin kind: preparing nodes", "end kind: preparing nodes: <nil>"},
		},
		{
			// A picture can be two characters, and a name can have signs of its own.
			"pictures", func(l *logger) {
				begin(l, "Starting control-plane 🕹️")
				begin(l, "Ensuring node image (kindest/node:v1.37.0) 🖼")
				begin(l, "Installing CNI 🔌")
			},
			[]string{
				"begin kind: starting control-plane", "end kind: starting control-plane: <nil>",
				"begin kind: ensuring node image (kindest/node:v1.37.0)",
				"end kind: ensuring node image (kindest/node:v1.37.0): <nil>",
				"begin kind: installing CNI",
			},
		},
		{
			"a step that fails",
			func(l *logger) { begin(l, "Writing configuration 📜"); bad(l, "Writing configuration 📜") },
			[]string{
				"begin kind: writing configuration", "end kind: writing configuration: writing configuration failed",
			},
		},
		{
			// As it is when kind is interrupted: whoever made the logger ends the step.
			"an end from outside", func(l *logger) {
				begin(l, "Preparing nodes 📦")
				l.end(errors.New("interrupted"))
				bad(l, "Preparing nodes 📦")
				l.end(nil)
			},
			[]string{"begin kind: preparing nodes", "end kind: preparing nodes: interrupted"},
		},
		{
			"what is no step", func(l *logger) {
				l.V(0).Info("Creating cluster \"canarylab-lab\" ...\n")
				l.V(1).Infof(" • %s  ...\n", "Details")
				l.Warn(" • a warning")
				l.Warnf(" • %s", "a warning")
				l.Error(" • an error")
				l.Errorf(" • %s", "an error")
				l.V(0).Info("")
				good(l, "Something that never began")
			},
			nil,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &steps{}
			tc.log(&logger{steps: s})
			if !slices.Equal(s.all, tc.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(s.all, "\n"), strings.Join(tc.want, "\n"))
			}
		})
	}
}

// Prepare and node have nobody to tell.
func TestALoggerWithoutProgressIsSilent(t *testing.T) {
	l := &logger{}
	l.V(0).Infof(" • %s  ...\n", "Preparing nodes 📦")
	l.V(0).Infof(" ✓ %s\n", "Preparing nodes 📦")
}

func TestErrorsHaveWhatTheCommandPrinted(t *testing.T) {
	var lines []string
	for i := range 20 {
		lines = append(lines, fmt.Sprint("line ", i))
	}
	run := func(output string) error {
		return &kindexec.RunError{
			Command: []string{"docker", "run"}, Output: []byte(output), Inner: errors.New("exit status 1"),
		}
	}
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"not about a command", errors.New("no"), ""},
		{"a command that printed nothing", run(" \n"), ""},
		{"one line", run("port is already allocated\n"), "; it ended with:\nport is already allocated"},
		{"deep inside", kinderrors.Wrap(run("a\nb\n"), "failed to create cluster"), "; it ended with:\na\nb"},
		{"many lines", run(strings.Join(lines, "\n") + "\n"), "; it ended with:\n" + strings.Join(lines[8:], "\n")},
	} {
		if got := output(tc.err); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}
