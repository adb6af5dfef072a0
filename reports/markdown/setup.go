package markdown

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/canarylab/canarylab/internal/kebab"

	"github.com/canarylab/canarylab/reports"
)

func setup(b *strings.Builder, r *reports.Report) {
	fold(b, "Setup", func(b *strings.Builder) {
		var rows [][]string
		add := func(name, value string) {
			if value != "" {
				rows = append(rows, []string{name, cell(value)})
			}
		}
		s := r.Setup
		if !r.Started.IsZero() {
			add("started", r.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
		}
		add("cluster", s.Cluster)
		add("provider", s.Provider)
		add("because", s.Why)
		add("Kubernetes", s.Kubernetes)
		add("Istio", s.Istio)
		add("Envoy", s.Envoy)
		add("canarylab", s.Canarylab)
		add("kernel", s.Kernel)
		if s.CPUs > 0 {
			add("CPUs", fmt.Sprint(s.CPUs))
		}
		if s.Memory > 0 {
			add("memory", fmt.Sprintf("%.1f GiB", float64(s.Memory)/(1<<30)))
		}
		add("load", reports.LoadInWords(s.Load))
		table(b, []string{"", ""}, rows)
		for _, about := range s.About {
			b.WriteString("\n" + para(about) + "\n")
		}
		var names []string
		for _, f := range r.Files {
			names = append(names, code(filepath.ToSlash(f.Path), false))
		}
		if len(names) > 0 {
			b.WriteString("\nIn the run's folder: " + strings.Join(names, ", ") + "\n")
		}
		// It is to be copied into a shell: nothing but a name may be in it.
		if kebab.Is(r.Scenario) {
			b.WriteString("\nAgain: " + code("canarylab scenario run "+r.Scenario, false) + "\n")
		}
	})
}
