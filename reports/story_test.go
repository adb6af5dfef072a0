package reports

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// bigReport is a run of a story with so many phases, with everything in it that a story can have to tell: rollbacks, decisions, failures of several
// sorts, analyses and long texts. bad is how many of its verdicts do not pass.
func bigReport(phases, repeats, bad int) *Report {
	long := strings.Repeat("Istio takes it and says nothing, since every object is right by itself and none of them knows of the others. ", 12)
	r := &Report{
		Scenario: "service-instead-of-virtualservice", Title: strings.Repeat("Switching versions by the Service's selector breaks callers with a sidecar, ", 3),
		Story: long, Cause: long, Fix: long, Back: long, Source: long, See: []string{long}, Started: t0, Took: 10 * time.Minute, Run: "20261123-060102",
		Setup: Setup{Provider: "embedded", Kubernetes: "1.36.1", Istio: "1.31.0", CPUs: 2, Load: labPlan},
		Files: []File{{Path: ReportFile}, {Path: "report.html"}},
		Notes: []string{long},
		Timeline: &Timeline{Start: t0, BinMS: 100, Bins: 6000, Series: []Series{
			{Version: "v1", Counts: ones(6000)}, {Version: "v2", From: 700, Counts: ones(4000)}, {Version: "v3", Counts: ones(10)}, {Version: "v4", Counts: ones(10)},
			{Flag: "503 UH", From: 3000, Counts: ones(2)}, {Flag: "503 UF,URX", From: 3100, Counts: ones(9)}, {Flag: "0 DC", Version: "v2", From: 3300, Counts: ones(5)},
		}},
		Books: Books{Requests: 300_000, Pace: []Pace{{Cohort: "plain", LagP99: 710 * time.Microsecond}}},
	}
	for i := range phases + repeats {
		counts := Counts{Requests: 5000, Versions: map[string]int{"v1": 4500, "v2": 500}, Codes: map[int]int{200: 4500, 503: 500}, Failed: NewShare(500, 5000),
			Flags: map[string]int{"503 UF,URX": 400, "503 UH": 100}}
		for _, hop := range []Hop{ClientHop, ServerHop, AppHop} {
			counts.Failures = append(counts.Failures, Failure{Code: 503, Flag: "UF,URX", Hop: hop, Origin: "UC", Count: 400, Details: "upstream_reset_before_response_started{connection_termination}",
				Cause: "the app closed the connection before it answered; every retry was used up", Subset: "v2", Version: "v2"})
		}
		p := Phase{
			Name: fmt.Sprintf("canary at %d %% with short streams", i), Did: "kubectl apply the VirtualService of 1-baseline.yaml", Repeat: i >= phases,
			Breaks: i == 1, Fixes: i == 2,
			Observation: Observation{Start: at(float64(i) * 7000), End: at(float64(i)*7000 + 6900), SettledAt: at(float64(i)*7000 + 500), Settled: Window{Total: counts}},
			Verdicts: []Verdict{
				{Want: "istioctl analyze finds IST0173 on the cluster, and nothing in the files alone", Saw: fmt.Sprintf("IST%d on the cluster, nothing in the files", i%3), Outcome: Pass, Proof: true},
				{Want: "at least 33.333 % of the requests of without-sidecar answered by v2", Saw: NewShare(500, 5000).String(), Outcome: Pass,
					Claim: &Claim{Cohort: "without-sidecar", Subject: "v2", Percent: 33.333, Bound: AtLeast, Seen: NewShare(500, 5000)}},
			},
		}
		if i%3 == 2 {
			p.Observation.Rollback = &Rollback{Method: fmt.Sprintf("kubectl way %d of my-service", i), Canary: "v2", Resolution: time.Millisecond, Before: NewShare(500, 5000), Route: 110 * time.Millisecond,
				Low: 110 * time.Millisecond, High: 140 * time.Millisecond, Chance: 1e-9, Failed: 1234}
			p.Observation.Detection = &Detection{Decision: Decision{By: "a gate that asks Prometheus every 5s (bad: 1 result with more than 5 % failed)", Bad: i%2 == 0, Text: long[:80]}}
		}
		if i < bad {
			p.Verdicts[1].Outcome, p.Verdicts[1].Why = Fail, "a true share of 33.333 % gives 1,560 to 1,780 of 5,000 requests in 19,999 of 20,000 runs"
		}
		r.Phases = append(r.Phases, p)
	}
	r.Conclude()
	return r
}

