package reports

import (
	"bytes"
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
)

// TextOptions are for Text.
type TextOptions struct {
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

// Text prints a report for a terminal. Whatever texts are in it, nothing but colors, and those only if they are asked for, moves the terminal.
func Text(w io.Writer, r *Report, o TextOptions) error {
	clean := printable(*r)
	r = &clean
	o.Problems, o.Dir, o.Page = printable(o.Problems), Printable(o.Dir), Printable(o.Page)
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

// full prints everything.
func (p *page) full(r *Report, o TextOptions) {
	p.header(r)
	for _, problem := range o.Problems {
		p.para("! folder  ", yellow, problem)
	}
	folded := 0
	for i, phase := range r.Phases {
		if phase.Repeat && phase.Outcome() == Pass {
			folded++
			continue
		}
		p.phase(i+1, phase, r.Setup.Load)
	}
	if folded > 0 {
		p.line("")
		p.para("", dim, plural(folded, "phase that repeats another one, and passed, is", "phases that repeat others, and passed, are")+" in report.json only")
	}
	p.costs(r.Phases)
	p.rollbacks(r.Phases)
	p.books(r.Books)
	p.bringUp(r.BringUp)
	p.prose("why", join(" ", r.Cause, when(r.Source != "", "Source: "+r.Source+".")))
	p.list("see", r.See)
	p.prose("fix", r.Fix)
	p.prose("back", r.Back)
	for _, note := range r.Notes {
		p.prose("note", note)
	}
	p.prose("where", strings.Join(r.Setup.About, " "))
	p.files(r.Files)
}

// A page is a report being printed.
type page struct {
	bytes.Buffer
	color, ascii bool
	width        int
}

func newPage(o TextOptions) *page {
	return &page{color: o.Color, ascii: o.ASCII, width: max(cmp.Or(o.Width, 100), 72)}
}

// ANSI colors.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// signs are what outcomes look like.
var signs = map[Outcome]struct{ mark, color string }{
	Pass:         {"✓", green},
	Inconclusive: {"?", yellow},
	Invalid:      {"!", yellow},
	Fail:         {"✗", red},
}

func (p *page) paint(color, text string) string {
	if !p.color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// badge is an outcome with its mark: "✓ pass".
func (p *page) badge(o Outcome) string {
	sign, ok := signs[o]
	if !ok {
		return "not concluded"
	}
	return p.paint(sign.color+";"+bold, sign.mark+" "+string(o))
}

// line prints one line, whatever is in it.
func (p *page) line(format string, args ...any) {
	p.WriteString(oneLine(p.plain(fmt.Sprintf(format, args...))) + "\n")
}

// oneLine is text without line breaks and tabs: one in a name would forge a line of the report.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, text)
}

// plain is text in the characters that the page may have.
func (p *page) plain(text string) string {
	if !p.ascii {
		return text
	}
	return toASCII(text)
}

// para prints text wrapped, its first line after lead, the others indented as deep. Lead is counted as lines cells wide.
func (p *page) para(lead, color, text string) {
	lead, text = p.plain(lead), p.plain(text)
	indent := cells(lead)
	for i, line := range Wrap(text, p.width-indent) {
		if i > 0 {
			lead = strings.Repeat(" ", indent)
		}
		if color != "" {
			line = p.paint(color, line)
		}
		p.line("%s%s", lead, line)
	}
}

// prose prints a named paragraph at the end of the report.
func (p *page) prose(name, text string) {
	if text == "" {
		return
	}
	p.line("")
	p.para(fmt.Sprintf("%-10s", name), "", text)
}

// list prints a named list at the end of the report.
func (p *page) list(name string, items []string) {
	for i, item := range items {
		if i == 0 {
			p.prose(name, item)
			continue
		}
		p.para(strings.Repeat(" ", 10), "", item)
	}
}

func (p *page) header(r *Report) {
	p.line("%s  %s", p.paint(bold, r.Scenario), p.badge(r.Outcome))
	p.para("", "", r.Title)
	p.line("")
	p.para("", dim, r.Story)
	if r.Story != "" {
		p.line("")
	}
	s := r.Setup
	p.field("run", join(" · ", r.Run, when(!r.Started.IsZero(), r.Started.UTC().Format("2006-01-02 15:04:05 UTC")),
		when(r.Took > 0, "took "+short(r.Took))))
	var cluster string
	if s.Cluster != "" {
		cluster = fmt.Sprintf("%s (%s)", s.Cluster, join(", ", s.Provider, s.Why, when(s.Reused, "was running already")))
	}
	p.field("cluster", cluster)
	p.field("versions", join(" · ", named("Kubernetes", s.Kubernetes), named("Istio", s.Istio), named("Envoy", s.Envoy),
		named("canarylab", s.Canarylab)))
	machine := []string{named("kernel", s.Kernel)}
	if s.CPUs > 0 {
		machine = append(machine, fmt.Sprintf("%d CPUs", s.CPUs))
	}
	if s.Memory > 0 {
		machine = append(machine, fmt.Sprintf("%.1f GiB", float64(s.Memory)/(1<<30)))
	}
	p.field("machine", join(" · ", machine...))
	p.field("load", load(s.Load))
	if r.Broken != "" {
		p.line("")
		p.para("! broken  ", red, r.Broken)
	}
}

// field prints one named line of the header.
func (p *page) field(name, text string) { p.para(fmt.Sprintf("%-10s", name), "", text) }

// load is a plan in one sentence.
func load(plan loadgen.Plan) string {
	if len(plan.Cohorts) == 0 {
		return ""
	}
	total := 0.0
	var cohorts []string
	for _, c := range plan.Cohorts {
		rate := plan.RateOf(c.Name)
		total += rate
		s := fmt.Sprintf("%s %s/s", c.Name, strconv.FormatFloat(rate, 'f', -1, 64))
		switch c.Via() {
		case loadgen.Plain:
			s += " without a sidecar"
		case loadgen.Gateway:
			s += " through the gateway"
		}
		if c.Socket {
			s += " by WebSocket"
		}
		for _, name := range slices.Sorted(maps.Keys(c.Header)) {
			s += fmt.Sprintf(" with %s: %s", name, c.Header[name])
		}
		cohorts = append(cohorts, s)
	}
	return join(", ", fmt.Sprintf("%s requests a second to %s, open loop (%s)", Number(int(math.Round(total))), plan.URL, strings.Join(cohorts, ", ")),
		when(plan.Method != "", plan.Method), when(plan.Shape != nil, plan.Shape.String()), when(plan.FreshConnections, "a new connection for each"))
}

func (p *page) phase(number int, phase Phase, plan loadgen.Plan) {
	outcome := phase.Outcome()
	title := fmt.Sprintf("%d  %s ", number, phase.Name)
	mark := ""
	if len(phase.Verdicts) > 0 {
		mark = " " + signs[outcome].mark + " " + string(outcome)
	}
	rule := max(p.width-cells(title)-cells(mark), 3)
	p.line("")
	p.line("%s%s%s", p.paint(bold, title), p.paint(dim, strings.Repeat("─", rule)), p.paint(signs[outcome].color, mark))
	p.para("   ", "", phase.Did)

	o := phase.Observation
	p.para("   ", dim, timing(o))
	p.moments(o)
	if o.Change != nil {
		for _, refused := range o.Change.Refused {
			p.para("   ! ", red, "refused by "+refused)
		}
	}
	if o.Settled.Total.Requests > 0 {
		p.line("")
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
		p.line("")
	}
	for _, v := range phase.Verdicts {
		p.verdict(v)
	}
}

// slowWrite is many times what a write takes, which is 5 to 20 ms.
const slowWrite = 500 * time.Millisecond

// timing says how a phase's change spread and how long it was watched.
func timing(o Observation) string {
	if o.Start.IsZero() {
		return "never began"
	}
	var s []string
	if c := o.Change; c != nil {
		switch {
		case c.Written.IsZero():
			s = append(s, "the write was never answered")
		case c.Proxies > 0:
			held := fmt.Sprintf("held by the first of %d proxies %s, by the last %s", c.Proxies, after(c.FirstHeld), after(c.LastHeld))
			if c.Proxies == 1 {
				held = "held by the proxy " + after(c.LastHeld)
			}
			if c.Late {
				held += " at the latest"
			}
			s = append(s, join(", ", "accepted within "+short(c.Took()),
				when(c.Noticed != 0, "taken up by istiod "+after(c.Noticed)),
				when(c.LastPushed != 0, "pushed until "+after(c.LastPushed)), held))
		default:
			s = append(s, "accepted within "+short(c.Took()))
		}
	}
	if c := o.Change; c != nil && c.Took() > slowWrite {
		s = append(s, "the API server was slow: the moment of the change is uncertain by as much as it took to accept it")
	}
	if o.SettledAt.IsZero() {
		return join("; ", append(s, fmt.Sprintf("not every proxy was seen to hold it in %s", short(o.End.Sub(o.Start))))...)
	}
	s = append(s, fmt.Sprintf("settled after %s, then watched for %s", short(o.SettledAt.Sub(o.Start)), short(o.Settled.Took())))
	return join("; ", s...)
}

// moments says when requests of each kind that came or went with the change were seen first and last.
func (p *page) moments(o Observation) {
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
		if m.First > begin+near || m.First > o.Change.FirstHeld && o.Change.Proxies > 0 {
			s = append(s, "first "+short(m.First))
		}
		if m.Last < end-near {
			s = append(s, "last "+short(m.Last))
		}
		if len(s) > 0 {
			parts = append(parts, m.Kind+" "+strings.Join(s, ", "))
		}
	}
	if len(parts) > 0 {
		p.para("   ", dim, "sent after the write: "+strings.Join(parts, " · "))
	}
}

// split prints asked against observed.
func (p *page) split(w Window, verdicts []Verdict, plan loadgen.Plan) {
	t := &table{left: 2}
	t.row("from", "answered by", "asked", "observed", "95 % interval", "requests")
	cohorts := order(w.Cohorts, plan)
	if len(cohorts) > 1 {
		cohorts = slices.Insert(cohorts, 0, "")
	}
	for _, cohort := range cohorts {
		counts := w.Of(cohort)
		asked := claims(w, verdicts, cohort)
		versions := slices.Collect(maps.Keys(counts.Versions))
		for subject := range asked {
			// A version that should have answered and did not has its row too; statuses and flags have their own table.
			if _, seen := counts.Versions[subject]; !seen && !status(subject) {
				versions = append(versions, subject)
			}
		}
		slices.SortFunc(versions, lastEmpty)
		name := cmp.Or(cohort, "all")
		for _, version := range versions {
			s := NewShare(counts.Versions[version], counts.Requests)
			interval := Percent(s.Low) + " – " + Percent(s.High)
			if d, ok := counts.Dispersion[version]; ok && d.Moved() {
				interval = "it moved"
			}
			t.row(name, answerer(version), asked[version], Percent(s.Percent)+" %", interval, Number(s.Count)+" of "+Number(s.Of))
			name = ""
		}
	}
	p.table(t)
}

// claims is what was claimed of a cohort's shares, by subject.
func claims(w Window, verdicts []Verdict, cohort string) map[string]string {
	asked := map[string]string{}
	for subject, v := range claimsOf(w, verdicts, cohort) {
		asked[subject] = v.Claim.asked()
	}
	return asked
}

// status tells whether a claim's subject is a status, with or without a flag.
func status(subject string) bool {
	code, _, _ := strings.Cut(subject, " ")
	_, err := strconv.Atoi(code)
	return err == nil
}

// order is the plan's order of cohorts, then that of the alphabet for others.
func order(cohorts map[string]Counts, plan loadgen.Plan) []string {
	var names []string
	for _, c := range plan.Cohorts {
		if _, ok := cohorts[c.Name]; ok {
			names = append(names, c.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cohorts)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// lastEmpty sorts names, "" last.
func lastEmpty(a, b string) int {
	if (a == "") != (b == "") {
		return len(b) - len(a)
	}
	return strings.Compare(a, b)
}

// answerer names who answered in a table.
func answerer(version string) string {
	if version == "" {
		return "no version"
	}
	return version
}

// codes prints statuses, and each way to fail with its flag in words.
func (p *page) codes(w Window, verdicts []Verdict) {
	c, asked := w.Total, claims(w, verdicts, "")
	p.line("")
	var codes []string
	for _, code := range slices.Sorted(maps.Keys(c.Codes)) {
		name := strconv.Itoa(code)
		if code == 0 {
			name = "no answer"
		}
		percent := asked[strconv.Itoa(code)]
		codes = append(codes, fmt.Sprintf("%s × %s%s", name, Number(c.Codes[code]), when(percent != "", " (asked "+percent+")")))
	}
	p.para("   status   ", "", strings.Join(codes, ", "))
	for _, f := range c.Failures {
		s := NewShare(f.Count, c.Requests)
		p.para("            ", red, fmt.Sprintf("%s × %s (%s)", f.Key(), Number(f.Count),
			join(", ", Percent(s.Percent)+" %", named("asked", asked[f.Key()]))))
		said := join(", ", when(f.Subset != "", "for subset "+f.Subset), when(f.Version != "", "answered by "+f.Version),
			when(f.Details != "", "Envoy says "+f.Details))
		where := "at the " + string(f.Hop)
		if f.Origin != f.Flag && f.Hop == ServerHop {
			where += ", which flagged it " + f.Origin
		}
		p.para("              ", "", join(" · ", where+when(f.Cause != "", ": "+f.Cause), said))
	}
}

func (p *page) latency(c Counts) {
	t := &table{left: 1}
	t.row("latency", "p50", "p90", "p99", "p99.9", "max", "requests")
	for _, version := range slices.SortedFunc(maps.Keys(c.Latency), lastEmpty) {
		l := c.Latency[version]
		t.row(answerer(version), short(l.P50), short(l.P90), short(l.P99), short(l.P999), short(l.Max), Number(l.N))
	}
	p.line("")
	p.table(t)
}

// transition sums up what happened before the phase settled.
func (p *page) transition(w Window) {
	c := w.Total
	if c.Requests == 0 {
		return
	}
	var parts []string
	for _, version := range slices.SortedFunc(maps.Keys(c.Versions), lastEmpty) {
		parts = append(parts, fmt.Sprintf("%s × %s", answerer(version), Number(c.Versions[version])))
	}
	for _, f := range slices.Sorted(maps.Keys(c.Flags)) {
		parts = append(parts, fmt.Sprintf("%s × %s", f, Number(c.Flags[f])))
	}
	p.line("")
	p.para("   meanwhile, in transition: ", "", fmt.Sprintf("%s in %s: %s", plural(c.Requests, "request", "requests"),
		short(w.Took()), strings.Join(parts, ", ")))
}

// rollback prints the clock, as one sentence for each thing that it tells.
func (p *page) rollback(r Rollback) {
	p.line("")
	p.para("   rollback  ", bold, r.String())
	lead := strings.Repeat(" ", len("   rollback  "))
	if r.Drain > 0 {
		p.para(lead, "", "last affected answer done after "+short(r.Drain))
	}
	var kinds []string
	for _, k := range r.kinds() {
		kinds = append(kinds, fmt.Sprintf("%s × %s", k, Number(r.Kinds[k])))
	}
	p.para(lead, "", fmt.Sprintf("cost: %s%s%s", r.cost(), when(len(kinds) > 0, " ("+strings.Join(kinds, ", ")+")"),
		when(r.UnderWay > 0, fmt.Sprintf("; %d more were under way when the write was accepted", r.UnderWay))))
	p.para(lead, dim, r.Parts.String())
	if r.Known() {
		p.para(lead, dim, fmt.Sprintf("before it, %s %% of %.0f requests a second were affected (%s): one every %s, which is the resolution",
			Percent(r.Before.Percent), r.Rate, join(", or ", "failed", named("answered by", r.Canary)), short(r.Resolution)))
	}
	if r.Strays > 0 {
		p.para(lead, red, fmt.Sprintf("%s sent when every proxy already held the old route",
			plural(r.Strays, "affected request was", "affected requests were")))
	}
	if r.Known() && !r.Recovered() {
		p.para(lead, yellow, fmt.Sprintf("only %s followed: too few to say that it was the last", plural(r.Unaffected, "unaffected request", "unaffected requests")))
	}
}

// detection prints what was decided about the canary, and how long that took.
func (p *page) detection(d Detection) {
	p.line("")
	p.para("   decided   ", bold, d.String())
	lead := strings.Repeat(" ", len("   decided   "))
	p.para(lead, "", fmt.Sprintf("by %s; %s of the canary were bad by then", d.By, plural(d.BadOnes, "answer", "answers")))
	p.para(lead, dim, d.parts())
}

// costs compares what the phases of a run cost in which requests failed for longer than a change takes to arrive.
func (p *page) costs(phases []Phase) {
	t := &table{left: 2}
	t.row("phase", "answered by", "lasted", "failed", "of", "in a minute")
	n := 0
	for _, phase := range phases {
		w := phase.Observation.Settled
		if w.Total.Failed.Count == 0 || w.Took() <= 0 || phase.Repeat {
			continue
		}
		n++
		var shares []string
		for _, version := range slices.SortedFunc(maps.Keys(w.Total.Versions), lastEmpty) {
			if version != "" {
				shares = append(shares, fmt.Sprintf("%s %.0f %%", version, NewShare(w.Total.Versions[version], w.Total.Requests).Percent))
			}
		}
		t.row(phase.Name, strings.Join(shares, ", "), short(w.Took()), Number(w.Total.Failed.Count), Number(w.Total.Requests),
			Number(int(math.Round(float64(w.Total.Failed.Count)/w.Took().Minutes()))))
	}
	if n < 2 {
		return
	}
	p.section("what it cost")
	p.table(t)
}

// rollbacks compares the ways back of a run that has several: each by itself, or each way by its median where it was gone more than once.
func (p *page) rollbacks(phases []Phase) {
	ways, n := Ways(phases)
	if n < 2 {
		return
	}
	p.section("rollbacks")
	if n >= 3*len(ways) {
		p.table(p.medians(ways, func(way string) string { return way }))
		return
	}
	t := &table{left: 2}
	t.row("phase", "way back", "last affected", "99 % bracket", "drained", "failed", "canary's")
	for _, phase := range phases {
		r := phase.Observation.Rollback
		if r == nil {
			continue
		}
		last, bracket := "nothing to time", ""
		if r.Known() {
			last, bracket = short(r.Route), "open"
			if r.High > 0 {
				bracket = short(r.Low) + " – " + short(r.High)
			}
		}
		t.row(phase.Name, clip(r.Method, p.width-61), last, bracket, short(r.Drain), Number(r.Failed), Number(r.Canaries))
	}
	p.table(t)
}

// medians has a line for each way back: the median and the range of its times and costs. A way that was not effective has no time: affected
// requests went on to the end of the phase. name says a way in the words of the page.
func (p *page) medians(ways []Way, name func(string) string) *table {
	t := &table{left: 1}
	t.row("way back", "times", "effective", "last affected", "range", "failed", "range", "canary's", "range")
	for _, way := range ways {
		route := way.Routes()
		last, span := "never", ""
		if len(route) > 0 {
			low, middle, high := Spread(route)
			last, span = short(middle), short(low)+" – "+short(high)
		}
		ranged := func(all []int) (string, string) {
			low, middle, high := Spread(all)
			return Number(middle), Number(low) + " – " + Number(high)
		}
		f, fs := ranged(way.Failed())
		c, cs := ranged(way.Canaries())
		t.row(clip(name(way.Method), p.width-75), strconv.Itoa(len(way.Rollbacks)), strconv.Itoa(len(route)), last, span, f, fs, c, cs)
	}
	return t
}

func (p *page) verdict(v Verdict) {
	sign := signs[v.Outcome]
	mark := sign.mark
	if mark == "" {
		mark = "!"
	}
	for i, line := range Wrap(v.Want+" — "+v.Saw, p.width-5) {
		if i > 0 {
			mark = " "
		}
		p.line("   %s %s", p.paint(sign.color, mark), line)
	}
	if v.Outcome != Pass {
		p.para("     ", sign.color, v.Why)
	}
}

func (p *page) books(b Books) {
	p.section("books")
	t := &table{left: 1}
	t.row("sent in", "caller", "routed", "served", "app", "answered", "unexplained")
	sum := Row{Phase: "all"}
	for _, r := range b.Rows {
		sum.Sent, sum.Routed, sum.Exempt, sum.Served = sum.Sent+r.Sent, sum.Routed+r.Routed, sum.Exempt+r.Exempt, sum.Served+r.Served
		sum.Unsent += r.Unsent
		sum.App, sum.Answered, sum.Unexplained, sum.Bare = sum.App+r.App, sum.Answered+r.Answered, sum.Unexplained+r.Unexplained, sum.Bare+r.Bare
	}
	for _, r := range append(slices.Clone(b.Rows), sum) {
		routed := Number(r.Routed)
		if r.Exempt > 0 {
			routed += " + " + Number(r.Exempt) + " plain"
		}
		if r.Unsent > 0 {
			routed += " + " + Number(r.Unsent) + " unsent"
		}
		served := Number(r.Served)
		if r.Bare > 0 {
			served += " + " + Number(r.Bare) + " bare"
		}
		t.row(cmp.Or(r.Phase, "(between)"), Number(r.Sent), routed, served, Number(r.App), Number(r.Answered), Number(r.Unexplained))
	}
	if len(b.Rows) > 0 {
		p.table(t)
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
			received = Number(int(n))
		}
		apps = append(apps, fmt.Sprintf("%s answered %s, its own counter says %s", version, Number(b.Answered[version]), received))
	}
	p.para("   ", "", join(" · ", append(apps, when(b.Aborted > 0, Number(b.Aborted)+" reached an app and got no answer"))...))
	for _, c := range b.Pace {
		p.para("   ", dim, fmt.Sprintf("%s: %.1f of %.1f requests a second (limit %g %%); sent late by %s at p99 (limit %s), %s at most",
			c.Cohort, c.Achieved, c.Planned, 100*MaxRateError, short(c.LagP99), short(MaxLagP99), short(c.LagMax)))
	}
	if g := b.Generator; g.Known {
		agent := "load agent"
		if g.Agents > 1 {
			agent = "the busiest of " + plural(g.Agents, "load agent", "load agents")
		}
		p.para("   ", dim, fmt.Sprintf(agent+": %.0f %% of its processors (limit %.0f %%), its threads waited %.1f %% of the time for one; longest standstill %s; clock moved %s (limit %s)",
			100*g.CPU, 100*MaxCPU, 100*g.RunDelay, short(g.Stall), short(g.ClockStep), short(MaxClockStep)))
		if g.ClockError > 0 {
			p.para("   ", dim, fmt.Sprintf("they ran on other machines than the lab: their clocks were measured to within %s, by which brackets are wider", short(g.ClockError)))
		}
		if g.Stalls > 0 {
			p.para("   ! ", yellow, fmt.Sprintf("the load agent stood still %s for more than %s, the longest until %s: requests of that time were sent late",
				plural(g.Stalls, "time", "times"), short(MaxStall), g.StallAt.UTC().Format("15:04:05.000")))
		}
	}
	switch {
	case b.Requests == 0:
		p.line("   %s", p.paint(yellow, "? no request was sent"))
	case b.Balance():
		p.line("   %s", p.paint(green, "✓ they balance: every request is accounted for"))
	}
	for _, problem := range b.Problems {
		p.para("   ! ", yellow, problem)
	}
	for i, u := range b.Unexplained {
		if i == shownUnexplained {
			p.para("     ", "", fmt.Sprintf("and %s more, in report.json", Number(b.UnexplainedTotal-i)))
			break
		}
		p.para("     ", "", join(": ", join(" in ", u.ID, when(u.Phase != "", "phase "+u.Phase)), u.Why))
	}
	for _, e := range b.Troubles {
		p.para("   ! ", yellow, join(" ", e.At.UTC().Format("15:04:05.000"), when(e.Phase != "", "in phase "+e.Phase+":"), when(e.Proxy != "", e.Proxy+" refused a configuration:"), e.Text))
	}
}

// shownUnexplained is how many the text lists.
const shownUnexplained = 10

// bringUp draws the steps on a time line.
func (p *page) bringUp(steps []Step) {
	if len(steps) == 0 {
		return
	}
	var total time.Duration
	for _, s := range steps {
		total = max(total, s.Start+s.Took)
	}
	p.section("bring-up, " + short(total))
	name := 0
	for _, s := range steps {
		name = max(name, cells(s.Name))
	}
	// The line has an indent of 3, the name, two durations of at most 7, and 2 between each of the four.
	columns := min(max(p.width-3-name-2*7-3*2, 4), 48)
	at := func(d time.Duration) int {
		if total == 0 {
			return 0
		}
		return int(int64(d) * int64(columns) / int64(total))
	}
	t := &table{left: 1}
	for _, s := range steps {
		from := min(at(s.Start), columns-1)
		long := max(at(s.Start+s.Took)-from, 1)
		bar := strings.Repeat(" ", from) + strings.Repeat("━", long) + strings.Repeat(" ", columns-from-long)
		t.row(s.Name, short(s.Start), short(s.Took), bar)
	}
	p.table(t)
}

func (p *page) files(files []File) {
	if len(files) == 0 {
		return
	}
	p.section("files")
	t := &table{left: 2}
	for _, f := range files {
		t.row(f.Path, f.What)
	}
	p.table(t)
}

// section prints a heading with a rule.
func (p *page) section(name string) {
	p.line("")
	p.line("%s%s", p.paint(bold, name+" "), p.paint(dim, strings.Repeat("─", max(p.width-cells(name)-1, 3))))
}

func (p *page) table(t *table) { p.indented(t, "   ") }

// plainCells brings all cells of a table into the form in which they are printed, which may be wider.
func (p *page) plainCells(t *table) {
	for _, row := range t.rows {
		for i := range row {
			row[i] = oneLine(p.plain(row[i]))
		}
	}
}

// indented prints a table after an indent.
func (p *page) indented(t *table, indent string) {
	p.plainCells(t)
	for _, line := range t.lines(p.paint) {
		p.line("%s%s", indent, line)
	}
}

// join joins the texts that are not empty.
func join(sep string, texts ...string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(texts), func(s string) bool { return s == "" }), sep)
}

// when is text if ok holds.
func when(ok bool, text string) string {
	if !ok {
		return ""
	}
	return text
}

// named is "name value", empty without a value.
func named(name, value string) string { return when(value != "", name+" "+value) }

// plural is a number with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}

// after tells a moment relative to the write.
func after(d time.Duration) string {
	if d < 0 {
		return short(-d) + " before the answer"
	}
	return short(d) + " later"
}

// short prints a duration with three digits that matter: "0.96 ms", "131 ms", "12.3 s", "2m05s".
func short(d time.Duration) string {
	switch {
	case d < 0:
		// The least duration has no opposite.
		return "-" + short(-max(d, -math.MaxInt64))
	case d == 0:
		return "0 ms"
	case d < 9995*time.Microsecond:
		return strconv.FormatFloat(ms(d), 'f', 2, 64) + " ms"
	case d < 99950*time.Microsecond:
		return strconv.FormatFloat(ms(d), 'f', 1, 64) + " ms"
	case d < 999500*time.Microsecond:
		return strconv.FormatFloat(ms(d), 'f', 0, 64) + " ms"
	case d < 9995*time.Millisecond:
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s"
	case d < 59950*time.Millisecond:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	default:
		s := int(d.Round(time.Second).Seconds())
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
}
