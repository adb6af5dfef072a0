package describe_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/describe"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/markdown"
)

// story has everything that a scenario can have to tell, and characters that Markdown takes for its own.
var story = harness.Scenario{
	Name: "my-story", Title: "A canary | of a kind", Story: "It *begins* with <one> thing.",
	Labels: []string{harness.Core},
	Cause:  "A label_name that no `pod` has & never had.", Source: "pilot/x.go", Fix: "Fix it.", Back: "One write.",
	See: []string{"kubectl get pods -o 'custom-columns=A:.b: c': the pods.", "The log: 503 UH."},
	Files: fstest.MapFS{
		"my-story/2-canary.yaml":   {Data: []byte("# Second.\na: \"```\"\n")},
		"my-story/1-baseline.yaml": {Data: []byte("# First.\nb: 1\n")},
	},
	Load: loadgen.Plan{URL: "http://my-service/", FreshConnections: true, Cohorts: []loadgen.Cohort{
		{Name: "beta", Rate: 50, Header: map[string]string{"X-B": "2", "X-A": "1"}},
		{Name: "bare", Rate: 10, Entry: loadgen.Plain},
	}},
	Canary: "v2",
	Phases: []harness.Phase{
		{Name: "baseline", Do: harness.Apply("1-baseline.yaml"), Expect: []expect.Expectation{
			expect.Share("v1", 100), expect.NoErrors(),
		}},
		{Name: "canary", Do: harness.Apply("2-canary.yaml"), Breaks: true, Await: []harness.Proof{
			harness.Ejected{Subset: "v2", Want: 1},
		},
			Prove: []harness.Proof{harness.Analysis{Code: "IST0173"}}, Until: harness.SequentialTest{Good: 1, Bad: 30}},
		{Name: "again", Until: harness.SequentialTest{Good: 1, Bad: 30}},
		{
			Name: "rollback", Do: harness.Revert("1-baseline.yaml"), Rollback: true, Fixes: true,
			Expect: []expect.Expectation{expect.RecoveredWithin(time.Second)},
		},
		{Name: "once more", Repeat: true},
	},
}

func TestText(t *testing.T) {
	var b bytes.Buffer
	if err := describe.Text(&b, describe.Of(story), 0); err != nil {
		t.Fatal(err)
	}
	want := `my-story: A canary | of a kind

      It *begins* with <one> thing.

why   A label_name that no ` + "`pod`" + ` has & never had.
      pilot/x.go
see   kubectl get pods -o 'custom-columns=A:.b: c': the pods.
      The log: 503 UH.
fix   Fix it.
back  One write.
load  GET http://my-service/: beta 50 requests a second with X-A: 1 and X-B: 2; bare 10 requests a
      second from a pod without a sidecar; a new connection for each

 1 baseline: kubectl apply -f 1-baseline.yaml
   claims  100 % of all requests answered by v1; no errors among all requests
 2 canary (breaks it): kubectl apply -f 2-canary.yaml
   awaits  every caller's proxy has ejected 1 host of subset v2
   until   a sequential test of 1 % bad answers against 30 % (it calls a good canary bad with a
           probability of 0.001 at most, however long it watches, and finds 30 % after some 11
           answers)
   proves  istioctl analyze finds IST0173 on the cluster, and nothing in the files alone
 3 again
   until   the same as in phase 2
 4 rollback (mends it): kubectl apply the VirtualService of 1-baseline.yaml
   claims  the rollback is effective within 1s
   and 1 more phase, which repeats one of these
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
	for _, width := range []int{1, 72, 80, 300} {
		b.Reset()
		if err := describe.Text(&b, describe.Of(story), width); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > min(max(width, 72), 100) {
				t.Errorf("width %d: got a line of %d: %s", width, n, line)
			}
		}
	}
}

func TestPage(t *testing.T) {
	var b bytes.Buffer
	if err := describe.Page(&b, story); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{
		"<!-- Made by make docs from scenarios/my_story.go: change it there. -->\n# my-story\n\nA canary | of a " +
			"kind.\n",
		"It \\*begins\\* with &lt;one&gt; thing.",
		"A label\\_name that no \\`pod\\` has &amp; never had.\n\nWhere that is decided: pilot/x.go.",
		"- `kubectl get pods -o 'custom-columns=A:.b: c'`: the pods.\n- The log: 503 UH.\n",
		"- beta 50 requests a second with X-A: 1 and X-B: 2\n",
		"| 2 | canary (**breaks it**) | `kubectl apply -f 2-canary.yaml`<br>waits until every caller's proxy has " +
			"ejected 1 host of subset v2<br>lasts until a decision by a sequential test",
		"| *istioctl analyze finds IST0173 on the cluster, and nothing in the files alone* |\n",
		"| 4 | rollback (**mends it**) | `kubectl apply the VirtualService of 1-baseline.yaml` | " +
			"the rollback is effective within 1s |\n",
		"… and 1 more phase, which repeats one of these.",
		"[1-baseline.yaml](../../scenarios/my-story/1-baseline.yaml)\n\n```yaml\n# First.\nb: 1\n```\n",
		"````yaml\n# Second.\na: \"```\"\n````\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("want %q in\n%s", want, page)
		}
	}
	if strings.Index(page, "# First.") > strings.Index(page, "# Second.") {
		t.Error("the files are not in order")
	}
}

