// Package text prints reports for a terminal.
package text

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
)

// Options are for Write.
type Options struct {
	// Full prints all that there is to say, however long. Otherwise it is a story of storyLines lines and storyWidth columns.
	Full bool
	// Color marks outcomes with ANSI colors.
	Color bool
	// ASCII prints no character that is not ASCII, for a terminal that knows no UTF-8.
	ASCII bool
	// Width is how wide lines may get, in columns. Zero means 100; less than 72 is taken as 72, which the tables need.
	Width int
	// Dir is the run's folder, and Page the report in it that a browser shows, both as the reader can type them. Problems are what is wrong with the
	// folder (Run.Problems). All may be empty.
	Dir, Page string
	Problems  []string
}

// Write prints a report for a terminal. Whatever texts are in it, nothing but colors, and those only if they are asked for, moves the terminal.
func Write(w io.Writer, r *reports.Report, o Options) error {
	clean := format.PrintableCopy(*r)
	r = &clean
	o.Problems, o.Dir, o.Page = format.PrintableCopy(o.Problems), format.Printable(o.Dir), format.Printable(o.Page)
	p := newPage(o)
	if o.Full {
		p.full(r, o)
	} else {
		p.story(r, o)
	}
	if _, err := w.Write(p.Bytes()); err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	return nil
}

// A page is a report being printed.
type page struct{ *terminal.Page }

func newPage(o Options) *page { return &page{terminal.NewPage(o.Terminal())} }

// Terminal are those of the options that are the terminal's.
func (o Options) Terminal() terminal.Options {
	return terminal.Options{Color: o.Color, ASCII: o.ASCII, Width: o.Width}
}

// full prints everything.
func (p *page) full(r *reports.Report, o Options) {
	p.header(r)
	for _, problem := range o.Problems {
		p.Para("! folder  ", terminal.Yellow, problem)
	}
	folded := 0
	for i, phase := range r.Phases {
		if phase.Repeat && phase.Outcome() == reports.Pass {
			folded++
			continue
		}
		p.phase(i+1, phase, r.Setup.Load)
	}
	if folded > 0 {
		p.Line("")
		p.Para("", terminal.Dim, format.Plural(folded, "phase that repeats another one, and passed, is", "phases that repeat others, and passed, are")+" in report.json only")
	}
	p.costs(r.Phases)
	p.rollbacks(r.Phases)
	p.books(r.Accounting)
	p.bringUp(r.BringUp)
	p.prose("why", format.Join(" ", r.Cause, format.When(r.Source != "", "Source: "+r.Source+".")))
	p.list("see", r.See)
	p.prose("fix", r.Fix)
	p.prose("back", r.Back)
	for _, note := range r.Notes {
		p.prose("note", note)
	}
	p.prose("where", strings.Join(r.Setup.About, " "))
	p.files(r.Files)
}

// signs are what outcomes look like.
var signs = map[reports.Outcome]struct{ mark, color string }{
	reports.Pass:         {"✓", terminal.Green},
	reports.Inconclusive: {"?", terminal.Yellow},
	reports.Invalid:      {"!", terminal.Yellow},
	reports.Fail:         {"✗", terminal.Red},
}

// badge is an outcome with its mark: "✓ pass".
func (p *page) badge(o reports.Outcome) string {
	sign, ok := signs[o]
	if !ok {
		return "not concluded"
	}
	return p.Paint(sign.color+";"+terminal.Bold, sign.mark+" "+string(o))
}

// prose prints a named paragraph at the end of the report.
func (p *page) prose(name, text string) {
	if text == "" {
		return
	}
	p.Line("")
	p.Para(fmt.Sprintf("%-10s", name), "", text)
}

// list prints a named list at the end of the report.
func (p *page) list(name string, items []string) {
	for i, item := range items {
		if i == 0 {
			p.prose(name, item)
			continue
		}
		p.Para(strings.Repeat(" ", 10), "", item)
	}
}

