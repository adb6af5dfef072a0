// Package markdown writes a run as GitHub's Markdown, short enough for a comment on a pull request.
package markdown

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// MaxComment is how long a comment on GitHub may be, in characters.
const MaxComment = 65536

// marks are what outcomes look like.
var marks = map[reports.Outcome]string{
	reports.Pass: "✅", reports.Inconclusive: "❔", reports.Invalid: "⚠️", reports.Fail: "❌",
}

// mark is an outcome's mark. An outcome that is none of the four is no pass.
func mark(o reports.Outcome) string { return cmp.Or(marks[o], "⚠️") }

// Write writes a run: the verdict first, then what was claimed and seen, the rollbacks, and the failures by
// flag. The rest is folded. What does not fit into a comment is left out, from the end, and said.
func Write(w io.Writer, run *reports.Run) error {
	r := run.Report
	b := &strings.Builder{}
	b.WriteString(Verdict(run))
	left := MaxComment - reserve - utf8.RuneCountInString(b.String())
	var missing []string
	for _, p := range []struct {
		name  string
		write func(*strings.Builder, *reports.Report)
	}{
		{"rules", routings}, {"verdicts", verdicts}, {"rollbacks", rollbacks}, {"failures", failures},
		{"shares", split},
		{"latency", latency}, {"changes", changes}, {"accounting", accounting}, {"why", why}, {"setup", setup},
	} {
		part := &strings.Builder{}
		p.write(part, r)
		n := utf8.RuneCountInString(part.String())
		if n > left {
			missing = append(missing, p.name)
			continue
		}
		left -= n
		b.WriteString(part.String())
	}
	if len(missing) > 0 {
		fmt.Fprintf(b, "\n_Too long for a comment, and left out: %s. %s in the run's folder has them._\n",
			strings.Join(missing, ", "), reports.ReportFile)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write Markdown: %w", err)
	}
	return nil
}

// reserve is kept for the last line of a report that does not fit.
const reserve = 300

// How long one text may get, in characters before any is escaped: one in the head, one in a table, and a
// paragraph. No text of the lab's is longer, and one from outside must leave room for the others.
const (
	inHead  = 300
	inTable = 400
	inText  = 2000
)

// clip is text, cut where it is too long.
func clip(s string, most int) string {
	if all := []rune(s); len(all) > most {
		s = string(all[:most]) + "…"
	}
	return text(s)
}

func head(s string) string { return clip(s, inHead) }

func cell(s string) string { return clip(s, inTable) }

func para(s string) string { return clip(s, inText) }

// Verdict is the head of the page: the verdict, and what stands in the way of it. It is short whatever the run is.
func Verdict(run *reports.Run) string {
	r := run.Report
	b := &strings.Builder{}
	fmt.Fprintf(b, "### %s %s: %s\n\n", mark(r.Outcome), head(r.Scenario),
		head(string(cmp.Or(r.Outcome, "not concluded"))))
	fmt.Fprintf(b, "**%s**\n\n", head(reports.Sentence(r)))
	if r.Title != "" {
		fmt.Fprintf(b, "%s\n\n", head(r.Title))
	}
	s := reports.Summarize(r)
	requests := fmt.Sprintf("%s requests, %s failed", format.Number(r.Accounting.Requests), format.Number(s.Burned))
	b.WriteString(format.Join(" · ", requests, head(r.Setup.Provider), format.Named("Istio", head(r.Setup.Istio)),
		format.Named("Kubernetes", head(r.Setup.Kubernetes)), format.Named("Envoy", head(r.Setup.Envoy)),
		format.Named("run", head(r.Run)), format.When(r.Took > 0, format.Short(r.Took))) + "\n")
	if rate := reports.RateInWords(r); rate != "" {
		b.WriteString("\n" + para(rate) + "\n")
	}
	var bad []string
	for _, problem := range reports.Unsaid(r) {
		bad = append(bad, reports.ProblemInWords(r, problem))
	}
	for _, e := range r.Accounting.Troubles {
		bad = append(bad, strings.TrimSpace(e.At.UTC().Format("15:04:05.000")+" "+e.Proxy+" "+e.Text))
	}
	bad = append(bad, run.Problems...)
	const shown = 8
	for i, problem := range bad {
		if i == 0 {
			b.WriteString("\n")
		}
		if i == shown {
			fmt.Fprintf(b, "- and %d more\n", len(bad)-i)
			break
		}
		fmt.Fprintf(b, "- ⚠️ %s\n", head(problem))
	}
	return b.String()
}

// table writes rows below a head; nothing where there are none.
func table(b *strings.Builder, names []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n| " + strings.Join(names, " | ") + " |\n|" + strings.Repeat("---|", len(names)) + "\n")
	for _, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
}

// fold writes a part that opens when it is clicked on.
func fold(b *strings.Builder, title string, write func(*strings.Builder)) {
	inner := &strings.Builder{}
	write(inner)
	if inner.Len() > 0 {
		fmt.Fprintf(b, "\n<details><summary>%s</summary>\n%s\n</details>\n", title, inner)
	}
}

