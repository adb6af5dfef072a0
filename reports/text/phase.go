package text

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
)

func (p *page) phase(number int, phase reports.Phase, plan loadgen.Plan) {
	outcome := phase.Outcome()
	title := fmt.Sprintf("%d  %s ", number, phase.Name)
	mark := ""
	if len(phase.Verdicts) > 0 {
		mark = " " + signs[outcome].mark + " " + string(outcome)
	}
	rule := max(p.Width-terminal.Cells(title)-terminal.Cells(mark), 3)
	p.Line("")
	p.Line("%s%s%s", p.Paint(terminal.Bold, title), p.Paint(terminal.Dim, strings.Repeat("─", rule)),
		p.Paint(signs[outcome].color, mark))
	p.Para("   ", "", phase.Did)

	o := phase.Observation
	p.Para("   ", terminal.Dim, reports.TimingInWords(o))
	p.moments(o)
	if o.Change != nil {
		for _, rejection := range o.Change.Rejections {
			p.Para("   ! ", terminal.Red, "rejected by "+rejection)
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

// split prints asked against observed. Statuses and flags have their own table.
func (p *page) split(w analysis.Window, verdicts []reports.Verdict, plan loadgen.Plan) {
	t := &terminal.Table{Left: 2}
	t.Row("from", "answered by", "asked", "observed", "95 % interval", "requests")
	last := "\x00"
	for _, row := range reports.SplitRows(w, verdicts, plan) {
		if row.Status {
			continue
		}
		t.Row(format.When(row.Cohort != last, cmp.Or(row.Cohort, "all")), analysis.Answerer(row.Subject),
			row.Asked(), format.Percent(row.Seen.Percent)+" %", row.Interval(),
			format.Number(row.Seen.Count)+" of "+format.Number(row.Seen.Of))
		last = row.Cohort
	}
	p.Table(t)
}

// codes prints statuses, and each way to fail with its flag in words.
func (p *page) codes(w analysis.Window, verdicts []reports.Verdict) {
	c, asked := w.Total, map[string]string{}
	for subject, v := range reports.ClaimsOf(w, verdicts, "") {
		asked[subject] = v.Claim.Asked()
	}
	p.Line("")
	var codes []string
	for _, code := range slices.Sorted(maps.Keys(c.Codes)) {
		name := strconv.Itoa(code)
		percent := asked[name]
		if code == 0 {
			name = "no answer"
		}
		codes = append(codes, fmt.Sprintf("%s × %s%s", name, format.Number(c.Codes[code]),
			format.When(percent != "", " (asked "+percent+")")))
	}
	p.Para("   status   ", "", strings.Join(codes, ", "))
	var calls []string
	for _, status := range slices.Sorted(maps.Keys(c.GRPC)) {
		percent := asked[analysis.GRPCSubject(status)]
		calls = append(calls, fmt.Sprintf("%s × %s%s", status, format.Number(c.GRPC[status]),
			format.When(percent != "", " (asked "+percent+")")))
	}
	if len(calls) > 0 {
		p.Para("   grpc     ", "", strings.Join(calls, ", "))
	}
	for _, f := range c.Failures {
		s := analysis.NewShare(f.Count, c.Requests)
		p.Para("            ", terminal.Red, fmt.Sprintf("%s × %s (%s)", f.Key(), format.Number(f.Count),
			format.Join(", ", format.Percent(s.Percent)+" %", format.Named("asked", asked[f.Key()]))))
		said := format.Join(", ", format.Named("for subset", f.Subset), format.Named("answered by", f.Version),
			format.Named("Envoy says", f.Details))
		p.Para("              ", "", format.Join(" · ", arose(f), said))
	}
}

func (p *page) latency(c analysis.Counts) {
	t := &terminal.Table{Left: 1}
	t.Row("latency", "p50", "p90", "p99", "p99.9", "max", "requests")
	for _, version := range slices.SortedFunc(maps.Keys(c.Latency), analysis.CompareVersions) {
		l := c.Latency[version]
		t.Row(analysis.Answerer(version), format.Short(l.P50), format.Short(l.P90), format.Short(l.P99),
			format.Short(l.P999), format.Short(l.Max), format.Number(l.N))
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
	p.Para("   meanwhile, in transition: ", "", fmt.Sprintf("%s in %s: %s",
		format.Plural(c.Requests, "request", "requests"), format.Short(w.Took()), strings.Join(parts, ", ")))
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
	p.Para(lead, "", fmt.Sprintf("cost: %s%s%s", r.Cost(),
		format.When(len(kinds) > 0, " ("+strings.Join(kinds, ", ")+")"),
		format.When(r.UnderWay > 0, fmt.Sprintf("; %d more were under way when the write was accepted", r.UnderWay))))
	p.Para(lead, terminal.Dim, r.Parts.String())
	if r.Known() {
		affected := format.Join(", or ", "failed", format.Named("answered by", r.Canary))
		p.Para(lead, terminal.Dim, fmt.Sprintf("before it, %s %% of %.0f requests a second were affected (%s): one "+
			"every %s, which is the resolution", format.Percent(r.Before.Percent), r.Rate, affected,
			format.Short(r.Resolution)))
	}
	if r.Strays > 0 {
		p.Para(lead, terminal.Red, fmt.Sprintf("%s sent when every proxy was synced to the old route already",
			format.Plural(r.Strays, "affected request was", "affected requests were")))
	}
	if r.Known() && !r.Recovered() {
		p.Para(lead, terminal.Yellow, fmt.Sprintf("only %s followed: too few to say that it was the last",
			format.Plural(r.Unaffected, "unaffected request", "unaffected requests")))
	}
}

// detection prints what was decided about the canary, and how long that took.
func (p *page) detection(d analysis.Detection) {
	p.Line("")
	p.Para("   decided   ", terminal.Bold, d.String())
	lead := strings.Repeat(" ", len("   decided   "))
	p.Para(lead, "", fmt.Sprintf("by %s; %s of the canary were bad by then", d.By,
		format.Plural(d.BadOnes, "answer", "answers")))
	p.Para(lead, terminal.Dim, d.Parts())
}

func (p *page) verdict(v reports.Verdict) {
	sign := signs[v.Outcome]
	mark := cmp.Or(sign.mark, "!")
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