func (p *page) header(r *reports.Report) {
	p.Line("%s  %s", p.Paint(terminal.Bold, r.Scenario), p.badge(r.Outcome))
	p.Para("", "", r.Title)
	p.Line("")
	p.Para("", terminal.Dim, r.Story)
	if r.Story != "" {
		p.Line("")
	}
	s := r.Setup
	p.field("run", format.Join(" · ", r.Run, format.When(!r.Started.IsZero(), r.Started.UTC().Format("2006-01-02 15:04:05 UTC")),
		format.When(r.Took > 0, "took "+format.Short(r.Took))))
	var cluster string
	if s.Cluster != "" {
		cluster = fmt.Sprintf("%s (%s)", s.Cluster, format.Join(", ", s.Provider, s.Why, format.When(s.Reused, "was running already")))
	}
	p.field("cluster", cluster)
	p.field("versions", format.Join(" · ", format.Named("Kubernetes", s.Kubernetes), format.Named("Istio", s.Istio), format.Named("Envoy", s.Envoy),
		format.Named("canarylab", s.Canarylab)))
	machine := []string{format.Named("kernel", s.Kernel)}
	if s.CPUs > 0 {
		machine = append(machine, fmt.Sprintf("%d CPUs", s.CPUs))
	}
	if s.Memory > 0 {
		machine = append(machine, fmt.Sprintf("%.1f GiB", float64(s.Memory)/(1<<30)))
	}
	p.field("machine", format.Join(" · ", machine...))
	p.field("load", reports.LoadInWords(s.Load))
	if r.Broken != "" {
		p.Line("")
		p.Para("! broken  ", terminal.Red, r.Broken)
	}
}

// field prints one named line of the header.
func (p *page) field(name, text string) { p.Para(fmt.Sprintf("%-10s", name), "", text) }

func (p *page) phase(number int, phase reports.Phase, plan loadgen.Plan) {
	outcome := phase.Outcome()
	title := fmt.Sprintf("%d  %s ", number, phase.Name)
	mark := ""
	if len(phase.Verdicts) > 0 {
		mark = " " + signs[outcome].mark + " " + string(outcome)
	}
	rule := max(p.Width-terminal.Cells(title)-terminal.Cells(mark), 3)
	p.Line("")
	p.Line("%s%s%s", p.Paint(terminal.Bold, title), p.Paint(terminal.Dim, strings.Repeat("─", rule)), p.Paint(signs[outcome].color, mark))
	p.Para("   ", "", phase.Did)

	o := phase.Observation
	p.Para("   ", terminal.Dim, reports.TimingInWords(o))
	p.moments(o)
	if o.Change != nil {
		for _, refused := range o.Change.Rejections {
			p.Para("   ! ", terminal.Red, "refused by "+refused)
		}
	}
	if o.Settled.Total.Requests > 0 {
		p.Line("")
		p.split(o.Settled, phase.Verdicts, plan)
		p.codes(o.Settled, phase.Verdicts)
		p.latency(o.Settled.Total)
	}
	p.transition(o.Transition)
	if o.Rollback != nil {
		p.rollback(*o.Rollback)
	}
	if o.Detection != nil {
		p.detection(*o.Detection)
	}
	if len(phase.Verdicts) > 0 {
		p.Line("")
	}
	for _, v := range phase.Verdicts {
		p.verdict(v)
	}
}

// moments says when requests of each kind that came or went with the change were seen first and last.
func (p *page) moments(o analysis.Observation) {
	if o.Change == nil {
		return
	}
	// What goes on from the one end of the phase to the other says nothing about the change.
	const edge = 20
	var parts []string
	begin, end := o.Change.Writing.Sub(o.Change.Written), o.End.Sub(o.Change.Written)
	for _, m := range o.Moments {
		near := (end - begin) / edge
		var s []string
		if m.First > begin+near || m.First > o.Change.FirstSynced && o.Change.Proxies > 0 {
			s = append(s, "first "+format.Short(m.First))
		}
		if m.Last < end-near {
			s = append(s, "last "+format.Short(m.Last))
		}
		if len(s) > 0 {
			parts = append(parts, m.Kind+" "+strings.Join(s, ", "))
		}
	}
	if len(parts) > 0 {
		p.Para("   ", terminal.Dim, "sent after the write: "+strings.Join(parts, " · "))
	}
}

