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

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/authz"
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
	lasts = 20 * time.Second
	total = 400
	// patience is how many times as long the classes may take on a machine that carries less.
	patience = 6
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
// not nil, it is what there is first: the manifests replace it under load, and are then taken back.
func New(name, title string, set, from *standin.Set, o standin.Options) (*Test, error) {
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
	}
	s := newSender(sides, home(t.Own))
	load := s.load()
	t.home, t.callers = s.home, s.standing
	var phases []harness.Phase
	for _, p := range t.phases() {
		routing, claims := s.routing(p.side)
		p.Routing, p.Expect, p.Deadline = routing, claims, patience*s.took
		if !slices.ContainsFunc(routing.Classes, func(c reports.RequestClass) bool { return len(c.Asked) > 0 }) {
			return nil, fmt.Errorf("%w: %s", ErrNothing, why(p.side.Table, routing))
		}
		phases = append(phases, p.Phase)
	}
	own, err := t.manifestOf(t.Own, nil)
	if err != nil {
		return nil, err
	}
	all := files{name + "/" + file: own}
	if t.From != nil {
		if all[name+"/"+before], err = t.manifestOf(t.From, t.Own); err != nil {
			return nil, err
		}
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
	return t, nil
}

// A sided is a phase with the side that it tests.
type sided struct {
	harness.Phase
	side *Side
}

func (t *Test) phases() []sided {
	if t.From == nil {
		return []sided{{harness.Phase{Name: PhaseOwn, Do: harness.Apply(file), Point: true}, t.Own}}
	}
	return []sided{
		{harness.Phase{Name: PhaseBefore, Do: harness.Apply(before)}, t.From},
		{harness.Phase{Name: PhaseOwn, Do: harness.Replace{Old: before, By: file}, Point: true}, t.Own},
		{harness.Phase{Name: PhaseBack, Do: harness.Replace{Old: file, By: before}, Rollback: true}, t.From},
	}
}

// namespaces are those of all sides, and of callers. That of the usual caller is first.
func (t *Test) namespaces() []string { return append(t.known(), t.away()...) }

// known are the namespaces of all sides.
func (t *Test) known() []string {
	all := []string{t.home}
	for _, side := range []*Side{t.Own, t.From} {
		if side == nil {
			continue
		}
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

// manifestOf is what is applied of a side, as one file, with the namespaces of another one, and of callers.
func (t *Test) manifestOf(side, and *Side) ([]byte, error) {
	all := side.Plan.Objects()
	if and != nil {
		for _, o := range and.Plan.Objects() {
			if o.GetKind() == namespaceKind && !slices.Contains(side.Plan.Namespaces, o.GetName()) {
				all = slices.Insert(all, 0, o)
			}
		}
	}
	for _, ns := range t.away() {
		all = slices.Insert(all, 0, namespaceOf(ns))
	}
	b, err := kube.YAML(all)
	if err != nil {
		return nil, fmt.Errorf("write the manifests that are applied: %w", err)
	}
	return b, nil
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
