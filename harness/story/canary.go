package story

import (
	"bytes"
	_ "embed" // the schema is a file
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v3"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/loadgen"
)

// CanaryFile is the file beside a team's own manifests that says what they expect of them.
const CanaryFile = "canary.yaml"

// Own is how the steps of a canary.yaml call the manifests as they are written: "replace: {old: 10.yaml, by: own.yaml}"
// takes a change of theirs back.
const Own = "own.yaml"

// CanarySchema is the JSON Schema of a canary.yaml (draft 7). It is made as JSON is.
//
//go:embed canary.schema.json
var CanarySchema []byte

// A Canary is what a team expects of its own manifests (canarylab test --expect). Its steps, proofs and claims are
// those of a story, and are written as there.
type Canary struct {
	// Title is one sentence for the report.
	Title string `json:",omitzero"`
	// Canary is the workload that a rollback takes back, by its name: the rollback clock looks at its answers and at
	// failed requests. CanaryCohort limits the clock to one cohort.
	Canary       string `json:",omitzero"`
	CanaryCohort string `json:",omitzero"`
	// Cohorts are callers of one sort each, beside those that canarylab derives from the rules. A rate is in requests a
	// second; without one a cohort sends as many as the claims about it take.
	Cohorts []loadgen.Cohort `json:",omitzero"`
	// Expect is claimed of the manifests as they are written. Versions are workloads, by their names.
	Expect []expect.Expectation `json:",omitzero"`
	// Phases follow, in their order. Their steps name files beside the canary.yaml, or own.yaml, which has the
	// manifests as they are written.
	Phases []CanaryPhase `json:",omitzero"`
	// Cases are files of test cases, of istio-config-validator or of Envoy's router_check_tool, beside the canary.yaml.
	Cases []string `json:",omitzero"`

	// file is where it was read from.
	file   string
	reader *reader
}

// A CanaryPhase is a phase of a Canary.
type CanaryPhase struct {
	// Name is unique among the phases.
	Name string
	// Do is the change. Without one the phase only watches.
	Do harness.Step `json:",omitzero"`
	// Rollback tells that Do takes the canary back: the report has the time that it took.
	Rollback bool `json:",omitzero"`
	// Await are facts that come about by themselves after the change. The phase is settled once they hold.
	Await []harness.Proof `json:",omitzero"`
	// Prove is looked at once the change has settled.
	Prove []harness.Proof `json:",omitzero"`
	// Expect is judged by what was sent once the change has settled.
	Expect []expect.Expectation `json:",omitzero"`
	// Cohort is the one that the phase's rollback clock watches, in place of the canaryCohort.
	Cohort string `json:",omitzero"`
	// Deadline bounds the watching.
	Deadline time.Duration `json:",omitzero"`
}

// Dir is the folder that the file is in.
func (c *Canary) Dir() string { return filepath.Dir(c.file) }

// Files are the paths of the manifests that its steps name, each once, and of its test cases.
func (c *Canary) Files() (manifests, cases []string) {
	for _, p := range c.Phases {
		for _, name := range filesOf(p.Do) {
			if path := filepath.Join(c.Dir(), name); name != Own && !slices.Contains(manifests, path) {
				manifests = append(manifests, path)
			}
		}
	}
	for _, name := range c.Cases {
		cases = append(cases, filepath.Join(c.Dir(), name))
	}
	return manifests, cases
}

// filesOf are the files that a step names.
func filesOf(step harness.Step) []string {
	if step == nil {
		return nil
	}
	var all []string
	if r, ok := step.(harness.Replace); ok {
		all = append(all, r.Old)
	}
	if file := step.Action().File; file != "" {
		all = append(all, file)
	}
	return all
}

// ReadCanary reads a canary.yaml. An error is Problems where the file is wrong.
func ReadCanary(path string) (*Canary, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read what is expected: %w", err)
	}
	c := &Canary{file: path, reader: &reader{file: path}}
	root := c.reader.document(text, "a "+CanaryFile)
	if root != nil {
		c.reader.root = root
		c.reader.value(root, reflect.ValueOf(c).Elem(), CanaryFile)
		c.reader.apart(root)
		c.check()
	}
	if len(c.reader.problems) > 0 {
		sortByPlace(c.reader.problems)
		return nil, Problems(c.reader.problems)
	}
	return c, nil
}

// document reads the one document of a file, nil where there is none. noun is what the file is.
func (r *reader) document(text []byte, noun string) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var root, more yaml.Node
	err := decoder.Decode(&root)
	if errors.Is(err, io.EOF) || err == nil && len(root.Content) == 0 {
		r.problems = append(r.problems, manifest.Problem{File: r.file, Text: "there is nothing in it"})
		return nil
	}
	if err == nil {
		if err = decoder.Decode(&more); err == nil {
			r.add(&more, "%s is one document: take out what follows ---", noun)
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		r.problems = append(r.problems, manifest.Syntax(r.file, err)...)
		return nil
	}
	return root.Content[0]
}

// apart says of the things in the root's own list of claims that they are in no phase.
func (r *reader) apart(root *yaml.Node) {
	under := map[*yaml.Node]bool{}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		under[n] = true
		for _, child := range n.Content {
			walk(child)
		}
	}
	if root.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == "expect" {
			walk(root.Content[i+1])
		}
	}
	for i := range r.marks {
		if under[r.marks[i].node] {
			r.marks[i].phase = -1
		}
	}
}

