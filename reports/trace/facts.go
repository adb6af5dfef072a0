package trace

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// The bounds of what a trace says beside requests, of which all is kept in memory. A run of hours has some thousand.
const (
	maxFacts = 100_000
	maxPods  = 2_000
	// maxText is for all texts and data of events together, in bytes.
	maxText = 8 << 20
	// maxHealth bounds what the agents say of themselves, which each does once a second, at three entries to the mesh.
	// It is not kept, but each reader goes through it.
	maxHealth = 3 * loadgen.MaxAgents * int(loadgen.MaxDuration/time.Second)
)

// Facts reads what a trace says beside requests, without the agents' health. It refuses more than a run can have: a
// trace may come from anywhere.
func Facts(src Source) (t *Trace, truncated bool, err error) {
	t = &Trace{}
	facts, text, health := 0, 0, 0
	truncated, err = src.Lines(true, func(l *Line) error {
		switch {
		case l.Health != nil:
			// Whoever sums them up takes them one by one.
			if health++; health > maxHealth {
				return fmt.Errorf("its agents tell of more than %d seconds", maxHealth)
			}
			return nil
		case l.Event != nil:
			text += len(l.Event.Text) + len(l.Event.Data) + len(l.Event.Phase) + len(l.Event.Proxy)
			if p := l.Event.Processor; p != nil {
				for _, program := range p.Programs {
					text += len(program.Name) + 50
				}
			}
			for version := range l.Event.Counters {
				text += len(version) + 50
			}
		case l.Pod != nil:
			text += len(l.Pod.Name)
			for _, in := range l.Pod.Instances {
				text += len(in.Name) + 200
			}
		}
		facts++
		switch {
		case facts > maxFacts:
			return fmt.Errorf("it has more than %d lines that are no requests", maxFacts)
		case text > maxText:
			return fmt.Errorf("its events have more than %d MB of text", maxText>>20)
		case len(t.Pods) > maxPods:
			return fmt.Errorf("it has more than %d pods", maxPods)
		}
		return t.Add(l)
	})
	if err != nil {
		return nil, truncated, err
	}
	return t, truncated, nil
}
