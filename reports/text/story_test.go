package text

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

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/terminal"
	"github.com/canarylab/canarylab/reports/trace"
)

// bigReport is a run of a story with so many phases, with everything in it that a story can have to tell:
// rollbacks, decisions, failures of several sorts, analyses and long texts. bad is how many of its verdicts do
// not pass.
func bigReport(phases, repeats, bad int) *reports.Report {
	long := strings.Repeat(
		"Istio takes it and says nothing, since every object is right by itself and none of them knows of the others. ",
		12)
	r := &reports.Report{
		Scenario: "service-instead-of-virtualservice",
		Title:    strings.Repeat("Switching versions by the Service's selector breaks callers with a sidecar, ", 3),
		Story:    long, Cause: long, Fix: long, Back: long, Source: long, See: []string{long}, Started: labtrace.Start,
		Took: 10 * time.Minute, Run: "20261123-060102",
		Setup: reports.Setup{Provider: "embedded", Kubernetes: "1.36.1", Istio: "1.31.0", CPUs: 2, Load: labtrace.Plan},
		Files: []reports.File{{Path: reports.ReportFile}, {Path: "report.html"}},
		Notes: []string{long},
		Timeline: &analysis.Timeline{Start: labtrace.Start, BinMS: 100, Bins: 6000, Series: []analysis.Series{
			{Version: "v1", Counts: ones(6000)}, {Version: "v2", From: 700, Counts: ones(4000)},
			{Version: "v3", Counts: ones(10)}, {Version: "v4", Counts: ones(10)},
			{Flag: "503 UH", From: 3000, Counts: ones(2)}, {Flag: "503 UF,URX", From: 3100, Counts: ones(9)},
			{Flag: "0 DC", Version: "v2", From: 3300, Counts: ones(5)},
		}},
		Accounting: analysis.Accounting{Requests: 300_000, Pace: []analysis.Pace{
			{Cohort: "plain", LagP99: 710 * time.Microsecond},
		}},
	}
	for i := range phases + repeats {
		counts := analysis.Counts{Requests: 5000, Versions: map[string]int{"v1": 4500, "v2": 500}, Codes: map[int]int{
			200: 4500, 503: 500,
		}, Failed: analysis.NewShare(500, 5000),
			Flags: map[string]int{"503 UF,URX": 400, "503 UH": 100}}
		for _, hop := range []analysis.Hop{analysis.ClientHop, analysis.ServerHop, analysis.AppHop} {
			counts.Failures = append(counts.Failures, analysis.Failure{
				Code: 503, Flag: "UF,URX", Hop: hop, Origin: "UC", Count: 400,
				Details: "upstream_reset_before_response_started{connection_termination}",
				Cause:   "the app closed the connection before it answered; every retry was used up",
				Subset:  "v2", Version: "v2",
			})
		}
		p := reports.Phase{
			Name:   fmt.Sprintf("canary at %d %% with short streams", i),
			Did:    "kubectl apply the VirtualService of 1-baseline.yaml",
			Action: &reports.Action{Kind: "revert", Brief: "apply route of 1-baseline"}, Repeat: i >= phases,
			Breaks: i == 1, Fixes: i == 2,
			Observation: analysis.Observation{
				Start: labtrace.At(float64(i) * 7000), End: labtrace.At(float64(i)*7000 + 6900),
				SettledAt: labtrace.At(float64(i)*7000 + 500), Settled: analysis.Window{Total: counts},
			},
			Verdicts: []reports.Verdict{
				{
					Want: "istioctl analyze finds IST0173 on the cluster, and nothing in the files alone",
					Saw:  fmt.Sprintf("IST%d on the cluster, nothing in the files", i%3), Outcome: reports.Pass,
					Proof: true, Kind: reports.KindAnalysis,
				},
				{
					Want: "at least 33.333 % of the requests of without-sidecar answered by v2",
					Saw:  analysis.NewShare(500, 5000).String(), Outcome: reports.Pass,
					Claim: &reports.Claim{
						Cohort: "without-sidecar", Subject: "v2", Percent: 33.333, Bound: reports.AtLeast,
						Seen: analysis.NewShare(500, 5000),
					},
				},
			},
		}
		if i%3 == 2 {
			p.Action = &reports.Action{Kind: "undo", Brief: fmt.Sprintf("way %d of my-service", i)}
			p.Observation.Rollback = &analysis.Rollback{Method: fmt.Sprintf(
				"kubectl way %d of my-service", i,
			), Canary: "v2", Resolution: time.Millisecond, Before: analysis.NewShare(500,
				5000), Route: 110 * time.Millisecond,
				Low: 110 * time.Millisecond, High: 140 * time.Millisecond, Chance: 1e-9, Failed: 1234}
			p.Observation.Detection = &analysis.Detection{Decision: trace.Decision{
				By: "a gate that asks Prometheus every 5s (bad: 1 result with more than 5 % failed)", Bad: i%2 == 0,
				Text: long[:80],
			}}
		}
		if i < bad {
			p.Verdicts[1].Outcome, p.Verdicts[1].Why = reports.Fail,
				"a true share of 33.333 % gives 1,560 to 1,780 of 5,000 requests in 19,999 of 20,000 runs"
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
func text(t *testing.T, r *reports.Report, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, r, o); err != nil {
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
		if n := terminal.Cells(line); n > width {
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
				for _, o := range []Options{{}, {Color: true}, {Width: 72}, {Width: 80, ASCII: true}, {Width: 250}} {
					t.Run(fmt.Sprintf(
						"%d phases, %d repeats, %d bad, %d columns, %t, %t", phases, repeats, bad, o.Width, o.Color,
						o.ASCII,
					), func(t *testing.T) {
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
		r.Accounting.Problems = []analysis.Problem{
			{
				Void: true,
				Text: "cohort plain sent late by 9.00 ms at p99, more than 5.00 ms: this machine can't carry that load",
			},
			{Text: "the sample app's counters were not read"},
		}
		r.Conclude()
		out := strings.Join(strings.Fields(text(t, r, Options{})), " ")
		for i := range bad {
			if !strings.Contains(out, fmt.Sprintf("✗ phase %d, canary at %d %%", i+1, i)) {
				t.Errorf("%d bad: phase %d is missing:\n%s", bad, i+1, out)
			}
		}
		if got := strings.Count(out, "why: a true share of 33.333 %"); got != bad {
			t.Errorf("%d bad: got %d reasons, want each", bad, got)
		}
		for _, problem := range r.Accounting.Problems {
			if strings.Count(out, problem.Text) != 1 {
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
	out := text(t, r, Options{})
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
	if all := len(terminal.Wrap(r.Back, 90)); !strings.Contains(m[2], fmt.Sprintf("back %d", all)) {
		t.Errorf("got %q, want all %d lines of back among them", m[2], all)
	}
	if strings.Contains(text(t, labReport(t), Options{}), "folded") {
		t.Error("got a folded line in a story that fits")
	}
}

func TestSparklines(t *testing.T) {
	tl := &analysis.Timeline{Start: labtrace.Start, BinMS: 100, Bins: 8, Series: []analysis.Series{
		{Version: "v1", Counts: []int{100, 100, 100, 100, 50, 50, 0, 100}},
		{Version: "v2", From: 4, Counts: []int{50, 1}},
		{Flag: "503 UH", Version: "", From: 6, Counts: []int{100}},
	}}
	r := &reports.Report{Timeline: tl, Phases: []reports.Phase{
		{Observation: analysis.Observation{Start: labtrace.Start.Add(-30 * time.Millisecond)}}, {},
		{Observation: analysis.Observation{Start: labtrace.Start.Add(400 * time.Millisecond)}},
		{Observation: analysis.Observation{Start: labtrace.Start.Add(401 * time.Millisecond)}},
	}}
	p := newPage(Options{Width: 72})
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
	for name, tl := range map[string]*analysis.Timeline{
		"none": nil, "no bins": {}, "no width": {Bins: 3}, "no series": {Bins: 3, BinMS: 100},
	} {
		p := newPage(Options{})
		p.sparks(&reports.Report{Timeline: tl})
		if p.Len() > 0 {
			t.Errorf("%s: got %q, want nothing", name, p)
		}
	}
}

func TestRanges(t *testing.T) {
	for want, numbers := range map[string][]int{
		"phase 3": {3}, "phases 2 and 3": {2, 3}, "phases 2 – 4": {2, 3, 4},
		"phases 1, 3, 4 and 6 – 9": {1, 3, 4, 6, 7, 8, 9},
		"7 phases from 1 to 13":    {1, 3, 5, 7, 9, 11, 13},
	} {
		if got := ranges(numbers); got != want {
			t.Errorf("%v: got %q, want %q", numbers, got, want)
		}
	}
}

// A row has the failed requests of both parts of a phase. A stream that its caller ended has a flag, and is no error.
func TestFailing(t *testing.T) {
	window := func(failed int, flags map[string]int) analysis.Window {
		return analysis.Window{Total: analysis.Counts{
			Requests: 200, Failed: analysis.NewShare(failed, 200), Flags: flags,
		}}
	}
	none := window(0, nil)
	for want, o := range map[string]analysis.Observation{
		"":                   {},
		"none":               {Transition: none, Settled: window(0, map[string]int{"101 DC": 50, "200 UR": 1})},
		"0 + 23 503 UH +1":   {Settled: window(23, map[string]int{"503 UH": 20, "503 -": 3, "101 DC": 50})},
		"4 + 0 404 NR":       {Transition: window(4, map[string]int{"404 NR": 4}), Settled: none},
		"0 + 4 no answer DC": {Settled: window(4, map[string]int{"0 DC": 4})},
		"2 + 4 503 +1": {
			Transition: window(2, map[string]int{"404 NR": 2}), Settled: window(4, map[string]int{"503 -": 4}),
		},
	} {
		if got := format.Join(" ", failed(reports.Phase{Observation: o}), how(o)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	w := failureKinds([]reports.Phase{
		{Observation: analysis.Observation{
			Settled: analysis.Window{Total: analysis.Counts{
				Failures: []analysis.Failure{{Code: 101, Flag: "DC", Count: 9}, {Code: 404, Flag: "NR", Count: 2}},
			}},
		}},
	})
	if len(w) != 1 || w[0].Code != 404 || w[0].Count != 2 {
		t.Errorf("got %+v, want the 404s alone", w)
	}
}

// hostile has what a terminal obeys, what forges lines, and what is wider or narrower than it has characters.
const hostile = "\x1b[2J\x1b]0;owned\x07\u009b31m\r\n\tfake ✓ pass \u202eessap\u2066\u200b\x7f\xff\xfe 日本語 " +
	"e\u0301e\u0301 👩‍👩‍👧 \U000e0041"

func TestNothingInAReportMovesTheTerminal(t *testing.T) {
	r := labReport(t)
	r.Scenario, r.Title, r.Story, r.Run, r.Broken = hostile, hostile, hostile, hostile, hostile
	r.Cause, r.Source, r.See, r.Fix, r.Back, r.Notes = hostile, hostile, []string{hostile}, hostile, hostile,
		[]string{hostile}
	r.Setup.Provider, r.Setup.Why, r.Setup.Kubernetes, r.Setup.Kernel, r.Setup.About = hostile, hostile, hostile,
		hostile, []string{hostile}
	r.Setup.Load.Cohorts = slices.Clone(r.Setup.Load.Cohorts) // all tests share them
	r.Setup.Load.URL, r.Setup.Load.Cohorts[0].Name = hostile, hostile
	r.Setup.Load.Cohorts[1].Header = map[string]string{hostile: hostile}
	r.BringUp = append(r.BringUp, reports.Step{Name: hostile})
	r.Files = append(r.Files, reports.File{Path: hostile, What: hostile})
	r.Accounting.Problems, r.Accounting.Troubles = []analysis.Problem{{Text: hostile}}, []trace.Event{
		{Phase: hostile, Proxy: hostile, Text: hostile},
	}
	r.Accounting.Unexplained = []analysis.Unexplained{{ID: hostile, Phase: hostile, Why: hostile}}
	r.Accounting.Rows[0].Phase, r.Accounting.Pace[0].Cohort = hostile, hostile
	r.Accounting.Answered = map[string]int{hostile: 3}
	r.Timeline.Series[0].Version, r.Timeline.Series[1].Flag = hostile, hostile
	for i := range r.Phases {
		p := &r.Phases[i]
		p.Name, p.Did = hostile, hostile
		w := &p.Observation.Settled
		for _, c := range []*analysis.Counts{&w.Total} {
			c.Versions[hostile], c.Flags = 3, map[string]int{hostile: 4}
			c.Latency[hostile] = analysis.Latency{N: 3}
			c.Failures = []analysis.Failure{{
				Code: 503, Flag: hostile, Hop: hostile, Origin: hostile, Cause: hostile, Details: hostile,
				Subset: hostile, Version: hostile, Count: 4,
			}}
		}
		w.Cohorts[hostile] = w.Total
		p.Observation.Moments = append(p.Observation.Moments, analysis.Moment{Kind: hostile, First: time.Second})
		if c := p.Observation.Change; c != nil {
			c.Rejections = []string{hostile}
		}
		if b := p.Observation.Rollback; b != nil {
			b.Method, b.Canary, b.Kinds = hostile, hostile, map[string]int{hostile: 2}
		}
		p.Observation.Detection = &analysis.Detection{Decision: trace.Decision{By: hostile, Text: hostile}}
		p.Verdicts = append(p.Verdicts, reports.Verdict{
			Want: hostile, Saw: hostile, Why: hostile, Outcome: hostile,
			Claim: &reports.Claim{Cohort: hostile, Subject: hostile},
		})
	}
	for _, o := range []Options{
		{}, {Full: true}, {ASCII: true}, {ASCII: true, Full: true}, {Width: 72}, {Color: true},
		{Color: true, Full: true},
	} {
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
				if terminal.Cells(line) > width && !strings.Contains(line, "--full") && !strings.HasPrefix(
					line, "folder",
				) {
					t.Errorf("%+v: line %d: got %d columns, want %d: %s", o, i+1, terminal.Cells(line), width, line)
				}
			}
		}
	}
	// What was printed was a copy.
	if r.Scenario != hostile || r.Phases[0].Observation.Settled.Total.Versions[hostile] != 3 ||
		r.Timeline.Series[0].Version != hostile {
		t.Error("the report itself was changed")
	}
	var b bytes.Buffer
	if err := WriteSummaries(
		&b, []reports.Summary{{Scenario: hostile, Outcome: hostile, Claimed: hostile, Seen: hostile}}, Options{},
	); err != nil || strings.ContainsRune(b.String(), '\x1b') {
		t.Errorf("a summary: got %q, %v", b.String(), err)
	}
}

// A path is to be copied: it is one word on one line, whatever the width.
func TestStoryDoesNotBreakPaths(t *testing.T) {
	r := labReport(t)
	dir := filepath.Join(strings.Repeat("/a-long-folder", 12), "run")
	if out := text(t, r, Options{Dir: dir}); !strings.Contains(out, "folder    "+dir+"\n") {
		t.Errorf("without a page: got\n%s", out)
	}
	out := text(t, r, Options{Dir: dir, Page: dir + "/report.html"})
	if !strings.Contains(out, "look      "+dir+"/report.html\n") || !strings.Contains(
		out, "canarylab report --full "+dir+"\n",
	) {
		t.Errorf("got\n%s", out)
	}
}

// Every run folder that RUNS has is printed and looked at: RUNS=reports/out go test ./reports -run Stories -v.
func TestStoriesOfRealRuns(t *testing.T) {
	dir := os.Getenv("RUNS")
	if dir == "" {
		t.Skip("RUNS names no folder with runs")
	}
	found, err := filepath.Glob(filepath.Join(dir, "*", reports.ReportFile))
	if err != nil || len(found) == 0 {
		t.Fatalf("got no run in %s: %v", dir, err)
	}
	for _, file := range found {
		run, err := reports.OpenRun(filepath.Dir(file))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, o := range []Options{{}, {Width: 72}} {
			out := text(t, run.Report, o)
			t.Logf("%s\n%s", file, out)
			fits(t, out, 40, max(o.Width, 100))
		}
	}
}
