// Package routetest makes a scenario of a team's own manifests: they are applied as they are, with the sample app in
// the place of each workload, and each rule of theirs gets requests that meet it and requests that just miss it. What
// is claimed is what the YAML says. So the engine plays it like any other scenario, and the report shows for each rule
// where its requests really went.
package routetest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/authz"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/routes"
	"github.com/canarylab/canarylab/harness/standin"
	"github.com/canarylab/canarylab/internal/kebab"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
)

// ErrNothing is wrapped where the manifests have nothing that could be tested by requests.
var ErrNothing = errors.New("there is nothing to test by requests")

const (
	// certain is how many requests a class sends whose requests all go to one place: a stray share of 15 % shows with
	// a probability of 0.99994.
	certain = 60
	// shared is how many a class sends whose requests are shared out: the interval of half of them is 14 points wide,
	// and that of a tenth 9.
	shared = 200
	// few is how many requests the smallest share of a class is to get on average, so that none of them by chance is
	// one case in 150. most bounds what that takes.
	few, most = 5, 1000
	// lasts is how long a class takes to send its requests, and total how many are sent a second at most: then it takes
	// longer. A machine with two cores carries that.
	lasts = 8 * time.Second
	total = 400
	// patience is how many times as long the classes may take on a machine that carries less.
	patience = 15
)

// file has the manifests, and before those of the set that they replace. Neither is the name of one of the engine's.
const file, before = "own.yaml", "before.yaml"

// The phases of a test. With a set to begin from there are all three.
const (
	PhaseBefore = "before"
	PhaseOwn    = "as it is written"
	PhaseBack   = "back"
)

// A Test is what was made of a set of manifests.
type Test struct {
	Scenario harness.Scenario
	// From is nil where the test begins with the manifests themselves.
	From, Own *Side
	// Order is a safe order in which Own replaces From. It is empty where From is nil.
	Order []OrderStep

	// sides are all that are played, home is the namespace of the usual caller, and callers are the others.
	sides   []*Side
	home    string
	callers []addons.Caller
}

// A Side is a set of manifests, with what is known of it.
type Side struct {
	Plan     *standin.Plan
	Table    routes.Table
	Policies authz.Policies
}

func newSide(set *standin.Set, o standin.Options) (*Side, error) {
	plan, err := set.Standins(o)
	if err != nil {
		return nil, err
	}
	objects := objectsOf(plan)
	return &Side{plan, routes.Read(objects), authz.Read(objects)}, nil
}

// New makes the test of a set of manifests. name is the scenario's. title says in a sentence what is tested. If from is
// not nil, it is what there is first: the manifests replace it under load in the order of kubectl apply, are taken
// back, and replace it again in a safe order. e is what is expected besides, nil for nothing.
func New(name, title string, set, from *standin.Set, o standin.Options, e *Expectations) (*Test, error) {
	t := &Test{}
	var err error
	if t.Own, err = newSide(set, o); err != nil {
		return nil, err
	}
	sides := []*Side{t.Own}
	if from != nil {
		if t.From, err = newSide(from, o); err != nil {
			return nil, err
		}
		sides = append(sides, t.From)
		t.Order = safeOrder(t.From, t.Own)
	}
	all := files{}
	stages, err := e.stages(t.Own, set, name, all, o)
	if err != nil {
		return nil, err
	}
	if len(stages) > 0 && from != nil {
		return nil, fmt.Errorf("%w: its phases say what there is one after the other, and so does --from: take one of "+
			"them out", ErrExpectations)
	}
	for _, side := range sidesOf(stages) {
		if side != t.Own {
			sides = append(sides, side)
		}
	}
	s := newSender(sides, home(t.Own))
	load, cases, remarks, err := s.plan(e)
	if err != nil {
		return nil, err
	}
	t.sides, t.home, t.callers = sides, s.home, s.standing
	phases, err := t.claimed(s, stages, e, cases, remarks)
	if err != nil {
		return nil, err
	}
	if err := t.write(name, set, all, sidesOf(stages)); err != nil {
		return nil, err
	}
	ingress := addons.Ingress{Namespace: t.Own.Plan.GatewayNamespace, Labels: map[string]string{}, Ports: s.ports()}
	for _, side := range slices.Backward(sides) {
		ingress.Namespace = cmp.Or(ingress.Namespace, side.Plan.GatewayNamespace)
		maps.Copy(ingress.Labels, side.Plan.GatewayLabels)
	}
	t.Scenario = harness.Scenario{
		Name: name, Title: title, Files: all, Load: load, Phases: phases,
		// Where a request goes does not depend on when it is sent: a machine that sends them late is no reason to send
		// fewer.
		LowestRate: int(load.TotalRate()),
		Site:       addons.Site{Namespaces: t.namespaces(), Ingress: ingress, Callers: s.standing},
	}
	if e != nil && e.canary != nil {
		t.Scenario.Title = cmp.Or(e.canary.Title, title)
		t.Scenario.Canary, t.Scenario.CanaryCohort = e.canary.Canary, e.canary.CanaryCohort
	}
	return t, e.check(t, stages)
}

