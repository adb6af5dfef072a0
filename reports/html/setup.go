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
	add("Started", format.When(!r.Started.IsZero(), r.Started.UTC().Format("2006-01-02 15:04:05 UTC")))
	add("Took", format.When(r.Took > 0, format.Short(r.Took)))
	how := format.Join(", ", s.Provider, s.Why, format.When(s.Reused, "was running already"))
	add("Cluster", format.When(s.Cluster != "", fmt.Sprintf("%s (%s)", s.Cluster, how)))
	add("Kubernetes", s.Kubernetes)
	add("Istio", s.Istio)
	add("Envoy", s.Envoy)
	add("canarylab", s.Canarylab)
	cpus := format.When(s.CPUs > 0, format.Plural(s.CPUs, "CPU", "CPUs"))
	memory := format.When(s.Memory > 0, fmt.Sprintf("%.1f GiB", float64(s.Memory)/(1<<30)))
	add("Machine", format.Join(", ", cpus, memory, format.Named("kernel", s.Kernel)))
	add("Load", reports.LoadInWords(s.Load))
	add("Rate", reports.RateInWords(r))
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
	known, agents := kebab.Is(r.Setup.Provider), r.Setup.Load.Agents
	all := []string{"canarylab scenario run " + reports.StoryArg(r) +
		format.When(known, " --cluster "+r.Setup.Provider) +
		format.When(agents > 1, fmt.Sprintf(" --load-pods %d", agents)) + reports.RateFlag(r) + reports.APIFlag(r)}
	if known && agents <= 1 && reports.RateFlag(r)+reports.APIFlag(r) == "" && !r.Setup.FromFolder {
		all = append(all, "make scenario NAME="+r.Scenario+" CLUSTER="+r.Setup.Provider)
	}
	return all
}
