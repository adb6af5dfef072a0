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
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
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

// file is the one file of the scenario, and phase the name of the phase that applies it.
const file, phase = "own.yaml", "as it is written"

// A Test is what was made of a set of manifests.
type Test struct {
	Scenario harness.Scenario
	Table    routes.Table
	Plan     *standin.Plan
}

// New makes the test of a set of manifests. name is the scenario's. title says in a sentence what is tested.
func New(name, title string, set *standin.Set, o standin.Options) (*Test, error) {
	plan, err := set.Standins(o)
	if err != nil {
		return nil, err
	}
	table := routes.Read(objectsOf(plan))
	t := &Test{Table: table, Plan: plan}
	s := &sender{plan: plan, table: table, home: home(plan, table)}
	routing := &reports.Routing{Rules: rulesOf(table), Remarks: remarksOf(table, plan)}
	var claims []expect.Expectation
	load := loadgen.Plan{}
	for _, c := range table.Classes() {
		if c.Request.Entry == loadgen.Plain {
			continue // no rule is there for a caller without a proxy
		}
		class := reports.RequestClass{
			Request: requestInWords(c.Request), Why: c.Why, Rule: c.Rule + 1, Takes: c.Takes + 1, Asked: s.places(c),
		}
		cohort, unsent := s.cohort(c)
		if unsent != "" || len(load.Cohorts) == loadgen.MaxCohorts {
			class.Unsent = cmp.Or(unsent, fmt.Sprintf("there are %d classes already", loadgen.MaxCohorts))
			routing.Classes = append(routing.Classes, class)
			continue
		}
		need := requests(class.Asked)
		cohort.Rate = need
		class.Cohort = cohort.Name
		load.Cohorts = append(load.Cohorts, cohort)
		if len(class.Asked) > 0 {
			claims = append(claims, expect.Lands(cohort.Name, need, class.Asked...))
		}
		routing.Classes = append(routing.Classes, class)
	}
	if len(claims) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNothing, why(table, routing))
	}
	took := share(&load)
	load.URL = load.Cohorts[0].URL
	manifest, err := manifestOf(plan)
	if err != nil {
		return nil, err
	}
	namespaces := slices.DeleteFunc(slices.Clone(plan.Namespaces), func(ns string) bool { return ns == s.home })
	t.Scenario = harness.Scenario{
		Name: name, Title: title, Files: files{name + "/" + file: manifest}, Load: load,
		Site: addons.Site{
			Namespaces: append([]string{s.home}, namespaces...),
			Ingress: addons.Ingress{
				Namespace: plan.GatewayNamespace, Labels: plan.GatewayLabels, Ports: s.ports(),
			},
		},
		Phases: []harness.Phase{{
			Name: phase, Do: harness.Apply(file), Expect: claims, Routing: routing, Point: true, Deadline: patience * took,
		}},
	}
	return t, nil
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

// manifestOf is what is applied, as one file.
func manifestOf(plan *standin.Plan) ([]byte, error) {
	all := plan.Objects()
	for i, o := range all {
		if o.GetKind() != "Namespace" {
			continue
		}
		o = o.DeepCopy()
		labels := map[string]string{}
		maps.Copy(labels, o.GetLabels())
		labels[mesh.ManagedBy] = mesh.Manager
		o.SetLabels(labels)
		all[i] = o
	}
	b, err := kube.YAML(all)
	if err != nil {
		return nil, fmt.Errorf("write the manifests that are applied: %w", err)
	}
	return b, nil
}

// home is the namespace of the callers: the one of most rules for sidecars, the first one where there are none.
func home(plan *standin.Plan, table routes.Table) string {
	rules := map[string]int{}
	for _, r := range table.Rules {
		if !slices.Contains(r.Gateways, routes.Mesh) {
			continue
		}
		_, name, _ := strings.Cut(cmp.Or(r.Root, r.Object), " ")
		ns, _, _ := strings.Cut(name, "/")
		rules[ns]++
	}
	best := plan.Namespaces[0]
	for _, ns := range plan.Namespaces {
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
func (i info) Size() int64      { return i.m.Reader.Size() }
func (info) Mode() fs.FileMode  { return 0o444 }
func (info) ModTime() time.Time { return time.Time{} }
func (info) IsDir() bool        { return false }
func (info) Sys() any           { return nil }
