package html

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/internal/golden"
	"github.com/canarylab/canarylab/reports/trace"
)

// draw is the page of a run.
func draw(t testing.TB, run *reports.Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, run); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	// What is the same on every page is not in the golden files.
	same := regexp.MustCompile(`(?s)<style>.*?</style>|<script>.*?</script>|sha256-.*?&#39;`)
	for name, run := range runs(t) {
		t.Run(name, func(t *testing.T) {
			golden.Check(t, name+".golden", []byte(same.ReplaceAllString(draw(t, run), "…")))
		})
	}
}

// runs are those that the page has to look right for.
func runs(t testing.TB) map[string]*reports.Run {
	broken := story(t)
	broken.Phases = broken.Phases[:2]
	broken.Phases[1].Observation = analysis.Observation{Phase: "canary at 20 %"}
	broken.Phases[1].Verdicts = []reports.Verdict{{
		Want: "20 % of all requests: 503 UH", Saw: "no requests", Outcome: reports.Inconclusive,
		Why: "the phase never began",
	}}
	broken.Broken = "interrupted by Ctrl-C"
	broken.Accounting.Problems = []analysis.Problem{{Text: "1 thing is not explained"}}
	broken.Accounting.Unexplained, broken.Accounting.UnexplainedTotal = []analysis.Unexplained{{
		ID: "r1-everyone-7", Phase: "baseline", Why: "no log entry",
	}}, 1
	broken.Accounting.Troubles = []trace.Event{{
		At: at(700), Kind: trace.Trouble, Phase: "baseline", Text: "a pod was evicted",
	}}
	broken.Conclude()
	old := story(t)
	old.Timeline, old.Curves = nil, nil
	for i := range old.Phases {
		old.Phases[i].Observation.Closeup = nil
	}
	return map[string]*reports.Run{
		"label-mismatch": storyRun(t, story(t)),
		"broken":         open(t, broken, nil),
		"old":            open(t, old, nil),
		"empty": open(
			t,
			&reports.Report{
				Scenario: "nothing", Title: "No request was ever sent", Phases: []reports.Phase{{Name: "baseline"}},
			},
			nil,
		),
	}
}

func TestSaysWhatIsWrongFirst(t *testing.T) {
	all := runs(t)
	for name, want := range map[string][]string{
		"label-mismatch": {"1 of 7 claims could not be decided", "There: 25.0 % of the requests of beta were " +
			"answered by v2 (18 of 72), where 20 % was claimed.",
			"The subset v2 asks for the label version: v2.0, and no pod has it."},
		"broken": {
			"The run did not come to its end: interrupted by Ctrl-C", "1 thing is not explained",
			"What was seen all the same",
		},
		"old":   {"has no trace: there is no timeline"},
		"empty": {"No request was sent"},
	} {
		page := draw(t, all[name])
		head, _, _ := strings.Cut(page, `<section id="timeline">`)
		for _, w := range want {
			if !strings.Contains(head, w) {
				t.Errorf("%s: the head of the page lacks %q", name, w)
			}
		}
	}
}

func TestMarksTheLineThatMatters(t *testing.T) {
	page := draw(t, storyRun(t, story(t)))
	key := regexp.MustCompile(
		`<tr class="keyline add">.*?<pre>(.*?)</pre>(<strong class="note">◀ (.*?)</strong>)?`,
	).FindAllStringSubmatch(page, -1)
	var got []string
	for _, k := range key {
		got = append(got, strings.TrimSpace(k[1])+" | "+k[3])
	}
	want := []string{"version: v2.0 # no pod has this label | this line breaks it", "version: v2 | this line mends it"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got lines %q, want %q", got, want)
	}
	if !strings.Contains(
		page, `<tr class="del"><td class="ln"></td><td class="sg">−</td><td class="src"><pre>      weight: 100</pre>`,
	) {
		t.Error("the weight that was before is not shown as gone")
	}
}

func TestManifestsFollowThePhases(t *testing.T) {
	route := func(weight int) string {
		return fmt.Sprintf("kind: VirtualService\nmetadata:\n  name: a\nspec:\n  v1: %d\n  v2: %d\n", 100-weight,
			weight)
	}
	report := &reports.Report{Phases: []reports.Phase{
		{Name: "base", Did: "kubectl apply -f 1.yaml"}, {Name: "out", Did: "kubectl apply -f 2.yaml", Breaks: true},
		{Name: "back", Did: "kubectl apply the VirtualService of 1.yaml"},
		{Name: "again", Did: "kubectl apply -f 3.yaml"}, {Name: "same", Did: "kubectl apply -f 4.yaml"},
		{Name: "gone", Did: "kubectl delete -f 4.yaml"}, {Name: "new", Did: "kubectl apply -f 5.yaml"},
	}, Files: []reports.File{{Path: "manifests/callers.yaml"}}}
	files := map[string]string{
		"callers.yaml": "kind: Pod\n", "1.yaml": route(0), "2.yaml": route(10), "3.yaml": route(10),
		"4.yaml": route(10), "5.yaml": route(20),
	}
	for i := 1; i <= 5; i++ {
		report.Files = append(report.Files, reports.File{Path: fmt.Sprintf("manifests/%d.yaml", i)})
	}
	var got []string
	for _, v := range newManifests(open(t, report, files)) {
		got = append(got, fmt.Sprintf(
			"%s in %s: %d changed, %d marked, lab %v", v.Name, strings.Join(v.Phases, "+"), v.Changed, v.Key, v.Lab,
		))
	}
	want := []string{
		"1.yaml in base+back: 0 changed, 0 marked, lab false",
		"2.yaml in out: 4 changed, 2 marked, lab false",
		"3.yaml in again: 4 changed, 0 marked, lab false", // what 2.yaml wrote was taken back
		"4.yaml in same+gone: 0 changed, 0 marked, lab false",
		"5.yaml in new: 0 changed, 0 marked, lab false", // 4.yaml's object is gone: all of it is new
		"callers.yaml in : 0 changed, 0 marked, lab true",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSizeAndTime(t *testing.T) {
	run := &reports.Run{Report: long()}
	began := time.Now()
	page := draw(t, run)
	took := time.Since(began)
	t.Logf("%d kB in %v", len(page)/1000, took)
	if len(page) > 2_000_000 {
		t.Errorf("the page has %d bytes, want 2 MB at most", len(page))
	}
	if took > 2*time.Second {
		t.Errorf("the page took %v, want 2 s at most", took)
	}
}

// BenchmarkWrite says which part of its budget of 2 s and 2 MB a run of ten minutes at 1,000 requests a second takes.
func BenchmarkWrite(b *testing.B) {
	run := &reports.Run{Report: long()}
	var size int
	for b.Loop() {
		size = len(draw(b, run))
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/2, "of-2s")
	b.ReportMetric(float64(size)/2e6, "of-2MB")
}

// errPipe is what a broken pipe says.
var errPipe = errors.New("broken pipe")

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errPipe }

func TestWriteReturnsItsError(t *testing.T) {
	if err := Write(brokenPipe{}, storyRun(t, story(t))); !errors.Is(err, errPipe) {
		t.Errorf("got error %v, want %v", err, errPipe)
	}
	if err := Write(io.Discard, &reports.Run{Report: &reports.Report{}}); err != nil {
		t.Errorf("got error %v for an empty report, want none", err)
	}
}