// split prints asked against observed.
func (p *page) split(w analysis.Window, verdicts []reports.Verdict, plan loadgen.Plan) {
	t := &terminal.Table{Left: 2}
	t.Row("from", "answered by", "asked", "observed", "95 % interval", "requests")
	cohorts := analysis.CohortOrder(w.Cohorts, plan)
	if len(cohorts) > 1 {
		cohorts = slices.Insert(cohorts, 0, "")
	}
	for _, cohort := range cohorts {
		counts := w.Of(cohort)
		asked := claims(w, verdicts, cohort)
		versions := slices.Collect(maps.Keys(counts.Versions))
		for subject := range asked {
			// A version that should have answered and did not has its row too; statuses and flags have their own table.
			if _, seen := counts.Versions[subject]; !seen && !analysis.IsStatus(subject) {
				versions = append(versions, subject)
			}
		}
		slices.SortFunc(versions, analysis.CompareVersions)
		name := cmp.Or(cohort, "all")
		for _, version := range versions {
			s := analysis.NewShare(counts.Versions[version], counts.Requests)
			interval := format.Percent(s.Low) + " – " + format.Percent(s.High)
			if d, ok := counts.Dispersion[version]; ok && d.Moved() {
				interval = "it moved"
			}
			t.Row(name, analysis.Answerer(version), asked[version], format.Percent(s.Percent)+" %", interval, format.Number(s.Count)+" of "+format.Number(s.Of))
			name = ""
		}
	}
	p.Table(t)
}

// claims is what was claimed of a cohort's shares, by subject.
func claims(w analysis.Window, verdicts []reports.Verdict, cohort string) map[string]string {
	asked := map[string]string{}
	for subject, v := range reports.ClaimsOf(w, verdicts, cohort) {
		asked[subject] = v.Claim.Asked()
	}
	return asked
}

// codes prints statuses, and each way to fail with its flag in words.
func (p *page) codes(w analysis.Window, verdicts []reports.Verdict) {
	c, asked := w.Total, claims(w, verdicts, "")
	p.Line("")
	var codes []string
	for _, code := range slices.Sorted(maps.Keys(c.Codes)) {
		name := strconv.Itoa(code)
		if code == 0 {
			name = "no answer"
		}
		percent := asked[strconv.Itoa(code)]
		codes = append(codes, fmt.Sprintf("%s × %s%s", name, format.Number(c.Codes[code]), format.When(percent != "", " (asked "+percent+")")))
	}
	p.Para("   status   ", "", strings.Join(codes, ", "))
	for _, f := range c.Failures {
		s := analysis.NewShare(f.Count, c.Requests)
		p.Para("            ", terminal.Red, fmt.Sprintf("%s × %s (%s)", f.Key(), format.Number(f.Count),
			format.Join(", ", format.Percent(s.Percent)+" %", format.Named("asked", asked[f.Key()]))))
		said := format.Join(", ", format.When(f.Subset != "", "for subset "+f.Subset), format.When(f.Version != "", "answered by "+f.Version),
			format.When(f.Details != "", "Envoy says "+f.Details))
		where := "at the " + string(f.Hop)
		if f.Origin != f.Flag && f.Hop == analysis.ServerHop {
			where += ", which flagged it " + f.Origin
		}
		p.Para("              ", "", format.Join(" · ", where+format.When(f.Cause != "", ": "+f.Cause), said))
	}
}

func (p *page) latency(c analysis.Counts) {
	t := &terminal.Table{Left: 1}
	t.Row("latency", "p50", "p90", "p99", "p99.9", "max", "requests")
	for _, version := range slices.SortedFunc(maps.Keys(c.Latency), analysis.CompareVersions) {
		l := c.Latency[version]
		t.Row(analysis.Answerer(version), format.Short(l.P50), format.Short(l.P90), format.Short(l.P99), format.Short(l.P999), format.Short(l.Max), format.Number(l.N))
	}
	p.Line("")
	p.Table(t)
}

// transition sums up what happened before the phase settled.
func (p *page) transition(w analysis.Window) {
	c := w.Total
	if c.Requests == 0 {
		return
	}
	var parts []string
	for _, version := range slices.SortedFunc(maps.Keys(c.Versions), analysis.CompareVersions) {
		parts = append(parts, fmt.Sprintf("%s × %s", analysis.Answerer(version), format.Number(c.Versions[version])))
	}
	for _, f := range slices.Sorted(maps.Keys(c.Flags)) {
		parts = append(parts, fmt.Sprintf("%s × %s", f, format.Number(c.Flags[f])))
	}
	p.Line("")
	p.Para("   meanwhile, in transition: ", "", fmt.Sprintf("%s in %s: %s", format.Plural(c.Requests, "request", "requests"),
		format.Short(w.Took()), strings.Join(parts, ", ")))
}

