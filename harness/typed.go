package harness

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/kube"
)

// Typed are lines of a shell that do what the lab does, and files that they name.
type Typed struct {
	Lines []string
	// Files has the contents by name.
	Files map[string][]byte
}

func (t *Typed) line(format string, args ...any) {
	t.Lines = append(t.Lines, fmt.Sprintf(format, args...))
}

// file adds a file with some objects.
func (t *Typed) file(name string, objects []object) error {
	b, err := kube.YAML(objects)
	if err != nil {
		return err
	}
	if t.Files == nil {
		t.Files = map[string][]byte{}
	}
	t.Files[name] = b
	return nil
}

// notInNames are letters that a file's name in a line of a shell had better not have.
var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// A typist is a Step whose String is for people alone: nobody can type it.
type typist interface {
	typed(s Scenario, t *Typed) error
}

// Typed returns what to type for a step, in a folder with its files and with the scenario's namespace as the default.
func (s Scenario) Typed(step Step) (t Typed, err error) {
	if step == nil {
		return t, nil
	}
	if by, ok := step.(typist); ok {
		err = by.typed(s, &t)
		return t, err
	}
	t.line("%s", step)
	if file := step.Action().File; file != "" {
		b, err := s.manifest(file)
		if err != nil {
			return t, err
		}
		t.Files = map[string][]byte{file: b}
	}
	return t, nil
}

// TypedBack returns what to type to get back to what the scenario had left after a phase, counted from 0, once some
// phases were played.
func (s Scenario) TypedBack(played []Phase, phase int) (t Typed, err error) {
	now := s
	now.Phases = played
	from, err := now.state(len(played) - 1)
	if err != nil {
		return t, err
	}
	to, err := s.state(phase)
	if err != nil {
		return t, err
	}
	err = restore{name: s.Phases[phase].Name, from: from, to: to}.typed(s, &t)
	return t, err
}

func (r Revert) typed(s Scenario, t *Typed) error {
	routes, _, err := r.writes(s)
	if err != nil {
		return err
	}
	name := stem(string(r)) + ".route.yaml"
	t.line("kubectl apply -f %s", name)
	return t.file(name, routes)
}

func (i Inject) typed(s Scenario, t *Typed) error {
	b, err := i.Faults.MarshalJSON()
	if err != nil {
		return err
	}
	some := ""
	if i.Pods > 0 {
		some = fmt.Sprintf(" | head -n %d", i.Pods)
	}
	// The API server passes it on to the admin port of each pod.
	t.line("for pod in $(kubectl get pods -l app=%s,version=%s -o name%s); do echo '%s' | kubectl replace --raw "+
		"/api/v1/namespaces/%s/pods/${pod#pod/}:%d/proxy/faults -f -; done",
		environment.Service, i.Version, some, b, s.home(), environment.AdminPort)
	return nil
}

func (StopIstiod) typed(_ Scenario, t *Typed) error {
	t.line("kubectl -n istio-system scale deployment istiod --replicas=0")
	return nil
}

func (StartIstiod) typed(_ Scenario, t *Typed) error {
	t.line("kubectl -n istio-system scale deployment istiod --replicas=1")
	t.line("kubectl -n istio-system rollout status deployment istiod")
	return nil
}

func (r restore) typed(s Scenario, t *Typed) error {
	if r.from.stopped {
		if err := (StartIstiod{}).typed(s, t); err != nil {
			return err
		}
	}
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(r.name), "-"), "-")
	for _, d := range r.deployments() {
		to := r.to.deployments[d]
		if to.restarts == r.from.deployments[d].restarts {
			continue
		}
		file := fmt.Sprintf("before-%s-was-restarted.yaml", d)
		if err := t.file(file, to.made); err != nil {
			return err
		}
		t.line("kubectl apply -f %s", file)
		t.line("kubectl rollout restart deployment %s", d)
		t.line("kubectl rollout status deployment %s", d)
	}
	file := "after-" + cmp.Or(name, "all") + ".yaml"
	if err := t.file(file, r.to.manifests()); err != nil {
		return err
	}
	t.line("kubectl apply -f %s", file)
	for _, o := range r.gone() {
		t.line("kubectl delete %s %s", strings.ToLower(o.GetKind()), o.GetName())
	}
	for _, scale := range r.scales() {
		t.line("%s", scale)
	}
	var faults []Inject
	for _, i := range r.from.faults {
		heal := Inject{Version: i.Version}
		if !slices.Contains(faults, heal) {
			faults = append(faults, heal)
		}
	}
	for _, i := range slices.Concat(faults, r.to.faults) {
		if err := i.typed(s, t); err != nil {
			return err
		}
	}
	if r.to.stopped {
		return StopIstiod{}.typed(s, t)
	}
	return nil
}
