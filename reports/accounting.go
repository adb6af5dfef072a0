package reports

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

// AccountingHead names the columns of AccountingRows.
func AccountingHead() []string {
	return []string{"sent in", "caller", "failed", "routed", "served", "app", "answered", "unexplained"}
}

// AccountingRows are the parties' counts for a table: a row for each phase, and their sum. FailedInWords explains the
// column of failed requests.
func AccountingRows(report *Report) (rows [][]string) {
	a := report.Accounting
	if len(a.Rows) == 0 {
		return nil
	}
	failed := make([]string, len(a.Rows)+1)
	failed[len(a.Rows)] = format.Number(Summarize(report).Burned)
	for i, r := range a.Rows {
		failed[i] = format.When(r.Phase == "", format.Number(a.OutsideFailed))
		for _, p := range report.Phases {
			if p.Name == r.Phase {
				failed[i] = p.Failed().String()
			}
		}
	}
	for i, r := range append(slices.Clone(a.Rows), a.Sum()) {
		rows = append(rows, []string{
			cmp.Or(r.Phase, "(between)"), format.Number(r.Sent), failed[i],
			format.Join(" + ", format.Number(r.Routed), format.When(r.Exempt > 0, format.Number(r.Exempt)+" plain"),
				format.When(r.Unsent > 0, format.Number(r.Unsent)+" unsent")),
			format.Join(" + ", format.Number(r.Served), format.When(r.Bare > 0, format.Number(r.Bare)+" bare")),
			format.Number(r.App), format.Number(r.Answered), format.Number(r.Unexplained),
		})
	}
	return rows
}

// AppsInWords says of each version what callers got from it and what its own counter says, and how many
// requests got no answer from an app.
func AppsInWords(a analysis.Accounting) (all []string) {
	versions := slices.AppendSeq(slices.Collect(maps.Keys(a.Answered)), maps.Keys(a.Received))
	slices.SortFunc(versions, analysis.CompareVersions)
	for _, version := range slices.Compact(versions) {
		counter := "was never read"
		if n, ok := a.Received[version]; ok {
			counter = "says " + format.Number(int(min(n, math.MaxInt64)))
		}
		all = append(all, fmt.Sprintf("%s answered %s, its own counter %s", analysis.Answerer(version),
			format.Number(a.Answered[version]), counter))
	}
	if a.Aborted > 0 {
		all = append(all, format.Number(a.Aborted)+" reached an app and got no answer")
	}
	return all
}

// PaceInWords says how well a cohort's plan was kept.
func PaceInWords(p analysis.Pace) string {
	return fmt.Sprintf("%s: %.1f of %.1f requests a second (limit %g %%); sent late by %s at p99 (limit %s), %s at "+
		"most", p.Cohort, p.Achieved, p.Planned, 100*analysis.MaxRateError, format.Short(p.LagP99),
		format.Short(analysis.MaxLagP99), format.Short(p.LagMax))
}

// GeneratorInWords says how the load agents fared, in a sentence each. There is none where nothing is known of them.
func GeneratorInWords(g analysis.Generator) (all []string) {
	if !g.Known {
		return nil
	}
	agent := "load agent"
	if g.Agents > 1 {
		agent = "the busiest of " + format.Plural(g.Agents, "load agent", "load agents")
	}
	all = append(all, fmt.Sprintf("%s: %.0f %% of its processors (limit %.0f %%), its threads waited %.1f %% of the "+
		"time for one; longest standstill %s; clock moved %s (limit %s)", agent, 100*g.CPU, 100*analysis.MaxCPU,
		100*g.RunDelay, format.Short(g.Stall), format.Short(g.ClockStep), format.Short(analysis.MaxClockStep)))
	if g.RealTime && g.Woken > 0 {
		all = append(all, fmt.Sprintf("it ran before all ordinary programs; one beside it waited for a processor for "+
			"more than %s in %.2f %% of %s cases (limit %g %%)", format.Short(loadgen.MaxWait), 100*g.Waited(),
			format.Number(g.Woken), 100*analysis.MaxWaits))
	}
	if g.ClockError > 0 {
		all = append(all, fmt.Sprintf("they ran on other machines than the lab: their clocks were measured to within "+
			"%s, by which brackets are wider", format.Short(g.ClockError)))
	}
	return all
}

// StallInWords says when the load agents stood still for longer than is usual, empty where they did not.
func StallInWords(g analysis.Generator) string {
	if g.Stalls == 0 {
		return ""
	}
	return fmt.Sprintf("the load agent stood still %s for more than %s, the longest until %s: requests of that time "+
		"were sent late", format.Plural(g.Stalls, "time", "times"), format.Short(analysis.MaxStall), clock(g.StallAt))
}

// TroubleInWords is something that happened to the lab, with its time.
func TroubleInWords(e trace.Event) string {
	return format.Join(" ", clock(e.At), format.When(e.Phase != "", "in phase "+e.Phase+":"),
		format.When(e.Proxy != "", e.Proxy+" rejected a configuration:"), e.Text)
}

// clock is a time of the day.
func clock(at time.Time) string { return at.UTC().Format("15:04:05.000") }