// rollback prints the clock, as one sentence for each thing that it tells.
func (p *page) rollback(r analysis.Rollback) {
	p.Line("")
	p.Para("   rollback  ", terminal.Bold, r.String())
	lead := strings.Repeat(" ", len("   rollback  "))
	if r.Drain > 0 {
		p.Para(lead, "", "last affected answer done after "+format.Short(r.Drain))
	}
	var kinds []string
	for _, k := range r.FailureKinds() {
		kinds = append(kinds, fmt.Sprintf("%s × %s", k, format.Number(r.Kinds[k])))
	}
	p.Para(lead, "", fmt.Sprintf("cost: %s%s%s", r.Cost(), format.When(len(kinds) > 0, " ("+strings.Join(kinds, ", ")+")"),
		format.When(r.UnderWay > 0, fmt.Sprintf("; %d more were under way when the write was accepted", r.UnderWay))))
	p.Para(lead, terminal.Dim, r.Parts.String())
	if r.Known() {
		p.Para(lead, terminal.Dim, fmt.Sprintf("before it, %s %% of %.0f requests a second were affected (%s): one every %s, which is the resolution",
			format.Percent(r.Before.Percent), r.Rate, format.Join(", or ", "failed", format.Named("answered by", r.Canary)), format.Short(r.Resolution)))
	}
	if r.Strays > 0 {
		p.Para(lead, terminal.Red, fmt.Sprintf("%s sent when every proxy already held the old route",
			format.Plural(r.Strays, "affected request was", "affected requests were")))
	}
	if r.Known() && !r.Recovered() {
		p.Para(lead, terminal.Yellow, fmt.Sprintf("only %s followed: too few to say that it was the last", format.Plural(r.Unaffected, "unaffected request", "unaffected requests")))
	}
}

// detection prints what was decided about the canary, and how long that took.
func (p *page) detection(d analysis.Detection) {
	p.Line("")
	p.Para("   decided   ", terminal.Bold, d.String())
	lead := strings.Repeat(" ", len("   decided   "))
	p.Para(lead, "", fmt.Sprintf("by %s; %s of the canary were bad by then", d.By, format.Plural(d.BadOnes, "answer", "answers")))
	p.Para(lead, terminal.Dim, d.Parts())
}

// costs compares what the phases of a run cost in which requests failed for longer than a change takes to arrive.
func (p *page) costs(phases []reports.Phase) {
	t := &terminal.Table{Left: 2}
	t.Row("phase", "answered by", "lasted", "failed", "of", "in a minute")
	n := 0
	for _, phase := range phases {
		w := phase.Observation.Settled
		if w.Total.Failed.Count == 0 || w.Took() <= 0 || phase.Repeat {
			continue
		}
		n++
		var shares []string
		for _, version := range slices.SortedFunc(maps.Keys(w.Total.Versions), analysis.CompareVersions) {
			if version != "" {
				shares = append(shares, fmt.Sprintf("%s %.0f %%", version, analysis.NewShare(w.Total.Versions[version], w.Total.Requests).Percent))
			}
		}
		t.Row(phase.Name, strings.Join(shares, ", "), format.Short(w.Took()), format.Number(w.Total.Failed.Count), format.Number(w.Total.Requests),
			format.Number(int(math.Round(float64(w.Total.Failed.Count)/w.Took().Minutes()))))
	}
	if n < 2 {
		return
	}
	p.Section("what it cost")
	p.Table(t)
}

// rollbacks compares the ways back of a run that has several: each by itself, or each way by its median where it was gone more than once.
func (p *page) rollbacks(phases []reports.Phase) {
	ways, n := reports.RollbackMethods(phases)
	if n < 2 {
		return
	}
	p.Section("rollbacks")
	if n >= 3*len(ways) {
		p.Table(p.medians(ways, func(m reports.RollbackMethod) string { return m.Method }))
		return
	}
	t := &terminal.Table{Left: 2}
	t.Row("phase", "way back", "last affected", "99 % bracket", "drained", "failed", "canary's")
	for _, phase := range phases {
		r := phase.Observation.Rollback
		if r == nil {
			continue
		}
		last, bracket := "nothing to time", ""
		if r.Known() {
			last, bracket = format.Short(r.Route), "open"
			if r.High > 0 {
				bracket = format.Short(r.Low) + " – " + format.Short(r.High)
			}
		}
		t.Row(phase.Name, terminal.Clip(r.Method, p.Width-61), last, bracket, format.Short(r.Drain), format.Number(r.Failed), format.Number(r.Canaries))
	}
	p.Table(t)
}