func ones(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = 50
	}
	return out
}

// text is what is printed of a report.
func text(t *testing.T, r *Report, o TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := Text(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var colors = regexp.MustCompile("\x1b\\[[0-9;]*m")

// fits holds what is printed against its bounds.
func fits(t *testing.T, out string, lines, width int) {
	t.Helper()
	all := strings.Split(strings.TrimSuffix(colors.ReplaceAllString(out, ""), "\n"), "\n")
	if len(all) > lines {
		t.Errorf("got %d lines, want %d at most:\n%s", len(all), lines, out)
	}
	for i, line := range all {
		if n := cells(line); n > width {
			t.Errorf("line %d: got %d columns, want %d at most: %s", i+1, n, width, line)
		}
		if line != strings.TrimRight(line, " ") {
			t.Errorf("line %d ends with spaces: %q", i+1, line)
		}
	}
}

// The catalogue's longest story has 10 phases, and 73 of the one with the most repeat others.
func TestStoryFitsOnAScreen(t *testing.T) {
	for _, phases := range []int{1, 2, 5, 10, 12, 20} {
		for _, repeats := range []int{0, 73} {
			for _, bad := range []int{0, 1, 5} {
				for _, o := range []TextOptions{{}, {Color: true}, {Width: 72}, {Width: 80, ASCII: true}, {Width: 250}} {
					t.Run(fmt.Sprintf("%d phases, %d repeats, %d bad, %d columns, %t, %t", phases, repeats, bad, o.Width, o.Color, o.ASCII), func(t *testing.T) {
						o.Dir = "reports/out/20261123-060102-big"
						width := o.Width
						if width == 0 || width > 100 {
							width = 100
						}
						fits(t, text(t, bigReport(phases, repeats, min(bad, phases)), o), 40, width)
					})
				}
			}
		}
	}
}

// What did not pass is never folded, with its reason, however much it is; everything else gives way.
func TestStoryNeverCutsWhatDidNotPass(t *testing.T) {
	for _, bad := range []int{1, 5, 12, 40} {
		r := bigReport(10, 40, bad)
		r.Books.Problems = []string{"void: cohort plain sent late by 9.00 ms at p99, more than 5.00 ms: this machine can't carry that load", "the sample app's counters were not read"}
		r.Conclude()
		out := strings.Join(strings.Fields(text(t, r, TextOptions{})), " ")
		for i := range bad {
			if !strings.Contains(out, fmt.Sprintf("✗ phase %d, canary at %d %%", i+1, i)) {
				t.Errorf("%d bad: phase %d is missing:\n%s", bad, i+1, out)
			}
		}
		if got := strings.Count(out, "why: a true share of 33.333 %"); got != bad {
			t.Errorf("%d bad: got %d reasons, want each", bad, got)
		}
		for _, problem := range r.Books.Problems {
			if strings.Count(out, strings.TrimPrefix(problem, "void: ")) != 1 {
				t.Errorf("%d bad: want the problem %q once:\n%s", bad, problem, out)
			}
		}
		if bad == 40 && (strings.Contains(out, "what was done") || !strings.Contains(out, "canarylab report --full")) {
			t.Errorf("got a story with more than what did not pass and where there is more:\n%s", out)
		}
	}
}

// The line about what is folded tells the truth: the story has so many lines less than it would have.
func TestStoryCountsWhatItFolds(t *testing.T) {
	r := bigReport(10, 0, 0)
	out := text(t, r, TextOptions{})
	m := regexp.MustCompile(`(?m)^folded +(\d+) lines: (.*)$`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("got no line about what is folded:\n%s", out)
	}
	sum := 0
	for _, part := range strings.Split(m[2], ", ") {
		var n int
		if _, err := fmt.Sscanf(part[strings.LastIndex(part, " ")+1:], "%d", &n); err != nil {
			t.Errorf("%q: %v", part, err)
		}
		sum += n
	}
	if fmt.Sprint(sum) != m[1] {
		t.Errorf("got parts that add up to %d, want %s: %s", sum, m[1], m[0])
	}
	if all := len(Wrap(r.Back, 90)); !strings.Contains(m[2], fmt.Sprintf("back %d", all)) {
		t.Errorf("got %q, want all %d lines of back among them", m[2], all)
	}
	if strings.Contains(text(t, labReport(), TextOptions{}), "folded") {
		t.Error("got a folded line in a story that fits")
	}
}

func TestSparklines(t *testing.T) {
	tl := &Timeline{Start: t0, BinMS: 100, Bins: 8, Series: []Series{
		{Version: "v1", Counts: []int{100, 100, 100, 100, 50, 50, 0, 100}},
		{Version: "v2", From: 4, Counts: []int{50, 1}},
		{Flag: "503 UH", Version: "", From: 6, Counts: []int{100}},
	}}
	r := &Report{Timeline: tl, Phases: []Phase{
		{Observation: Observation{Start: t0.Add(-30 * time.Millisecond)}}, {}, {Observation: Observation{Start: t0.Add(400 * time.Millisecond)}}, {Observation: Observation{Start: t0.Add(401 * time.Millisecond)}},
	}}
	p := newPage(TextOptions{Width: 72})
	p.sparks(r)
	bar := func(s string) string {
		var b strings.Builder
		for _, c := range s {
			b.WriteString(strings.Repeat(string(c), 7)) // 58 columns for 8 bins
		}
		return strings.TrimRight(b.String(), " ")
	}
	want := "requests over 800 ms; a full block is 1,000 a second\n" +
		"v1            " + bar("████▄▄ █") + "\n" +
		"v2            " + bar("    ▄▁") + "\n" +
		"503 UH        " + bar("      █") + "\n" +
		"phase begins  1" + strings.Repeat(" ", 27) + "3\n"
	if got := p.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for name, tl := range map[string]*Timeline{"none": nil, "no bins": {}, "no width": {Bins: 3}, "no series": {Bins: 3, BinMS: 100}} {
		p := newPage(TextOptions{})
		p.sparks(&Report{Timeline: tl})
		if p.Len() > 0 {
			t.Errorf("%s: got %q, want nothing", name, p)
		}
	}
}

func TestRanges(t *testing.T) {
	for want, numbers := range map[string][]int{
		"phase 3": {3}, "phases 2 and 3": {2, 3}, "phases 2 – 4": {2, 3, 4}, "phases 1, 3, 4 and 6 – 9": {1, 3, 4, 6, 7, 8, 9},
		"7 phases from 1 to 13": {1, 3, 5, 7, 9, 11, 13},
	} {
		if got := ranges(numbers); got != want {
			t.Errorf("%v: got %q, want %q", numbers, got, want)
		}
	}
}

// A stream that its caller ended has a flag, and is no error.
func TestFailing(t *testing.T) {
	for want, flags := range map[string]map[string]int{
		"none": {"101 DC": 50, "200 UR": 1}, "503 UH 10.0 % +1": {"503 UH": 20, "503 -": 3, "101 DC": 50}, "404 NR 2.0 %": {"404 NR": 4}, "no answer DC 2.0 %": {"0 DC": 4}, "503 2.0 %": {"503 -": 4},
	} {
		o := Observation{Settled: Window{Total: Counts{Requests: 200, Flags: flags}}}
		if got := failing(o); got != want {
			t.Errorf("%v: got %q, want %q", flags, got, want)
		}
	}
	w := waysToFail([]Phase{{Observation: Observation{Settled: Window{Total: Counts{Failures: []Failure{{Code: 101, Flag: "DC", Count: 9}, {Code: 404, Flag: "NR", Count: 2}}}}}}})
	if len(w) != 1 || w[0].Code != 404 || w[0].Count != 2 {
		t.Errorf("got %+v, want the 404s alone", w)
	}
}

func TestSentence(t *testing.T) {
	verdict := func(o Outcome) Phase {
		return Phase{Name: "canary", Verdicts: []Verdict{{Want: "10 % fail", Saw: "9.8 %", Outcome: o}}}
	}
	sent := Books{Requests: 100}
	for _, test := range []struct {
		name, want string
		r          Report
	}{
		{"pass", "The one claim holds in 1 phase. The main one is “10 % fail”; seen: 9.8 %.", Report{Books: sent, Phases: []Phase{verdict(Pass)}}},
		{"all pass", "All 2 claims hold in 2 phases. The main one is “10 % fail”; seen: 9.8 %.", Report{Books: sent, Phases: []Phase{verdict(Pass), verdict(Pass)}}},
		{"fail", "1 of 3 claims is contradicted by what was seen, and 1 could not be decided; the first of them is in phase 2, canary.",
			Report{Books: sent, Phases: []Phase{verdict(Pass), verdict(Inconclusive), verdict(Fail)}}},
		{"open", "1 of 1 claim could not be decided; the first of them is in phase 1, canary.", Report{Books: sent, Phases: []Phase{verdict(Inconclusive)}}},
		{"broken", "The run did not come to its end: no API server.", Report{Books: sent, Broken: "no\nAPI server", Phases: []Phase{verdict(Pass)}}},
		{"no data", "No request was sent, so that nothing is shown.", Report{Phases: []Phase{verdict(Pass)}}},
		{"books", "The numbers can't be trusted, whatever they say of the 1 claim: p; and 1 more problem.",
			Report{Books: Books{Requests: 1, Problems: []string{"p", "q"}}, Phases: []Phase{verdict(Pass)}}},
		{"trouble", "All 1 claim hold, but the lab was disturbed while it measured (istiod died), so that nothing is concluded.",
			Report{Books: Books{Requests: 1, Troubles: []Event{{Text: "istiod died"}}}, Phases: []Phase{verdict(Pass)}}},
		{"nothing claimed", "Nothing was claimed, so that nothing is shown.", Report{Books: sent}},
	} {
		if got := Sentence(&test.r); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// hostile has what a terminal obeys, what forges lines, and what is wider or narrower than it has characters.
const hostile = "\x1b[2J\x1b]0;owned\x07\u009b31m\r\n\tfake ✓ pass \u202eessap\u2066\u200b\x7f\xff\xfe 日本語 e\u0301e\u0301 👩‍👩‍👧 \U000e0041"

func TestNothingInAReportMovesTheTerminal(t *testing.T) {
	r := labReport()
	r.Scenario, r.Title, r.Story, r.Run, r.Broken = hostile, hostile, hostile, hostile, hostile
	r.Cause, r.Source, r.See, r.Fix, r.Back, r.Notes = hostile, hostile, []string{hostile}, hostile, hostile, []string{hostile}
	r.Setup.Provider, r.Setup.Why, r.Setup.Kubernetes, r.Setup.Kernel, r.Setup.About = hostile, hostile, hostile, hostile, []string{hostile}
	r.Setup.Load.Cohorts = slices.Clone(r.Setup.Load.Cohorts) // all tests share them
	r.Setup.Load.URL, r.Setup.Load.Cohorts[0].Name = hostile, hostile
	r.Setup.Load.Cohorts[1].Header = map[string]string{hostile: hostile}
	r.BringUp = append(r.BringUp, Step{Name: hostile})
	r.Files = append(r.Files, File{Path: hostile, What: hostile})
	r.Books.Problems, r.Books.Troubles = []string{hostile}, []Event{{Phase: hostile, Proxy: hostile, Text: hostile}}
	r.Books.Unexplained = []Unexplained{{hostile, hostile, hostile}}
	r.Books.Rows[0].Phase, r.Books.Pace[0].Cohort = hostile, hostile
	r.Books.Answered = map[string]int{hostile: 3}
	r.Timeline.Series[0].Version, r.Timeline.Series[1].Flag = hostile, hostile
	for i := range r.Phases {
		p := &r.Phases[i]
		p.Name, p.Did = hostile, hostile
		w := &p.Observation.Settled
		for _, c := range []*Counts{&w.Total} {
			c.Versions[hostile], c.Flags = 3, map[string]int{hostile: 4}
			c.Latency[hostile] = Latency{N: 3}
			c.Failures = []Failure{{Code: 503, Flag: hostile, Hop: hostile, Origin: hostile, Cause: hostile, Details: hostile, Subset: hostile, Version: hostile, Count: 4}}
		}
		w.Cohorts[hostile] = w.Total
		p.Observation.Moments = append(p.Observation.Moments, Moment{Kind: hostile, First: time.Second})
		if c := p.Observation.Change; c != nil {
			c.Refused = []string{hostile}
		}
		if b := p.Observation.Rollback; b != nil {
			b.Method, b.Canary, b.Kinds = hostile, hostile, map[string]int{hostile: 2}
		}
		p.Observation.Detection = &Detection{Decision: Decision{By: hostile, Text: hostile}}
		p.Verdicts = append(p.Verdicts, Verdict{Want: hostile, Saw: hostile, Why: hostile, Outcome: hostile, Claim: &Claim{Cohort: hostile, Subject: hostile}})
	}
	for _, o := range []TextOptions{{}, {Full: true}, {ASCII: true}, {ASCII: true, Full: true}, {Width: 72}, {Color: true}, {Color: true, Full: true}} {
		o.Dir, o.Problems = hostile, []string{hostile}
		out := colors.ReplaceAllString(text(t, r, o), "")
		if !o.Color && strings.ContainsRune(out, '\x1b') {
			t.Errorf("%+v: got an escape sequence", o)
		}
		for _, c := range out {
			if c != '\n' && !unicode.IsGraphic(c) || c == unicode.ReplacementChar || o.ASCII && c > 0x7e {
				t.Fatalf("%+v: got %q in\n%q", o, c, out)
			}
		}
		if !strings.Contains(out, `\x1b[2J`) || !o.ASCII && !strings.Contains(out, "日本語") {
			t.Errorf("%+v: the text is gone, want it spelled out:\n%s", o, out)
		}
		if !o.Full {
			width := 100
			if o.Width > 0 {
				width = o.Width
			}
			for i, line := range strings.Split(strings.TrimSuffix(out, "\n"), "\n") {
				// Paths are not broken.
				if cells(line) > width && !strings.Contains(line, "--full") && !strings.HasPrefix(line, "folder") {
					t.Errorf("%+v: line %d: got %d columns, want %d: %s", o, i+1, cells(line), width, line)
				}
			}
		}
	}
	// What was printed was a copy.
	if r.Scenario != hostile || r.Phases[0].Observation.Settled.Total.Versions[hostile] != 3 || r.Timeline.Series[0].Version != hostile {
		t.Error("the report itself was changed")
	}
	var b bytes.Buffer
	if err := SummaryText(&b, []Summary{{Scenario: hostile, Outcome: hostile, Claimed: hostile, Seen: hostile}}, TextOptions{}); err != nil || strings.ContainsRune(b.String(), '\x1b') {
		t.Errorf("a summary: got %q, %v", b.String(), err)
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"":                "",
		"plain, λ, 日本":    "plain, λ, 日本",
		"a\n\tb":          "a\n\tb",
		"\x1b[31mred":     `\x1b[31mred`,
		"\u009b31m":       `\u009b31m`,
		"\u202egnp.exe":   `\u202egnp.exe`,
		"\xff\xc3(":       `\xff\xc3(`,
		"\U000e0041":      `\U000e0041`,
		"real \ufffd one": "real \ufffd one",
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestWideTextsAreAligned(t *testing.T) {
	tb := &table{left: 2}
	tb.row("from", "answered by", "n")
	for _, name := range []string{"plain", "日本語", "e\u0301e\u0301e\u0301", "👍🏽 ok", "ﾊﾝｶｸ", "한국어"} {
		tb.row(name, "v1", "5")
	}
	// By hand: how many columns a terminal gives each name.
	widths := []int{4, 5, 6, 3, 5, 4, 6}
	for i, line := range tb.lines(nil) {
		name := tb.rows[i][0]
		rest := strings.TrimPrefix(line, name)
		spaces := len(rest) - len(strings.TrimLeft(rest, " "))
		if got := widths[i] + spaces; got != 8 {
			t.Errorf("%q: the next column begins at %d, want 8", line, got)
		}
	}
	for _, test := range []struct {
		text, want string
		width      int
	}{
		{"日本語日本語", "日本語…", 8}, {"日本語日", "日本語日", 8}, {strings.Repeat("e\u0301", 9), strings.Repeat("e\u0301", 7) + "…", 8}, {"plain", "plain", 1},
	} {
		if got := clip(test.text, test.width); got != test.want {
			t.Errorf("clip(%q, %d): got %q, want %q", test.text, test.width, got, test.want)
		}
	}
	for _, test := range []struct {
		text  string
		width int
		want  []string
	}{
		{"日本語 日本", 7, []string{"日本語", "日本"}}, {"aaaa bb", 7, []string{"aaaa bb"}}, {"abcdefghij kl", 4, []string{"abcd", "efgh", "ij", "kl"}}, {"日本語", 1, []string{"日", "本", "語"}}, {"", 5, nil},
	} {
		if got := Wrap(test.text, test.width); fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("Wrap(%q, %d): got %q, want %q", test.text, test.width, got, test.want)
		}
	}
}

// A path is to be copied: it is one word on one line, whatever the width.
func TestStoryDoesNotBreakPaths(t *testing.T) {
	r := labReport()
	dir := filepath.Join(strings.Repeat("/a-long-folder", 12), "run")
	if out := text(t, r, TextOptions{Dir: dir}); !strings.Contains(out, "folder    "+dir+"\n") {
		t.Errorf("without a page: got\n%s", out)
	}
	out := text(t, r, TextOptions{Dir: dir, Page: dir + "/report.html"})
	if !strings.Contains(out, "look      "+dir+"/report.html\n") || !strings.Contains(out, "canarylab report --full "+dir+"\n") {
		t.Errorf("got\n%s", out)
	}
}

// Every run folder that RUNS has is printed and looked at: RUNS=reports/out go test ./reports -run Stories -v.
func TestStoriesOfRealRuns(t *testing.T) {
	dir := os.Getenv("RUNS")
	if dir == "" {
		t.Skip("RUNS names no folder with runs")
	}
	found, err := filepath.Glob(filepath.Join(dir, "*", ReportFile))
	if err != nil || len(found) == 0 {
		t.Fatalf("got no run in %s: %v", dir, err)
	}
	for _, file := range found {
		run, err := OpenRun(filepath.Dir(file))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, o := range []TextOptions{{}, {Width: 72}} {
			out := text(t, run.Report, o)
			t.Logf("%s\n%s", file, out)
			fits(t, out, 40, max(o.Width, 100))
		}
	}
}
