package trace

import (
	"testing"
	"time"
)

func TestProcessorAddsUp(t *testing.T) {
	const s = time.Second
	first := Processor{Took: 2 * s, Cores: 2, Programs: []Program{{"envoy", s}, {"etcd", s / 2}}, Other: s / 2}
	p := first
	p.Add(Processor{Took: 2 * s, Cores: 2, Programs: []Program{{"etcd", s}, {"chrome", s / 4}}, Stolen: s})
	if p.Took != 4*s || p.Stolen != s || p.Other != s/2 || len(p.Programs) != 3 ||
		p.Programs[0] != (Program{"etcd", 3 * s / 2}) {
		t.Errorf("got %+v, want the sum, most first", p)
	}
	if first.Programs[0] != (Program{"envoy", s}) || first.Programs[1].CPU != s/2 {
		t.Errorf("what was added to was changed: %+v", first)
	}
	if got, want := p.Busy(), 4.25/8; got != want {
		t.Errorf("got %g busy, want %g", got, want)
	}
	p.Top(1)
	if len(p.Programs) != 1 || p.Other != 7*s/4 || p.Busy() != 4.25/8 {
		t.Errorf("got %+v, want the others together", p)
	}
	p.Top(5)
	if len(p.Programs) != 1 {
		t.Errorf("got %+v, want it as it was", p)
	}
}