// plan makes the load: cohorts of the team's own first, then its test cases, then what the rules call for.
func (s *sender) plan(e *Expectations) (
	load loadgen.Plan, cases []expect.Expectation, remarks []reports.RoutingRemark, err error,
) {
	fixed := map[string]int{}
	if err := s.addOwn(e, fixed); err != nil {
		return load, nil, nil, err
	}
	if cases, remarks, err = s.addCases(e); err != nil {
		return load, nil, nil, err
	}
	load = s.load()
	s.took = max(s.took, fix(&load, fixed, e))
	return load, cases, remarks, nil
}

// claim completes a phase with what it tests, and what is claimed of that.
func (s *sender) claim(p sided) harness.Phase {
	routing, claims := s.routing(p.side)
	p.Routing, p.Deadline = routing, max(p.Deadline, patience*s.took)
	if p.was != nil {
		s.was(routing, p.was)
	}
	switch {
	case p.disturbed:
		for i := range routing.Classes {
			routing.Classes[i].Asked, routing.Classes[i].Answers = nil, nil
		}
	case p.passing:
		for i := range routing.Classes {
			routing.Classes[i].Answers = nil // they are claimed once all is as it is written
		}
		p.Expect = append(p.Expect, s.stay(routing)...)
	default:
		p.Expect = append(p.Expect, claims...)
	}
	return p.Phase
}

// write adds the manifests that the phases apply. Those that all begins with make the namespaces of all sides.
func (t *Test) write(name string, set *standin.Set, all files, more []*Side) error {
	first, and := t.Own, more
	if t.From != nil {
		own, err := kube.YAML(t.withAway(writtenOrder(t.Own.Plan, set)))
		if err != nil {
			return fmt.Errorf("write the manifests that are applied: %w", err)
		}
		all[name+"/"+file] = own
		first, and = t.From, append(more, t.Own)
		for _, step := range t.Order {
			if all[name+"/"+step.file], err = kube.YAML(step.objects); err != nil {
				return fmt.Errorf("write the manifests of a safe order: %w", err)
			}
		}
	}
	b, err := t.manifestOf(first, and)
	if err != nil {
		return err
	}
	if t.From != nil {
		all[name+"/"+before] = b
	} else {
		all[name+"/"+file] = b
	}
	return nil
}

// namespaces are those of all sides, and of callers. That of the usual caller is first.
func (t *Test) namespaces() []string { return append(t.known(), t.away()...) }

// known are the namespaces of all sides.
func (t *Test) known() []string {
	all := []string{t.home}
	for _, side := range t.sides {
		for _, ns := range side.Plan.Namespaces {
			if !slices.Contains(all, ns) {
				all = append(all, ns)
			}
		}
	}
	return all
}

// why says why there is nothing to test.
func why(table routes.Table, r *reports.Routing) string {
	for _, c := range r.Classes {
		if c.Unsent != "" {
			return fmt.Sprintf("%s is not sent: %s", c.Request, c.Unsent)
		}
	}
	for _, c := range r.Classes {
		if c.Unjudged != "" {
			return fmt.Sprintf("it is not known where %s is to go: %s", c.Request, c.Unjudged)
		}
	}
	if len(table.Rules) == 0 {
		return "no VirtualService and no HTTPRoute has a rule for HTTP"
	}
	return "no request was found that meets a rule"
}

