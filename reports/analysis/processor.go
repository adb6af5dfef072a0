package analysis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

const (
	// told is the part of a machine's processors from which a program is named, and foreign the part from which one
	// that is no part of the lab, or the hypervisor, is told to be the reason.
	told, foreign = 0.02, 0.05
	// namedPrograms is how many programs a sentence names.
	namedPrograms = 6
)

// labPrograms are those of the lab, of its cluster and of what it deploys, by the names of their processes. The kernel
// keeps 15 letters of those.
var labPrograms = []string{
	"canarylab", "envoy", "pilot-agent", "istiod", "loadgen", "sampleapp", "accesslog", "prometheus", "kubelet", "etcd",
	"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubernetes", "coredns",
	"containerd", "containerd-shim", "runc", "runc:[2:INIT]", "pause", "noded", "dockerd", "docker-proxy", "conmon",
	"systemd", "harness.test", "realmesh.test", "scenarios.test",
}

// ProcessorInWords says who used the processors of the lab's machine.
func ProcessorInWords(p trace.Processor) string {
	var parts []string
	rest := p.Other
	if part := p.Part(p.Stolen); part >= told {
		parts = append(parts, "the hypervisor, for other machines, "+percentOf(part))
	}
	for _, q := range p.Programs {
		if part := p.Part(q.CPU); part >= told && len(parts) < namedPrograms {
			parts = append(parts, q.Name+" "+percentOf(part))
		} else {
			rest += q.CPU
		}
	}
	if part := p.Part(rest); part >= told {
		parts = append(parts, "others "+percentOf(part))
	}
	return fmt.Sprintf("the machine's %s %s busy%s", format.Plural(p.Cores, "processor was", "processors were"),
		percentOf(p.Busy()), format.When(len(parts) > 0, " ("+strings.Join(parts, ", ")+")"))
}

func percentOf(part float64) string { return fmt.Sprintf("%.0f %%", 100*part) }

// Elsewhere tells that the load came from another machine than canarylab's.
func (b Accounting) Elsewhere() bool { return b.Generator.ClockError > 0 }

// Advice says, for a basis that was shaken, who used the processors while it was, where that is known, and what to do.
func (b Accounting) Advice(basis Basis) string {
	p := b.Processor
	if basis == OneClock {
		return basis.Remedy()
	}
	if b.Elsewhere() {
		return "the load was sent from another machine, which canarylab can't see: look there for what took its " +
			"processors, or play it at a lower rate (--rate)"
	}
	if p == nil || p.Took <= 0 {
		return basis.Remedy()
	}
	var others []string
	for _, q := range p.Programs {
		if p.Part(q.CPU) >= foreign && !slices.Contains(labPrograms, q.Name) {
			others = append(others, q.Name)
		}
	}
	remedy := "play it at a lower rate (--rate), or on a machine with more processors"
	switch {
	case len(others) > 0:
		remedy = "close " + strings.Join(others, " and ") + ", or play it at a lower rate (--rate)"
	case p.Part(p.Stolen) >= foreign:
		remedy = "play it when the machine's neighbours are quiet, or at a lower rate (--rate)"
	}
	return fmt.Sprintf("in the %s in which requests were late, %s; %s", format.Short(p.Took), ProcessorInWords(*p),
		remedy)
}
