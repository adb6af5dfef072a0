package trace

import (
	"cmp"
	"slices"
	"time"
)

// A Processor says who used the processors of the machine that canarylab runs on, over some time.
type Processor struct {
	// Took is how long that was, Cores how many processors the machine has.
	Took  time.Duration `json:"tookNs"`
	Cores int           `json:"cores"`
	// Programs are those that used most, most first. Other is what all others used, those among them that had ended
	// before anybody looked at them, and the kernel for itself. Stolen is what the hypervisor gave to other machines.
	Programs []Program     `json:"programs,omitempty"`
	Other    time.Duration `json:"otherNs,omitempty"`
	Stolen   time.Duration `json:"stolenNs,omitempty"`
}

// A Program is all processes of one name.
type Program struct {
	Name string `json:"name"`
	// CPU is processor time, user and system together.
	CPU time.Duration `json:"cpuNs"`
}

// Add adds what was used in some more time.
func (p *Processor) Add(more Processor) {
	p.Took, p.Cores = p.Took+more.Took, max(p.Cores, more.Cores)
	p.Other, p.Stolen = p.Other+more.Other, p.Stolen+more.Stolen
	p.Programs = slices.Clone(p.Programs)
	for _, q := range more.Programs {
		if i := slices.IndexFunc(p.Programs, func(have Program) bool { return have.Name == q.Name }); i >= 0 {
			p.Programs[i].CPU += q.CPU
		} else {
			p.Programs = append(p.Programs, q)
		}
	}
	slices.SortFunc(p.Programs, func(a, b Program) int {
		return cmp.Or(cmp.Compare(b.CPU, a.CPU), cmp.Compare(a.Name, b.Name))
	})
}

// Top leaves the n programs that used most. What the others used goes to Other.
func (p *Processor) Top(n int) {
	for _, rest := range p.Programs[min(n, len(p.Programs)):] {
		p.Other += rest.CPU
	}
	p.Programs = p.Programs[:min(n, len(p.Programs)):min(n, len(p.Programs))]
}

// Part is a processor time as a fraction of all that there was, 0 where that is not known.
func (p *Processor) Part(d time.Duration) float64 {
	if p.Took <= 0 || p.Cores <= 0 {
		return 0
	}
	return d.Seconds() / (p.Took.Seconds() * float64(p.Cores))
}

// Busy is the fraction of all processor time that was used.
func (p *Processor) Busy() float64 {
	sum := p.Other + p.Stolen
	for _, q := range p.Programs {
		sum += q.CPU
	}
	return min(p.Part(sum), 1)
}
