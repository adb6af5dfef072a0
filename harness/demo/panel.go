package demo

import (
	"bytes"
	"context"
	_ "embed" // the panels' files
	"encoding/json"
	"fmt"
	"html/template"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/reports/page"
	"github.com/canarylab/canarylab/sampleapp"
)

//go:embed panel.tmpl
var markup string

//go:embed panel.js
var script string

//go:embed panel.css
var style string

var templates = template.Must(template.New("panels").Parse(markup))

// The panels' names.
const (
	controls = "demo"
	steps    = "demo-steps"
	byHand   = "demo-by-hand"
	notes    = "demo-notes"
)

// Published are the panels that a View is for: page.Server.Publish is called with each.
func Published() []string { return []string{controls, steps, byHand} }

// Panels are a presenter's, for a page.
func (p *Presenter) Panels() ([]page.Panel, error) {
	_, weighs := p.story.Weigh(0)
	_, stays := p.story.SendAt(1)
	data := struct {
		harness.Scenario
		Weighs bool
		Rate   int
		Stays  error
	}{p.story, weighs, p.story.Rate(), stays}
	all := []page.Panel{
		{Name: controls, Style: style, Script: script},
		{Name: steps, Title: "Steps", Script: script},
	}
	all = append(all,
		page.Panel{Name: byHand, Title: "By hand", Script: script},
		page.Panel{Name: notes, Title: "For the speaker"},
	)
	for i := range all {
		var b bytes.Buffer
		if err := templates.ExecuteTemplate(&b, all[i].Name, data); err != nil {
			return nil, fmt.Errorf("make the panel %s: %w", all[i].Name, err)
		}
		all[i].HTML = template.HTML(b.String()) // html/template made it
	}
	return all, nil
}

// Commands are what the panels' buttons do, for a page.
func (p *Presenter) Commands() map[string]page.Command {
	return map[string]page.Command{
		"next":       func(context.Context, json.RawMessage) (any, error) { return nil, p.Step(1) },
		"back":       func(context.Context, json.RawMessage) (any, error) { return nil, p.Step(-1) },
		"reset":      func(context.Context, json.RawMessage) (any, error) { return nil, p.Reset() },
		"finish":     func(context.Context, json.RawMessage) (any, error) { return nil, p.Finish() },
		"auto":       with(func(on bool) (any, error) { p.Auto(on); return nil, nil }),
		"rate":       with(func(rate int) (any, error) { return nil, p.Rate(rate) }),
		"weigh":      with(func(percent int) (any, error) { return nil, p.Weigh(percent) }),
		"faults":     with(func(f sampleapp.Faults) (any, error) { return nil, p.Faults(f) }),
		"typed-rate": with(func(rate int) (any, error) { return p.typed(p.story.SendAt(rate)) }),
		"typed-weigh": with(func(percent int) (any, error) {
			step, err := p.weigh(percent)
			return p.typed(step, err)
		}),
		"typed-faults": with(func(f sampleapp.Faults) (any, error) {
			step, err := p.inject(f)
			return p.typed(step, err)
		}),
	}
}

// typed returns the lines to type for a step.
func (p *Presenter) typed(step harness.Step, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	t, err := p.story.Typed(step)
	return t.Lines, err
}

// with reads a command's argument.
func with[T any](do func(T) (any, error)) page.Command {
	return func(_ context.Context, arg json.RawMessage) (any, error) {
		var value *T // null is no argument
		if err := json.Unmarshal(arg, &value); err != nil || value == nil {
			return nil, fmt.Errorf("the button sent %.50s, which this can't be done with", arg)
		}
		return do(*value)
	}
}
