package reports

import (
	"bytes"
	"errors"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/internal/golden"
)

func TestTextGolden(t *testing.T) {
	broken := labReport()
	broken.Phases = broken.Phases[:2]
	broken.Phases[1].Observation = Observation{Phase: "canary"}
	broken.Phases[1].Verdicts = []Verdict{{Want: "5 % of all requests answered by v2", Saw: "no requests", Outcome: Inconclusive, Why: "the phase never began"}}
	broken.Broken = "interrupted by Ctrl-C"
	broken.Books.Problems = []string{"3 things are not explained: the first is r1-plain-7 (the caller's proxy has no log entry of it)"}
	broken.Books.Unexplained = []Unexplained{{"r1-plain-7", "canary", "the caller's proxy has no log entry of it"}, {"lifev1-9 to 10", "", "pod v1-1 received 2 requests that no proxy and no caller knows of"}}
	broken.Books.UnexplainedTotal = 3
	broken.Books.Troubles = []Event{{At: at(7000), Kind: Trouble, Phase: "canary", Text: "istiod: pod istiod-1 was taken away"}}
	broken.BringUp, broken.Notes = nil, nil
	broken.Conclude()
	back := analyze(rollbackTrace(func(ms float64, s *loadgen.Sample) {
		if ms > 2000 && ms < 2150 || ms == 3970 {
			s.Version = "v2"
		}
	}), []PhaseSpec{{Name: "canary"}, {Name: "back", Rollback: true, Method: "kubectl apply", Canary: "v2"}}, loadgen.Plan{}).Observations
	stray := &Report{Scenario: "stray", Title: "A healthy canary that comes back", Outcome: Fail}
	for _, o := range back {
		s := o.Settled.Total.Shares["v2"]
		stray.Phases = append(stray.Phases, Phase{Name: o.Phase, Observation: o, Verdicts: []Verdict{
			{Want: "some of v2", Saw: s.String(), Outcome: Pass, Claim: &Claim{Subject: "v2", Percent: 12.5, Seen: s}},
			{Want: "status 200 for plain", Saw: "all", Outcome: Pass, Claim: &Claim{Cohort: "plain", Subject: "200", Percent: 100}},
			{Want: "unknown outcome", Saw: "nothing", Outcome: "odd", Why: "a newer version wrote it"},
		}})
	}
	stray.Phases[1].Observation.Change.Writing = stray.Phases[1].Observation.Change.Written.Add(-2 * time.Second)
	passed := labReport()
	for i := range passed.Phases {
		p := &passed.Phases[i]
		p.Breaks, p.Fixes = i == 1, i == 3
		for j := range p.Verdicts {
			p.Verdicts[j].Outcome, p.Verdicts[j].Why = Pass, ""
		}
	}
	passed.Phases[2].Did = "kubectl apply the VirtualService of 1-baseline.yaml"
	passed.Phases[3].Did = `inject {"errorRate":0.2,"errorCode":500,"latency":"150ms","jitter":"0s"} into every pod of v2`
	passed.Conclude()
	for _, test := range []struct {
		name string
		r    *Report
		o    TextOptions
	}{
		{"label-mismatch", labReport(), TextOptions{Full: true}},
		{"label-mismatch-color", labReport(), TextOptions{Full: true, Color: true}},
		{"label-mismatch-72", labReport(), TextOptions{Full: true, Width: 72}},
		{"broken", broken, TextOptions{Full: true}},
		{"stray", stray, TextOptions{Full: true}},
		{"empty", &Report{Scenario: "nothing"}, TextOptions{Full: true}},
		{"story", labReport(), TextOptions{Dir: "reports/out/20261123-060102-label-mismatch"}},
		{"story-passed", passed, TextOptions{}},
		{"story-big", bigReport(10, 73, 0), TextOptions{Dir: "reports/out/big", Page: "reports/out/big/report.html"}},
		{"story-big-72", bigReport(5, 0, 1), TextOptions{Width: 72}},
		{"story-color", labReport(), TextOptions{Color: true}},
		{"story-72", labReport(), TextOptions{Width: 72}},
		{"story-ascii", labReport(), TextOptions{ASCII: true}},
		{"story-broken", broken, TextOptions{Problems: []string{"trace.jsonl ends in the middle of a line."}}},
		{"story-stray", stray, TextOptions{}},
		{"story-empty", &Report{Scenario: "nothing"}, TextOptions{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Text(&b, test.r, test.o); err != nil {
				t.Fatal(err)
			}
			golden.Check(t, test.name+".golden", b.Bytes())
		})
	}
}

func TestTextFitsItsWidth(t *testing.T) {
	for _, width := range []int{72, 80, 100} {
		var b bytes.Buffer
		if err := Text(&b, labReport(), TextOptions{Width: width, Color: true}); err != nil {
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
	if err := Text(brokenPipe{}, labReport(), TextOptions{}); !errors.Is(err, errPipe) {
		t.Errorf("got error %v, want %v", err, errPipe)
	}
}

func TestShort(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0 ms": 0, "0.96 ms": 960 * time.Microsecond, "9.99 ms": 9994 * time.Microsecond, "10.0 ms": 9995 * time.Microsecond,
		"99.9 ms": 99949 * time.Microsecond, "100 ms": 99950 * time.Microsecond, "131 ms": 131 * time.Millisecond,
		"1.00 s": 999600 * time.Microsecond, "12.3 s": 12340 * time.Millisecond, "1m00s": 59950 * time.Millisecond,
		"2m05s": 125 * time.Second, "-20.0 ms": -20 * time.Millisecond,
		"-153722867m16s": math.MinInt64,
	} {
		if got := short(d); got != want {
			t.Errorf("short(%v): got %q, want %q", d, got, want)
		}
	}
}
