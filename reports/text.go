package reports

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/canarylab/canarylab/loadgen"
)

// TextOptions are for Text.
type TextOptions struct {
	// Color marks outcomes with ANSI colors.
	Color bool
	// Width is how wide lines may get, in columns. Zero means 100; less than 72 is taken as 72, which the tables need.
	Width int
}

// Text prints a report for a terminal.
func Text(w io.Writer, r *Report, o TextOptions) error {
	if o.Width == 0 {
		o.Width = 100
	}
	p := &page{color: o.Color, width: max(o.Width, 72)}
	p.header(r)
	for i, phase := range r.Phases {
		p.phase(i+1, phase, r.Setup.Load)
	}
	p.books(r.Books)
	p.bringUp(r.BringUp)
	p.prose("why", r.Cause)
	p.prose("fix", r.Fix)
	for _, note := range r.Notes {
		p.prose("note", note)
	}
	p.files(r.Files)
	if _, err := w.Write(p.Bytes()); err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	return nil
}

// A page is a report being printed.
type page struct {
	bytes.Buffer
	color bool
	width int
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

// line prints one line.
func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// para prints text wrapped, its first line after lead, the others indented as deep. Lead is counted as lines cells wide.
func (p *page) para(lead, color, text string) {
	indent := utf8.RuneCountInString(lead)
	for i, line := range wrap(text, p.width-indent) {
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
	total := 0
	var cohorts []string
	for _, c := range plan.Cohorts {
		total += c.Rate
		s := fmt.Sprintf("%s %s/s", c.Name, Number(c.Rate))
		for _, name := range slices.Sorted(maps.Keys(c.Header)) {
			s += fmt.Sprintf(" with %s: %s", name, c.Header[name])
		}
		cohorts = append(cohorts, s)
	}
	return fmt.Sprintf("%s requests a second to %s, open loop (%s)", Number(total), plan.URL, strings.Join(cohorts, ", "))
}

func (p *page) phase(number int, phase Phase, plan loadgen.Plan) {
	outcome := phase.Outcome()
	title := fmt.Sprintf("%d  %s ", number, phase.Name)
	mark := ""
	if len(phase.Verdicts) > 0 {
		mark = " " + signs[outcome].mark + " " + string(outcome)
	}
	rule := max(p.width-utf8.RuneCountInString(title)-utf8.RuneCountInString(mark), 3)
	p.line("")
	p.line("%s%s%s", p.paint(bold, title), p.paint(dim, strings.Repeat("─", rule)), p.paint(signs[outcome].color, mark))
	p.para("   ", "", phase.Did)

	o := phase.Observation
	p.para("   ", dim, timing(o))
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
	if len(phase.Verdicts) > 0 {
		p.line("")
	}
	for _, v := range phase.Verdicts {
		p.verdict(v)
	}
}

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
			s = append(s, fmt.Sprintf("accepted within %s, %s", short(c.Took()), held))
		default:
			s = append(s, "accepted within "+short(c.Took()))
		}
	}
	if o.SettledAt.IsZero() {
		return join("; ", append(s, fmt.Sprintf("not every proxy was seen to hold it in %s", short(o.End.Sub(o.Start))))...)
	}
	s = append(s, fmt.Sprintf("settled after %s, then watched for %s", short(o.SettledAt.Sub(o.Start)), short(o.Settled.Took())))
	return join("; ", s...)
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
			t.row(name, answerer(version), asked[version], Percent(s.Percent)+" %", Percent(s.Low)+" – "+Percent(s.High),
				Number(s.Count)+" of "+Number(s.Of))
			name = ""
		}
	}
	p.table(t)
}