// medians has a line for each way back: the median and the range of its times and costs. A way that was not effective has no time: affected
// requests went on to the end of the phase. name says a way in the words of the page.
func (p *page) medians(ways []reports.RollbackMethod, name func(reports.RollbackMethod) string) *terminal.Table {
	t := &terminal.Table{Left: 1}
	t.Row("way back", "times", "effective", "last affected", "range", "failed", "range", "canary's", "range")
	for _, way := range ways {
		route := way.Routes()
		last, span := "never", ""
		if len(route) > 0 {
			low, middle, high := analysis.Spread(route)
			last, span = format.Short(middle), format.Short(low)+" – "+format.Short(high)
		}
		ranged := func(all []int) (string, string) {
			low, middle, high := analysis.Spread(all)
			return format.Number(middle), format.Number(low) + " – " + format.Number(high)
		}
		f, fs := ranged(way.Failed())
		c, cs := ranged(way.Canaries())
		t.Row(terminal.Clip(name(way), p.Width-75), strconv.Itoa(len(way.Rollbacks)), strconv.Itoa(len(route)), last, span, f, fs, c, cs)
	}
	return t
}

func (p *page) verdict(v reports.Verdict) {
	sign := signs[v.Outcome]
	mark := sign.mark
	if mark == "" {
		mark = "!"
	}
	for i, line := range terminal.Wrap(v.Want+" — "+v.Saw, p.Width-5) {
		if i > 0 {
			mark = " "
		}
		p.Line("   %s %s", p.Paint(sign.color, mark), line)
	}
	if v.Outcome != reports.Pass {
		p.Para("     ", sign.color, v.Why)
	}
}