// check finds the names that lead nowhere: cohorts, files.
func (c *Canary) check() {
	r := c.reader
	var cohorts []string
	for i, one := range c.Cohorts {
		at := func(key string) *yaml.Node { return follow(r.root, []string{"cohorts", fmt.Sprint(i), key}) }
		if one.Name != "" && slices.Contains(cohorts, one.Name) {
			r.add(at("name"), "there is a cohort %s already", one.Name)
		}
		if one.URL == "" {
			r.add(at("name"), "cohort %s lacks url: write what it asks for, such as http://reviews.shop/", one.Name)
		}
		if one.Weight != 0 {
			r.add(at("weight"), "a cohort here has a rate of its own, or none, and sends as many as its claims take")
		}
		if one.GRPC != nil {
			r.add(at("grpc"), "a test of your own manifests sends no gRPC yet: leave it out, or write a story, which "+
				"can (canarylab scenario new --yaml)")
		}
		if one.TCP != nil {
			r.add(at("tcp"), "a test of your own manifests opens no TCP connections yet: leave it out, or write a "+
				"story, which can (canarylab scenario new --yaml)")
		}
		cohorts = append(cohorts, one.Name)
	}
	named := func(n *yaml.Node, name string) {
		if name != "" && !slices.Contains(cohorts, name) {
			r.add(n, "there is no cohort %q%s (there are: %s)", name, manifest.Hint(name, cohorts),
				strings.Join(cohorts, ", "))
		}
	}
	named(follow(r.root, []string{"canaryCohort"}), c.CanaryCohort)
	for _, m := range r.marks {
		switch thing := m.thing.(type) {
		case expect.Expectation:
			named(m.node, thing.Cohort())
		case harness.Step:
			c.checkFiles(m.node, thing)
		}
	}
	for i, p := range c.Phases {
		at := follow(r.root, []string{"phases", fmt.Sprint(i), "name"})
		named(follow(r.root, []string{"phases", fmt.Sprint(i), "cohort"}), p.Cohort)
		for _, before := range c.Phases[:i] {
			if before.Name == p.Name {
				r.add(at, "there is a phase %q already", p.Name)
			}
		}
	}
	for i, name := range c.Cases {
		c.checkFile(follow(r.root, []string{"cases", fmt.Sprint(i)}), name)
	}
	if len(c.Cohorts)+len(c.Expect)+len(c.Phases)+len(c.Cases) == 0 && len(r.problems) == 0 {
		r.add(r.root, "it expects nothing: write expect, phases or cases")
	}
}

func (c *Canary) checkFiles(n *yaml.Node, step harness.Step) {
	for _, name := range filesOf(step) {
		if name != Own {
			c.checkFile(n, name)
		}
	}
}

func (c *Canary) checkFile(n *yaml.Node, name string) {
	if filepath.Base(name) != name {
		c.reader.add(n, "%s is to lie beside %s: name it without a folder", name, filepath.Base(c.file))
		return
	}
	if info, err := os.Stat(filepath.Join(c.Dir(), name)); err == nil && !info.IsDir() {
		return
	}
	there := []string{Own}
	found, _ := os.ReadDir(c.Dir())
	for _, e := range found {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && e.Name() != filepath.Base(c.file) &&
			(ext == ".yaml" || ext == ".yml" || ext == ".json") {
			there = append(there, e.Name())
		}
	}
	c.reader.add(n, "there is no file %s beside %s%s (there are: %s)", name, filepath.Base(c.file),
		manifest.Hint(name, there), strings.Join(there, ", "))
}

// CheckVersions finds the names of versions that are no workload's.
func (c *Canary) CheckVersions(workloads []string) error {
	r := &reader{file: c.file}
	named := func(n *yaml.Node, version string) {
		if version != "" && !slices.Contains(workloads, version) {
			r.add(n, "no workload of the manifests is called %q%s: a version is a workload here (there are: %s)",
				version, manifest.Hint(version, workloads), strings.Join(workloads, ", "))
		}
	}
	named(follow(c.reader.root, []string{"canary"}), c.Canary)
	for _, m := range c.reader.marks {
		if e, ok := m.thing.(expect.Expectation); ok {
			named(m.node, expect.Version(e))
		}
	}
	if len(r.problems) == 0 {
		return nil
	}
	sortByPlace(r.problems)
	return Problems(r.problems)
}

// Wrong says of a cohort that it can't be sent.
func (c *Canary) Wrong(cohort int, why string) error {
	n := follow(c.reader.root, []string{"cohorts", fmt.Sprint(cohort), "url"})
	return Problems{{File: c.file, Line: n.Line, Column: n.Column, Text: why}}
}

// Where takes the error of a scenario's Validate apart, and says of each part where it is. The scenario's first phase
// has the manifests as they are written, and then come the phases here.
func (c *Canary) Where(scenario string, err error) error {
	var all Problems
	for _, part := range manifest.Parts(err) {
		node, text := c.reader.root, strings.TrimPrefix(part.Error(), "scenario "+scenario+": ")
		var phase *harness.PhaseError
		if errors.As(part, &phase) {
			text = phase.Text()
			node = c.inPhase(phase)
		}
		all = append(all, manifest.Problem{File: c.file, Line: node.Line, Column: node.Column, Text: text})
	}
	return all
}

// inPhase is where a phase of the scenario is, or the thing in it whose text the error begins with.
func (c *Canary) inPhase(e *harness.PhaseError) *yaml.Node {
	if e.Number > 1 {
		moved := *e
		moved.Number--
		return c.reader.inPhase(&moved)
	}
	for _, m := range c.reader.marks {
		if m.phase < 0 && strings.Contains(e.Err.Error(), m.text) {
			return m.node
		}
	}
	return follow(c.reader.root, []string{"expect"})
}