// tree is a source tree with a page for the tables.
func tree(t *testing.T, page string) string {
	t.Helper()
	root := t.TempDir()
	put(t, root, describe.Catalogue, page)
	return root
}

func put(t *testing.T, root, path, text string) {
	t.Helper()
	file := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const bare = "# Lab\n<!-- scenarios: made -->\nold\n<!-- /scenarios -->\nbetween\n" +
	"<!-- twins: made -->\nold\n<!-- /twins -->\n<!-- results: made -->\nold " +
	"results\n<!-- /results -->\nafter\n"

func TestWrite(t *testing.T) {
	root := tree(t, bare)
	put(t, root, "docs/scenarios/gone.md", "a scenario that is no more")
	all := []harness.Scenario{story}
	changed, err := describe.Write(root, all)
	if want := []string{
		"docs/scenarios.md", "docs/scenarios/gone.md", "docs/scenarios/my-story.md",
	}; err != nil || !slices.Equal(changed, want) {
		t.Fatalf("got %q, %v, want %q", changed, err, want)
	}
	page, err := os.ReadFile(filepath.Join(root, describe.Catalogue))
	if err != nil {
		t.Fatal(err)
	}
	want := "# Lab\n<!-- scenarios: made -->\n| name | story | routes |\n|---|---|---|\n" +
		"| [`my-story`](scenarios/my-story.md) | A canary \\| of a kind | VirtualService |\n<!-- /scenarios -->\n" +
		"between\n<!-- twins: made -->\n| name | why not |\n|---|---|\n<!-- /twins -->\n" +
		"<!-- results: made -->\nold results\n<!-- /results -->\nafter\n"
	if string(page) != want {
		t.Errorf("got\n%s\nwant\n%s", page, want)
	}
	if _, err := os.Stat(filepath.Join(root, "docs/scenarios/gone.md")); !os.IsNotExist(err) {
		t.Errorf("got %v for the page of a scenario that is gone, want it removed", err)
	}
	if changed, err = describe.Write(root, all); err != nil || len(changed) > 0 {
		t.Errorf("a second time: got %q, %v, want nothing to change", changed, err)
	}
}

// The results are of the newest table that has all scenarios: a table of some must not take the others' rows away.
func TestResults(t *testing.T) {
	root := tree(t, bare)
	table := func(stamp, seen string, names ...string) {
		var all []reports.Summary
		for _, name := range names {
			all = append(all, reports.Summary{Scenario: name, Seen: seen})
		}
		var b bytes.Buffer
		if err := markdown.Summary(&b, all); err != nil {
			t.Fatal(err)
		}
		put(t, root, "reports/out/"+stamp+"-summary.md", b.String())
	}
	table("20261120-060000", "older", "my-story")
	table("20261122-060000", "newest", "other", "my-story")
	table("20261123-060000", "some", "other")
	put(t, root, "reports/out/latest-summary.md", "| `my-story` | of no time |")
	run := filepath.Join(root, "reports/out/20261122-060105-my-story")
	if err := os.MkdirAll(run, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := (&reports.Report{Scenario: "my-story", Setup: reports.Setup{
		Provider: "kind", CPUs: 4,
	}}).Save(run); err != nil {
		t.Fatal(err)
	}
	docs, err := describe.Docs(root, []harness.Scenario{story})
	if err != nil {
		t.Fatal(err)
	}
	want := "<!-- results: made -->\nWhat they showed, one run each (2026-11-22, kind, 4 cores); " +
		"`make scenarios` makes this table:\n\n| scenario |"
	if got := string(docs[describe.Catalogue]); !strings.Contains(got, want) || !strings.Contains(
		got, "newest",
	) || !strings.Contains(got, "|\n<!-- /results -->") || strings.Contains(got, "old results") {
		t.Errorf("got\n%s\nwant %q", got, want)
	}
}

func TestDocsRefuseAPageWithoutMarks(t *testing.T) {
	for name, page := range map[string]string{
		"no marks": "# Lab\n", "no end": "<!-- scenarios: made -->\n",
		"end first":   "<!-- /scenarios -->\n<!-- scenarios: made -->\n",
		"on one line": "<!-- scenarios: made --><!-- /scenarios -->\n",
	} {
		if _, err := describe.Docs(tree(t, page), []harness.Scenario{story}); err == nil || !strings.Contains(
			err.Error(), "<!-- scenarios:",
		) {
			t.Errorf("%s: got %v, want an error that names the mark", name, err)
		}
	}
	if _, err := describe.Docs(t.TempDir(), nil); err == nil {
		t.Error("no page: got no error")
	}
}