func (p *page) books(b analysis.Accounting) {
	p.Section("books")
	t := &terminal.Table{Left: 1}
	t.Row("sent in", "caller", "routed", "served", "app", "answered", "unexplained")
	sum := analysis.Row{Phase: "all"}
	for _, r := range b.Rows {
		sum.Sent, sum.Routed, sum.Exempt, sum.Served = sum.Sent+r.Sent, sum.Routed+r.Routed, sum.Exempt+r.Exempt, sum.Served+r.Served
		sum.Unsent += r.Unsent
		sum.App, sum.Answered, sum.Unexplained, sum.Bare = sum.App+r.App, sum.Answered+r.Answered, sum.Unexplained+r.Unexplained, sum.Bare+r.Bare
	}
	for _, r := range append(slices.Clone(b.Rows), sum) {
		routed := format.Number(r.Routed)
		if r.Exempt > 0 {
			routed += " + " + format.Number(r.Exempt) + " plain"
		}
		if r.Unsent > 0 {
			routed += " + " + format.Number(r.Unsent) + " unsent"
		}
		served := format.Number(r.Served)
		if r.Bare > 0 {
			served += " + " + format.Number(r.Bare) + " bare"
		}
		t.Row(cmp.Or(r.Phase, "(between)"), format.Number(r.Sent), routed, served, format.Number(r.App), format.Number(r.Answered), format.Number(r.Unexplained))
	}
	if len(b.Rows) > 0 {
		p.Table(t)
	}
	versions := slices.Collect(maps.Keys(b.Answered))
	for version := range b.Received {
		if _, ok := b.Answered[version]; !ok {
			versions = append(versions, version)
		}
	}
	slices.Sort(versions)
	var apps []string
	for _, version := range versions {
		received := "never read"
		if n, ok := b.Received[version]; ok {
			received = format.Number(int(n))
		}
		apps = append(apps, fmt.Sprintf("%s answered %s, its own counter says %s", version, format.Number(b.Answered[version]), received))
	}
	p.Para("   ", "", format.Join(" · ", append(apps, format.When(b.Aborted > 0, format.Number(b.Aborted)+" reached an app and got no answer"))...))
	for _, c := range b.Pace {
		p.Para("   ", terminal.Dim, fmt.Sprintf("%s: %.1f of %.1f requests a second (limit %g %%); sent late by %s at p99 (limit %s), %s at most",
			c.Cohort, c.Achieved, c.Planned, 100*analysis.MaxRateError, format.Short(c.LagP99), format.Short(analysis.MaxLagP99), format.Short(c.LagMax)))
	}
	if g := b.Generator; g.Known {
		agent := "load agent"
		if g.Agents > 1 {
			agent = "the busiest of " + format.Plural(g.Agents, "load agent", "load agents")
		}
		p.Para("   ", terminal.Dim, fmt.Sprintf(agent+": %.0f %% of its processors (limit %.0f %%), its threads waited %.1f %% of the time for one; longest standstill %s; clock moved %s (limit %s)",
			100*g.CPU, 100*analysis.MaxCPU, 100*g.RunDelay, format.Short(g.Stall), format.Short(g.ClockStep), format.Short(analysis.MaxClockStep)))
		if g.ClockError > 0 {
			p.Para("   ", terminal.Dim, fmt.Sprintf("they ran on other machines than the lab: their clocks were measured to within %s, by which brackets are wider", format.Short(g.ClockError)))
		}
		if g.Stalls > 0 {
			p.Para("   ! ", terminal.Yellow, fmt.Sprintf("the load agent stood still %s for more than %s, the longest until %s: requests of that time were sent late",
				format.Plural(g.Stalls, "time", "times"), format.Short(analysis.MaxStall), g.StallAt.UTC().Format("15:04:05.000")))
		}
	}
	switch {
	case b.Requests == 0:
		p.Line("   %s", p.Paint(terminal.Yellow, "? no request was sent"))
	case b.Balanced():
		p.Line("   %s", p.Paint(terminal.Green, "✓ they balance: every request is accounted for"))
	}
	for _, problem := range b.Problems {
		p.Para("   ! ", terminal.Yellow, problem.String())
	}
	for i, u := range b.Unexplained {
		if i == shownUnexplained {
			p.Para("     ", "", fmt.Sprintf("and %s more, in report.json", format.Number(b.UnexplainedTotal-i)))
			break
		}
		p.Para("     ", "", format.Join(": ", format.Join(" in ", u.ID, format.When(u.Phase != "", "phase "+u.Phase)), u.Why))
	}
	for _, e := range b.Troubles {
		p.Para("   ! ", terminal.Yellow, format.Join(" ", e.At.UTC().Format("15:04:05.000"), format.When(e.Phase != "", "in phase "+e.Phase+":"), format.When(e.Proxy != "", e.Proxy+" refused a configuration:"), e.Text))
	}
}

// shownUnexplained is how many the text lists.
const shownUnexplained = 10

// bringUp draws the steps on a time line.
func (p *page) bringUp(steps []reports.Step) {
	if len(steps) == 0 {
		return
	}
	var total time.Duration
	for _, s := range steps {
		total = max(total, s.Start+s.Took)
	}
	p.Section("bring-up, " + format.Short(total))
	name := 0
	for _, s := range steps {
		name = max(name, terminal.Cells(s.Name))
	}
	// The line has an indent of 3, the name, two durations of at most 7, and 2 between each of the four.
	columns := min(max(p.Width-3-name-2*7-3*2, 4), 48)
	at := func(d time.Duration) int {
		if total == 0 {
			return 0
		}
		return int(int64(d) * int64(columns) / int64(total))
	}
	t := &terminal.Table{Left: 1}
	for _, s := range steps {
		from := min(at(s.Start), columns-1)
		long := max(at(s.Start+s.Took)-from, 1)
		bar := strings.Repeat(" ", from) + strings.Repeat("━", long) + strings.Repeat(" ", columns-from-long)
		t.Row(s.Name, format.Short(s.Start), format.Short(s.Took), bar)
	}
	p.Table(t)
}

func (p *page) files(files []reports.File) {
	if len(files) == 0 {
		return
	}
	p.Section("files")
	t := &terminal.Table{Left: 2}
	for _, f := range files {
		t.Row(f.Path, f.What)
	}
	p.Table(t)
}
