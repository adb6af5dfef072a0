package markdown

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/canarylab/canarylab/internal/kebab"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
)

func setup(b *strings.Builder, r *reports.Report) {
	fold(b, "Setup", func(b *strings.Builder) {
		var rows [][]string
		s := r.Setup
		for _, f := range [][2]string{
			{"started", format.When(!r.Started.IsZero(), r.Started.UTC().Format("2006-01-02 15:04:05 UTC"))},
			{"cluster", s.Cluster}, {"provider", s.Provider}, {"because", s.Why}, {"Kubernetes", s.Kubernetes},
			{"Istio", s.Istio}, {"Envoy", s.Envoy}, {"canarylab", s.Canarylab}, {"kernel", s.Kernel},
			{"CPUs", format.When(s.CPUs > 0, fmt.Sprint(s.CPUs))},
			{"memory", format.When(s.Memory > 0, fmt.Sprintf("%.1f GiB", float64(s.Memory)/(1<<30)))},
			{"load", reports.LoadInWords(s.Load)}, {"rate", reports.RateInWords(r)},
		} {
			if f[1] != "" {
				rows = append(rows, []string{f[0], cell(f[1])})
			}
		}
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
			again := "canarylab scenario run " + reports.StoryArg(r) + reports.RateFlag(r) + reports.APIFlag(r)
			b.WriteString("\nAgain: " + code(again, false) + "\n")
		}
	})
}
