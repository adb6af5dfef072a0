package html

import (
	"fmt"
	"strings"
	"time"

	"github.com/canarylab/canarylab/internal/kebab"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
)

func (p *page) environment() {
	r, s := p.Report, p.Report.Setup
	add := func(name, value string) {
		if value != "" {
			p.Facts = append(p.Facts, fact{name, value})
		}
	}
	add("Run", r.Run)
	if !r.Started.IsZero() {
		add("Started", r.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if r.Took > 0 {
		add("Took", format.Short(r.Took))
	}
	if s.Cluster != "" {
		add("Cluster", fmt.Sprintf(
			"%s (%s)", s.Cluster, format.Join(", ", s.Provider, s.Why, format.When(s.Reused, "was running already")),
		))
	}
	add("Kubernetes", s.Kubernetes)
	add("Istio", s.Istio)
	add("Envoy", s.Envoy)
	add("canarylab", s.Canarylab)
	var machine []string
	if s.CPUs > 0 {
		machine = append(machine, format.Plural(s.CPUs, "CPU", "CPUs"))
	}
	if s.Memory > 0 {
		machine = append(machine, fmt.Sprintf("%.1f GiB", float64(s.Memory)/(1<<30)))
	}
	if s.Kernel != "" {
		machine = append(machine, "kernel "+s.Kernel)
	}
	add("Machine", strings.Join(machine, ", "))
	add("Load", reports.LoadInWords(s.Load))
	if len(r.BringUp) > 0 {
		var end time.Duration
		for _, step := range r.BringUp {
			end = max(end, step.Start+step.Took)
		}
		add("Bring-up", fmt.Sprintf("%s, in %s", format.Short(end), format.Plural(len(r.BringUp), "step", "steps")))
	}
	add("About the cluster", strings.Join(s.About, " "))
	p.Commands = commands(r)
}

// commands play the same again.
func commands(r *reports.Report) []string {
	if !kebab.Is(r.Scenario) {
		return nil
	}
	cluster, pods := "", ""
	if kebab.Is(r.Setup.Provider) {
		cluster = " --cluster " + r.Setup.Provider
	}
	if n := r.Setup.Load.Agents; n > 1 {
		pods = fmt.Sprintf(" --load-pods %d", n)
	}
	all := []string{"canarylab scenario run " + r.Scenario + cluster + pods}
	if pods == "" && kebab.Is(r.Setup.Provider) {
		all = append(all, "make scenario NAME="+r.Scenario+" CLUSTER="+r.Setup.Provider)
	}
	return all
}