// claims is what was claimed of a cohort's shares, by subject. The only cohort of a window and all of its requests are
// the same.
func claims(w Window, verdicts []Verdict, cohort string) map[string]string {
	_, here := w.Cohorts[cohort]
	same := len(w.Cohorts) == 1 && (here || cohort == "")
	asked := map[string]string{}
	for _, v := range verdicts {
		if v.Claim == nil {
			continue
		}
		if _, claimed := w.Cohorts[v.Claim.Cohort]; v.Claim.Cohort == cohort || same && (claimed || v.Claim.Cohort == "") {
			asked[v.Claim.Subject] = strconv.FormatFloat(v.Claim.Percent, 'f', -1, 64) + " %"
		}
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
		p.para("              ", "", join(" · ", FlagMeaning(f.Flag), said))
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
	p.para("   rollback: ", bold, r.String())
	lead := strings.Repeat(" ", len("   rollback: "))
	p.para(lead, "", fmt.Sprintf("last affected answer done after %s; cost: %s", short(r.Drain), r.cost()))
	if r.Known() {
		p.para(lead, dim, fmt.Sprintf("before it, %s %% of %.0f requests a second were affected (%s): one every %s",
			Percent(r.Before.Percent), r.Rate, join(", or ", "failed", named("answered by", r.Canary)), short(r.Resolution)))
	}
	if r.Strays > 0 {
		p.para(lead, red, fmt.Sprintf("%s sent when every proxy already held the old route",
			plural(r.Strays, "affected request was", "affected requests were")))
	}
	if r.Known() && !r.Recovered() {
		p.para(lead, yellow, fmt.Sprintf("the watch went on for only %s after the last of them: too little to say that it was the last",
			short(r.Clean)))
	}
}

// cost is what callers paid for the rollback.
func (r Rollback) cost() string {
	cost := plural(r.Failed, "failed request", "failed requests")
	if r.Canary != "" {
		cost += fmt.Sprintf(", %s from %s", plural(r.Canaries, "good answer", "good answers"), r.Canary)
	}
	return cost
}

// String is the route time in one sentence, with its resolution and bound.
func (r Rollback) String() string {
	if !r.Known() {
		return "nothing to time: no request was affected before it"
	}
	precision := fmt.Sprintf("(resolution %s, ≤ %s with 95 %% confidence)", short(r.Resolution), short(r.Bound))
	if r.NoneAfter {
		return "0 ms: no affected request was sent after the write was accepted " + precision
	}
	return fmt.Sprintf("%s until the last affected request was sent %s", short(r.Route), precision)
}

func (p *page) verdict(v Verdict) {
	sign := signs[v.Outcome]
	mark := sign.mark
	if mark == "" {
		mark = "!"
	}
	for i, line := range wrap(v.Want+" — "+v.Saw, p.width-5) {
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
	ledger := fmt.Sprintf("caller %s requests · client proxy logged %s", Number(b.Requests), Number(b.Logged))
	if b.Exempt > 0 {
		ledger += fmt.Sprintf(" (%s more have no proxy)", Number(b.Exempt))
	}
	if b.Outside > 0 {
		ledger += fmt.Sprintf(" · %s sent outside of every phase", Number(b.Outside))
	}
	p.para("   ", "", ledger)
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
		apps = append(apps, fmt.Sprintf("%s answered %s, received %s", version, Number(b.Answered[version]), received))
	}
	p.para("   ", "", strings.Join(apps, " · "))
	for _, c := range b.Pace {
		p.para("   ", dim, fmt.Sprintf("%s kept %.1f of %s requests a second; sent late by %s at p99, %s at most", c.Cohort,
			c.Achieved, Number(int(c.Planned)), short(c.LagP99), short(c.LagMax)))
	}
	switch {
	case b.Requests == 0:
		p.line("   %s", p.paint(yellow, "? no request was sent"))
	case b.Balance():
		p.line("   %s", p.paint(green, "✓ they balance"))
	}
	for _, problem := range b.Problems {
		p.para("   ! ", yellow, problem)
	}
}

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
		name = max(name, utf8.RuneCountInString(s.Name))
	}
	// The line has an indent of 3, the name, two durations of at most 7, and 2 between each of the four.
	cells := min(max(p.width-3-name-2*7-3*2, 4), 48)
	at := func(d time.Duration) int {
		if total == 0 {
			return 0
		}
		return int(int64(d) * int64(cells) / int64(total))
	}
	t := &table{left: 1}
	for _, s := range steps {
		from := min(at(s.Start), cells-1)
		long := max(at(s.Start+s.Took)-from, 1)
		bar := strings.Repeat(" ", from) + strings.Repeat("━", long) + strings.Repeat(" ", cells-from-long)
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
	p.line("%s%s", p.paint(bold, name+" "), p.paint(dim, strings.Repeat("─", max(p.width-utf8.RuneCountInString(name)-1, 3))))
}

func (p *page) table(t *table) {
	for _, line := range t.lines() {
		p.line("   %s", line)
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
		return "-" + short(-d)
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
