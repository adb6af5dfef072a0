package text

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/internal/golden"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/trace"
)

func TestTextGolden(t *testing.T) {
	broken := labReport(t)
	broken.Phases = broken.Phases[:2]
	broken.Phases[1].Observation = analysis.Observation{Phase: "canary"}
	broken.Phases[1].Verdicts = []reports.Verdict{{
		Want: "5 % of all requests answered by v2", Saw: "no requests", Outcome: reports.Inconclusive,
		Why: "the phase never began",
	}}
	broken.Broken = "interrupted by Ctrl-C"
	broken.Accounting.Problems = []analysis.Problem{{
		Text: "3 things are not explained: the first is r1-plain-7 (the caller's proxy has no log entry of it)",
	}}
	broken.Accounting.Unexplained = []analysis.Unexplained{
		{ID: "r1-plain-7", Phase: "canary", Why: "the caller's proxy has no log entry of it"},
		{ID: "lifev1-9 to 10", Phase: "", Why: "pod v1-1 received 2 requests that no proxy and no caller knows of"},
	}
	broken.Accounting.UnexplainedTotal = 3
	broken.Accounting.Troubles = []trace.Event{{
		At: labtrace.At(7000), Kind: trace.Trouble, Phase: "canary", Text: "istiod: pod istiod-1 was taken away",
	}}
	broken.BringUp, broken.Notes = nil, nil
	broken.Conclude()
	back := analyze(t, labtrace.Rollback(func(ms float64, s *loadgen.Sample) {
		if ms > 2000 && ms < 2150 || ms == 3970 {
			s.Version = "v2"
		}
	}), []analysis.PhaseSpec{{Name: "canary"}, {
		Name: "back", Rollback: true, Method: "kubectl apply", Canary: "v2",
	}}, loadgen.Plan{}).Observations
	stray := &reports.Report{Scenario: "stray", Title: "A healthy canary that comes back", Outcome: reports.Fail}
	for _, o := range back {
		s := o.Settled.Total.Shares["v2"]
		stray.Phases = append(stray.Phases, reports.Phase{Name: o.Phase, Observation: o, Verdicts: []reports.Verdict{
			{Want: "some of v2", Saw: s.String(), Outcome: reports.Pass, Claim: &reports.Claim{
				Subject: "v2", Percent: 12.5, Seen: s,
			}},
			{Want: "status 200 for plain", Saw: "all", Outcome: reports.Pass, Claim: &reports.Claim{
				Cohort: "plain", Subject: "200", Percent: 100,
			}},
			{Want: "unknown outcome", Saw: "nothing", Outcome: "odd", Why: "a newer version wrote it"},
		}})
	}
	stray.Phases[1].Observation.Change.Writing = stray.Phases[1].Observation.Change.Written.Add(-2 * time.Second)
	passed := labReport(t)
	for i := range passed.Phases {
		p := &passed.Phases[i]
		p.Breaks, p.Fixes = i == 1, i == 3
		for j := range p.Verdicts {
			p.Verdicts[j].Outcome, p.Verdicts[j].Why = reports.Pass, ""
		}
	}
	passed.Phases[2].Action = &reports.Action{Kind: "revert", Brief: "apply route of 1-baseline"}
	passed.Phases[3].Action = &reports.Action{Kind: "inject", Brief: "inject errorRate:0.2,latency:150ms into v2"}
	passed.Conclude()
	for _, test := range []struct {
		name string
		r    *reports.Report
		o    Options
	}{
		{"label-mismatch", labReport(t), Options{Full: true}},
		{"label-mismatch-color", labReport(t), Options{Full: true, Color: true}},
		{"label-mismatch-72", labReport(t), Options{Full: true, Width: 72}},
		{"broken", broken, Options{Full: true}},
		{"stray", stray, Options{Full: true}},
		{"empty", &reports.Report{Scenario: "nothing"}, Options{Full: true}},
		{"story", labReport(t), Options{Dir: "reports/out/20261123-060102-label-mismatch"}},
		{"story-passed", passed, Options{}},
		{"story-big", bigReport(10, 73, 0), Options{Dir: "reports/out/big", Page: "reports/out/big/report.html"}},
		{"story-big-72", bigReport(5, 0, 1), Options{Width: 72}},
		{"story-color", labReport(t), Options{Color: true}},
		{"story-72", labReport(t), Options{Width: 72}},
		{"story-ascii", labReport(t), Options{ASCII: true}},
		{"story-broken", broken, Options{Problems: []string{"trace.jsonl ends in the middle of a line."}}},
		{"story-stray", stray, Options{}},
		{"story-empty", &reports.Report{Scenario: "nothing"}, Options{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, test.r, test.o); err != nil {
				t.Fatal(err)
			}
			golden.Check(t, test.name+".golden", b.Bytes())
		})
	}
}

func TestTextFitsItsWidth(t *testing.T) {
	for _, width := range []int{72, 80, 100} {
		var b bytes.Buffer
		if err := Write(&b, labReport(t), Options{Width: width, Color: true}); err != nil {
			t.Fatal(err)
		}
		plain := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(b.String(), "")
		for i, line := range strings.Split(plain, "\n") {
			if n := utf8.RuneCountInString(line); n > width {
				t.Errorf("line %d: got %d columns, want %d at most: %s", i+1, n, width, line)
			}
			if line != strings.TrimRight(line, " ") {
				t.Errorf("line %d ends with spaces: %q", i+1, line)
			}
		}
	}
}

// brokenPipe refuses to be written to.
type brokenPipe struct{}

var errPipe = errors.New("broken pipe")

func (brokenPipe) Write([]byte) (int, error) { return 0, errPipe }
func (brokenPipe) Close() error              { return nil }

func TestTextReturnsWriteError(t *testing.T) {
	if err := Write(brokenPipe{}, labReport(t), Options{}); !errors.Is(err, errPipe) {
		t.Errorf("got error %v, want %v", err, errPipe)
	}
}
