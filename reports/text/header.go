package text

import (
	"fmt"
	"strings"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
)

func (p *page) header(r *reports.Report) {
	p.Line("%s  %s", p.Paint(terminal.Bold, r.Scenario), p.badge(r.Outcome))
	p.Para("", "", r.Title)
	p.Line("")
	p.Para("", terminal.Dim, r.Story)
	if r.Story != "" {
		p.Line("")
	}
	s := r.Setup
	started := format.When(!r.Started.IsZero(), r.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	p.field("run", format.Join(" · ", r.Run, started, format.When(r.Took > 0, "took "+format.Short(r.Took))))
	about := format.Join(", ", s.Provider, s.Why, format.When(s.Reused, "was running already"))
	p.field("cluster", format.When(s.Cluster != "", fmt.Sprintf("%s (%s)", s.Cluster, about)))
	p.field("versions", format.Join(" · ", format.Named("Kubernetes", s.Kubernetes), format.Named("Istio", s.Istio),
		format.Named("Envoy", s.Envoy), format.Named("canarylab", s.Canarylab)))
	p.field("machine", format.Join(" · ", format.Named("kernel", s.Kernel),
		format.When(s.CPUs > 0, fmt.Sprintf("%d CPUs", s.CPUs)),
		format.When(s.Memory > 0, fmt.Sprintf("%.1f GiB", float64(s.Memory)/(1<<30)))))
	p.field("load", reports.LoadInWords(s.Load))
	p.field("rate", reports.RateInWords(r))
	if r.Broken != "" {
		p.Line("")
		p.Para("! broken  ", terminal.Red, r.Broken)
	}
}

// field prints one named line of the header.
func (p *page) field(name, text string) { p.Para(fmt.Sprintf("%-10s", name), "", text) }

// bringUp draws the steps on a time line.
func (p *page) bringUp(steps []reports.Step) {
	if len(steps) == 0 {
		return
	}
	var total time.Duration
	name := 0
	for _, s := range steps {
		total, name = max(total, s.Start+s.Took), max(name, terminal.Cells(s.Name))
	}
	p.Section("bring-up, " + format.Short(total))
	// The line has an indent of 3, the name, two durations of at most 7, and 2 between each of the four.
	columns := min(max(p.Width-3-name-2*7-3*2, 4), 48)
	at := func(d time.Duration) int { return int(int64(d) * int64(columns) / max(int64(total), 1)) }
	t := &terminal.Table{Left: 1}
	for _, s := range steps {
		from := min(at(s.Start), columns-1)
		long := max(at(s.Start+s.Took)-from, 1)
		bar := strings.Repeat(" ", from) + strings.Repeat("━", long) + strings.Repeat(" ", columns-from-long)
		t.Row(s.Name, format.Short(s.Start), format.Short(s.Took), bar)
	}
	p.Table(t)
}
