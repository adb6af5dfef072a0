package demo

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/sampleapp"
)

// A View is all that a presenter's panels show.
type View struct {
	// Playing is what the phase that is played is called, empty between two phases. Step is its number, counted from 1.
	Playing string `json:"playing"`
	Step    int    `json:"step"`
	// Ready tells that the phase has what its claims take; Waits that the next one comes as soon as that is so; Auto
	// that the run goes on by itself; Over that it ends.
	Ready bool `json:"ready"`
	Waits bool `json:"waits"`
	Auto  bool `json:"auto"`
	Over  bool `json:"over"`
	ways
	// Steps are the scenario's.
	Steps []StepView `json:"steps"`
	// Weight is the share in percent that the canary's subset has. Faults are those that were injected by hand.
	Weight int              `json:"weight"`
	Faults sampleapp.Faults `json:"faults"`
	// Rate is how many requests a second are sent, and Most how many the machine was found to carry; 0 before the load.
	Rate int `json:"rate"`
	Most int `json:"most"`
	// Shell is what to type before the lines of others.
	Shell string `json:"shell"`
}

// ways are what the buttons stand for, nil for those that lead nowhere.
type ways struct {
	Next  *Way `json:"next"`
	Back  *Way `json:"back"`
	Reset *Way `json:"reset"`
}

// A Way is where a button leads, and what to type in its place.
type Way struct {
	Name  string   `json:"name"`
	Lines []string `json:"lines"`
}

// A StepView is a phase of the scenario.
type StepView struct {
	Name string `json:"name"`
	// Mark is "breaks", "fixes", "rollback" or empty.
	Mark string `json:"mark"`
	Now  bool   `json:"now"`
}

// view is what there is to be seen. The caller holds the lock.
func (p *Presenter) view() View {
	v := View{
		Ready: p.ready, Waits: p.wish != nil && !p.ready && !p.urgent, Auto: p.auto, Over: p.over,
		Faults: p.faults, Shell: p.shell(), Rate: p.rate, Most: p.most,
	}
	if v.Weight, _ = p.story.Weight(p.at); p.weight != nil {
		v.Weight = *p.weight
	}
	if p.playing {
		v.Playing, v.Step = p.name, p.at+1
	}
	for i, phase := range p.story.Phases {
		v.Steps = append(v.Steps, StepView{Name: phase.Name, Mark: mark(phase), Now: p.playing && i == p.at})
	}
	if !p.over && p.playing {
		v.ways = p.ways()
	}
	return v
}

// ways are where the buttons lead from here. To work them out takes a while, and the load is under way beside it.
func (p *Presenter) ways() ways {
	here := place{p.at, len(p.tried)}
	if p.known.place == here && p.known.Reset != nil {
		return p.known.ways
	}
	var w ways
	if next := p.at + 1; next < len(p.story.Phases) {
		phase := p.story.Phases[next]
		w.Next = p.way(phase.Name, func() (harness.Typed, error) { return p.story.Typed(phase.Do) })
	}
	w.Reset = p.back(0)
	if p.at > 0 {
		w.Back = p.back(p.at - 1)
	}
	p.known = known{here, w}
	return w
}

// known are the ways from a place: after a phase, and after so many tries.
type known struct {
	place
	ways
}

type place struct{ at, tried int }

// back is the way to what there was after a phase.
func (p *Presenter) back(to int) *Way {
	played := append(append([]harness.Phase{}, p.story.Phases[:p.at+1]...), p.tried...)
	return p.way(p.story.Phases[to].Name, func() (harness.Typed, error) { return p.story.TypedBack(played, to) })
}

// way has the lines to type. One that can't be typed has none.
func (p *Presenter) way(name string, typed func() (harness.Typed, error)) *Way {
	t, err := typed()
	if err == nil {
		err = p.keep(t.Files)
	}
	if err != nil {
		return &Way{Name: name}
	}
	return &Way{Name: name, Lines: t.Lines}
}

func mark(p harness.Phase) string {
	switch {
	case p.Breaks:
		return "breaks"
	case p.Fixes:
		return "fixes"
	case p.Rollback:
		return "rollback"
	}
	return ""
}
