package story

import (
	"errors"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/manifest"
)

// Where takes the error of a Check of a story apart, and says of each part where it is: in its story.yaml or in a
// manifest. ok is false for a scenario that was not read from a folder.
func Where(s harness.Scenario, err error) (lines []string, ok bool) {
	f, ok := s.Files.(*folder)
	if !ok {
		return nil, false
	}
	var all []manifest.Problem
	for _, part := range manifest.Parts(err) {
		all = append(all, f.place(part))
	}
	return Problems(all).Lines(), true
}

// place says where a problem is.
func (f *folder) place(err error) manifest.Problem {
	var problem manifest.Problem
	if errors.As(err, &problem) {
		problem.File = filepath.Join(f.dir, filepath.Base(problem.File))
		return problem
	}
	var phase *harness.PhaseError
	var node *yaml.Node
	var text string
	if errors.As(err, &phase) {
		node, text = f.reader.inPhase(phase), phase.Text()
	} else {
		text = strings.TrimPrefix(err.Error(), "scenario "+f.name+": ")
		node = f.reader.about(text)
	}
	return manifest.Problem{File: filepath.Join(f.dir, File), Line: node.Line, Column: node.Column, Text: text}
}

// inPhase is where a phase is, or the thing in it whose text the error begins with.
func (r *reader) inPhase(e *harness.PhaseError) *yaml.Node {
	if e.Number < 1 || e.Number > len(r.phases) {
		return r.root
	}
	text := e.Err.Error()
	for _, m := range r.marks {
		if m.phase != e.Number-1 {
			continue
		}
		if strings.HasPrefix(text, m.text+":") || strings.HasPrefix(text, strconv.Quote(m.text)) {
			return m.node
		}
	}
	return r.phases[e.Number-1]
}

// abouts are words by which errors about a whole scenario begin, and the keys that they are about.
var abouts = []struct {
	words *regexp.Regexp
	keys  []string
}{
	{regexp.MustCompile(`^no title`), []string{"title"}},
	{regexp.MustCompile(`^a cause needs`), []string{"cause"}},
	{regexp.MustCompile(`^the label `), []string{"labels"}},
	{regexp.MustCompile(`^its lowest rate`), []string{"lowestRate"}},
	{regexp.MustCompile(`^the canary's cohort`), []string{"canaryCohort"}},
	{regexp.MustCompile(`^the canary: `), []string{"canary"}},
	{regexp.MustCompile(`^plan: `), []string{"load"}},
	{regexp.MustCompile(`^the load goes`), []string{"load", "url"}},
}

// inPlan finds the parts of a place in a plan, such as cohorts[1].rate.
var inPlan = regexp.MustCompile(`[a-zA-Z]+|\d+`)

// about is where the key is that an error about the whole scenario is about.
func (r *reader) about(text string) *yaml.Node {
	for _, a := range abouts {
		if !a.words.MatchString(text) {
			continue
		}
		keys := a.keys
		if field, ok := strings.CutPrefix(text, "plan: "); ok {
			field, _, _ = strings.Cut(field, ":")
			keys = append(keys[:1:1], inPlan.FindAllString(field, -1)...)
		}
		return follow(r.root, keys)
	}
	return r.root
}

// follow goes along keys and places in lists, as far as it comes. It returns the last key, or the element of a list.
func follow(root *yaml.Node, keys []string) *yaml.Node {
	at, in := root, resolve(root)
	for _, k := range keys {
		var next, value *yaml.Node
		switch in.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(in.Content); i += 2 {
				if name := in.Content[i].Value; name == k || name+"Ns" == k {
					next, value = in.Content[i], resolve(in.Content[i+1])
				}
			}
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(k); err == nil && i < len(in.Content) {
				next, value = in.Content[i], resolve(in.Content[i])
			}
		}
		if next == nil {
			return at
		}
		at, in = next, value
	}
	return at
}
