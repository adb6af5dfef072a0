package describe_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/describe"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// The rows are of the newest runs that came to what breaks. A story without one keeps its row; a twin's run is none.
func TestDetectorsPage(t *testing.T) {
	kept := "| [`other-story`](scenarios/other-story.md) | what an earlier run showed |"
	root := tree(t, bare)
	put(t, root, describe.Detectors, "# Who\n<!-- detectors: made -->\nold\n"+kept+"\n<!-- /detectors -->\nafter\n")
	run := func(stamp string, codes map[int]int, change func(*reports.Report)) {
		start := time.Date(2026, 11, 28, 6, 0, 0, 0, time.UTC)
		window := func(codes map[int]int) analysis.Observation {
			return analysis.Observation{Settled: analysis.Window{
				Start: start, End: start.Add(10 * time.Second),
				Total: analysis.Counts{Requests: 1000, Codes: codes, Versions: map[string]int{"v1": 900, "v2": 100}},
			}}
		}
		r := &reports.Report{
			Schema: reports.Schema, Scenario: "my-story", Outcome: reports.Pass, Phases: []reports.Phase{
				{Name: "baseline", Observation: window(map[int]int{200: 1000})},
				{Name: "canary", Breaks: true, Observation: window(codes)},
			},
		}
		change(r)
		dir := filepath.Join(root, "reports/out", stamp+"-my-story-abc")
		put(t, root, filepath.Join("reports/out", stamp+"-my-story-abc", "x"), "")
		if err := r.Save(dir); err != nil {
			t.Fatal(err)
		}
	}
	failing := map[int]int{200: 900, 503: 100}
	run("20261120-060000", map[int]int{200: 1000}, func(*reports.Report) {}) // older
	run("20261121-060000", failing, func(*reports.Report) {})
	run("20261122-060000", map[int]int{200: 1000}, func(r *reports.Report) { r.Phases = r.Phases[:1] })
	run("20261123-060000", map[int]int{200: 1000}, func(r *reports.Report) { r.Setup.API = harness.GatewayAPI })
	run("20261124-060000", map[int]int{200: 1000}, func(r *reports.Report) { r.Outcome = reports.Fail })
	other := story
	other.Name = "other-story"
	docs, err := describe.Docs(root, []harness.Scenario{story})
	if err != nil {
		t.Fatal(err)
	}
	page := string(docs[describe.Detectors])
	for _, want := range []string{
		"| story | analyze, files | analyze, cluster | callers' 5xx |",
		"| [`my-story`](scenarios/my-story.md) | – | – | **6 s** | blind |", "**callers' 5xx**: more than 1 %",
		"\nafter\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("want %q in\n%s", want, page)
		}
	}
	if strings.Contains(page, "old\n") || strings.Contains(page, kept) {
		t.Errorf("want neither what is not the catalogue's nor what was there in\n%s", page)
	}
	if docs, err = describe.Docs(root, []harness.Scenario{other}); err != nil {
		t.Fatal(err)
	}
	if page := string(docs[describe.Detectors]); !strings.Contains(page, kept+"\n") {
		t.Errorf("want the row that was there for a story without a run in\n%s", page)
	}
}
