package trace

import (
	"io"
	"slices"
)

// Load reads the trace file at path as a whole. Analyze does not need that.
func Load(path string) (*Trace, error) {
	return load(FileSource(path).Lines)
}

// Read reads the lines of a trace, as they are. A last line that was cut off by a crash is left out and sets Truncated.
func Read(r io.Reader) (*Trace, error) {
	return load(func(facts bool, yield func(*Line) error) (bool, error) { return readLines(r, facts, yield) })
}

func load(lines func(facts bool, yield func(*Line) error) (truncated bool, err error)) (*Trace, error) {
	t := &Trace{}
	truncated, err := lines(false, t.Add)
	if err != nil {
		return nil, err
	}
	t.Truncated = truncated
	return t, nil
}

// Add puts a line where it belongs.
func (t *Trace) Add(l *Line) error {
	switch {
	case l.Event != nil:
		t.Events = append(t.Events, *l.Event)
	case l.Sample != nil:
		t.Samples = append(t.Samples, *l.Sample)
	case l.Log != nil:
		t.Log = append(t.Log, *l.Log)
	case l.Health != nil:
		t.Health = append(t.Health, *l.Health)
	case l.Agent != nil:
		t.Agents = append(t.Agents, *l.Agent)
	case l.Pod != nil:
		i := slices.IndexFunc(t.Pods, func(p Pod) bool { return p.Name == l.Pod.Name })
		if i < 0 {
			i, t.Pods = len(t.Pods), append(t.Pods, Pod{})
		}
		t.Pods[i] = *l.Pod
	}
	return nil
}

// Lines implements Source: facts first, then samples and log entries.
func (t *Trace) Lines(facts bool, yield func(*Line) error) (truncated bool, err error) {
	each := func(n int, line func(i int) *Line) {
		for i := 0; i < n && err == nil; i++ {
			err = yield(line(i))
		}
	}
	each(len(t.Events), func(i int) *Line { return &Line{Event: &t.Events[i]} })
	each(len(t.Pods), func(i int) *Line { return &Line{Pod: &t.Pods[i]} })
	each(len(t.Agents), func(i int) *Line { return &Line{Agent: &t.Agents[i]} })
	each(len(t.Health), func(i int) *Line { return &Line{Health: &t.Health[i]} })
	if !facts {
		each(len(t.Samples), func(i int) *Line { return &Line{Sample: &t.Samples[i]} })
		each(len(t.Log), func(i int) *Line { return &Line{Log: &t.Log[i]} })
	}
	return t.Truncated, err
}