// phases are a run's without those that repeat others, and passed.
func phases(r *reports.Report) iter.Seq2[int, reports.Phase] {
	return func(yield func(int, reports.Phase) bool) {
		for i, p := range r.Phases {
			if p.Repeat && p.Outcome() == reports.Pass {
				continue
			}
			if !yield(i, p) {
				return
			}
		}
	}
}

func verdicts(b *strings.Builder, r *reports.Report) {
	var rows, bad [][]string
	told := 0
	void := map[string]bool{}
	for i, p := range phases(r) {
		told++
		for _, v := range p.Verdicts {
			saw := cell(v.Saw)
			if v.Outcome != reports.Pass {
				saw += " — **" + cell(string(cmp.Or(v.Outcome, "not judged"))) + "**"
				switch {
				case v.Outcome == reports.Invalid && void[v.Why]:
					saw += ", as said above"
				case v.Why != "":
					saw += ": " + cell(v.Why)
				}
				if v.Outcome == reports.Invalid && v.Why != "" {
					void[v.Why] = true
				}
			}
			row := []string{mark(v.Outcome), fmt.Sprintf("%d. %s", i+1, cell(p.Name)), cell(v.Want), saw}
			rows = append(rows, row)
			if v.Outcome != reports.Pass {
				bad = append(bad, row)
			}
		}
	}
	const most = 60
	all := len(rows)
	if all > most {
		rows = bad
	}
	rows = rows[:min(len(rows), most)]
	table(b, []string{"", "phase", "claimed", "seen"}, rows)
	if n := all - len(rows); n > 0 {
		which := "all of them passed"
		if hidden := len(bad) - len(rows); hidden > 0 {
			which = fmt.Sprintf("%s of them did not pass", format.Number(hidden))
		}
		fmt.Fprintf(b, "\n%s more verdicts are in %s: %s.\n", format.Number(n), reports.ReportFile, which)
	}
	if repeats := len(r.Phases) - told; repeats > 0 {
		fmt.Fprintf(b, "\n%d more phases repeat others, and passed.\n", repeats)
	}
}

func split(b *strings.Builder, r *reports.Report) {
	fold(b, "Split by phase: asked and observed", func(b *strings.Builder) {
		var rows [][]string
		for _, p := range phases(r) {
			name := cell(p.Name)
			for _, s := range reports.SplitRows(p.Observation.Settled, p.Verdicts, r.Setup.Load) {
				rows = append(rows, []string{
					name, cell(cmp.Or(s.Cohort, "all")), cell(analysis.Answerer(s.Subject)), s.Asked(),
					format.Percent(s.Seen.Percent) + " %", s.Interval(),
					format.Number(s.Seen.Count) + " of " + format.Number(s.Seen.Of),
				})
				name = ""
			}
		}
		table(b, []string{"phase", "from", "answered", "asked", "observed", "95 % interval", "requests"}, rows)
	})
}

func latency(b *strings.Builder, r *reports.Report) {
	fold(b, "Latency by phase and version", func(b *strings.Builder) {
		var rows [][]string
		for _, p := range phases(r) {
			name := cell(p.Name)
			all := p.Observation.Settled.Total.Latency
			for _, version := range slices.Sorted(maps.Keys(all)) {
				l := all[version]
				rows = append(rows, []string{
					name, cell(analysis.Answerer(version)), format.Short(l.P50), format.Short(l.P90),
					format.Short(l.P99), format.Short(l.P999), format.Short(l.Max), format.Number(l.N),
				})
				name = ""
			}
		}
		table(b, []string{"phase", "version", "p50", "p90", "p99", "p99.9", "max", "requests"}, rows)
	})
}

func changes(b *strings.Builder, r *reports.Report) {
	fold(b, "What was changed, and how it spread", func(b *strings.Builder) {
		var rows [][]string
		for i, p := range phases(r) {
			rows = append(rows, []string{
				fmt.Sprintf("%d. %s", i+1, cell(p.Name)), format.When(p.Did != "", code(p.Did, true)),
				cell(reports.TimingInWords(p.Observation)),
			})
		}
		table(b, []string{"phase", "did", "clock"}, rows)
	})
}

func why(b *strings.Builder, r *reports.Report) {
	fold(b, "Why, and the fix", func(b *strings.Builder) {
		for _, s := range []struct{ name, text string }{
			{"Story", r.Story}, {"Why", r.Cause}, {"Source", r.Source}, {"Fix", r.Fix}, {"Back", r.Back},
		} {
			if s.text != "" {
				fmt.Fprintf(b, "\n**%s.** %s\n", s.name, para(s.text))
			}
		}
		if len(r.See) > 0 {
			b.WriteString("\n" + block(r.See))
		}
		for _, note := range r.Notes {
			fmt.Fprintf(b, "\n**Note.** %s\n", para(note))
		}
	})
}