// requests is how many a class takes.
func requests(places []reports.Place) int {
	n := certain
	for _, p := range places {
		if p.Percent < 100 {
			n = max(n, shared, min(int(few*100/p.Percent+0.999), most))
		}
	}
	return n
}

// share sets the rates of cohorts that have the number of their requests in the place of a rate. It returns how long
// they take.
func share(load *loadgen.Plan) time.Duration {
	sum := 0
	for _, c := range load.Cohorts {
		sum += c.Rate
	}
	took := max(lasts, time.Duration(float64(sum)/total*float64(time.Second)))
	for i := range load.Cohorts {
		c := &load.Cohorts[i]
		c.Rate = int(float64(c.Rate)/took.Seconds() + 0.999)
	}
	return took
}

// manifestOf is what is applied of a side, as one file, with the namespaces of others, and of callers.
func (t *Test) manifestOf(side *Side, and []*Side) ([]byte, error) {
	all := side.Plan.Objects()
	made := slices.Clone(side.Plan.Namespaces)
	for _, other := range and {
		for _, o := range other.Plan.Objects() {
			if o.GetKind() == namespaceKind && !slices.Contains(made, o.GetName()) {
				all, made = slices.Insert(all, 0, o), append(made, o.GetName())
			}
		}
	}
	b, err := kube.YAML(t.withAway(all))
	if err != nil {
		return nil, fmt.Errorf("write the manifests that are applied: %w", err)
	}
	return b, nil
}

// withAway are objects with the namespaces of callers before them.
func (t *Test) withAway(all []*unstructured.Unstructured) []*unstructured.Unstructured {
	for _, ns := range t.away() {
		all = slices.Insert(all, 0, namespaceOf(ns))
	}
	return all
}

const namespaceKind = "Namespace"

// home is the namespace of the callers: the one of most rules for sidecars, the first one where there are none.
func home(side *Side) string {
	rules := map[string]int{}
	for _, r := range side.Table.Rules {
		if !slices.Contains(r.Gateways, routes.Mesh) {
			continue
		}
		_, name, _ := strings.Cut(cmp.Or(r.Root, r.Object), " ")
		ns, _, _ := strings.Cut(name, "/")
		rules[ns]++
	}
	best := side.Plan.Namespaces[0]
	for _, ns := range side.Plan.Namespaces {
		if rules[ns] > rules[best] {
			best = ns
		}
	}
	return best
}

// Name makes the name of a scenario of the path of its manifests.
func Name(path string) string {
	base := path[strings.LastIndexAny(strings.TrimRight(path, "/"), "/")+1:]
	name := kebab.Of(strings.TrimSuffix(strings.TrimSuffix(strings.TrimRight(base, "/"), ".yaml"), ".yml"))
	if name = strings.Trim(name[:min(len(name), 36)], "-"); name == "" {
		return "own"
	}
	return "own-" + name
}

// files are a scenario's files in memory.
type files map[string][]byte

// ReadFile implements fs.ReadFileFS.
func (f files) ReadFile(name string) ([]byte, error) {
	b, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return b, nil
}

// Open implements fs.FS.
func (f files) Open(name string) (fs.File, error) {
	b, err := f.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return &memory{name: name, Reader: bytes.NewReader(b)}, nil
}

// A memory is an open file in memory.
type memory struct {
	name string
	*bytes.Reader
}

func (m *memory) Stat() (fs.FileInfo, error) { return info{m}, nil }
func (m *memory) Close() error               { return nil }

// info is that of a file in memory.
type info struct{ m *memory }

func (i info) Name() string     { return i.m.name[strings.LastIndex(i.m.name, "/")+1:] }
func (i info) Size() int64      { return i.m.Size() }
func (info) Mode() fs.FileMode  { return 0o444 }
func (info) ModTime() time.Time { return time.Time{} }
func (info) IsDir() bool        { return false }
func (info) Sys() any           { return nil }
