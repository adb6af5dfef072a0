package render

import (
	"bytes"
	"encoding/json"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/compare"
	"github.com/canarylab/canarylab/reports/text"
)

// failing is a run in which 254 requests failed in phases, and 3 outside of all. Its last phase repeats the second.
func failing(t *testing.T) *reports.Report {
	t.Helper()
	r := told(t)
	r.Accounting.OutsideFailed = 3
	// told has phases twice, and the accounting by name has each once.
	r.Phases = r.Phases[:4]
	again := r.Phases[1]
	again.Name, again.Repeat = "canary again", true
	for i := range again.Verdicts {
		again.Verdicts[i].Outcome = reports.Pass
	}
	r.Phases = append(r.Phases, again)
	row := r.Accounting.Rows[1]
	row.Phase = again.Name
	last := len(r.Accounting.Rows) - 1
	r.Accounting.Rows = append(r.Accounting.Rows[:last:last], row, r.Accounting.Rows[last])
	r.Accounting.Problems = nil
	r.Conclude()
	return r
}

// added adds up the numbers that a pattern's groups find.
func added(t *testing.T, s, pattern string) (sum int) {
	t.Helper()
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(s, -1) {
		for _, n := range m[1:] {
			i, err := strconv.Atoi(strings.ReplaceAll(n, ",", ""))
			if err != nil {
				t.Fatalf("%q: %v", m[0], err)
			}
			sum += i
		}
	}
	return sum
}

// TestFailedOfPhasesAddUpToTheRuns: whoever adds up what a format has of each phase gets the number that it shows
// of the run. The patterns find the numbers of phases, and those outside of all.
func TestFailedOfPhasesAddUpToTheRuns(t *testing.T) {
	const number, outside = `([0-9,]+)`, `, ([0-9,]+) of them outside of every phase`
	const both = number + ` \+ ` + number
	run := open(t, filepath.Join(t.TempDir(), "run"), failing(t))
	want := reports.Summarize(run.Report).Burned
	if want != 254+242+3 {
		t.Fatalf("got %d failed requests in the run, want 499", want)
	}
	type patterns struct {
		total string
		parts []string
	}
	shown := map[string]patterns{
		"text":  {number + ` in all`, []string{`(?m)^ +[a-z][a-z ]+ +[0-9,]+ +` + both + ` `, outside}},
		"md":    {number + ` failed`, []string{both + ` \|`, outside}},
		"html":  {`<span>` + number + ` failed`, []string{`<td class="r">` + both + `</td>`, outside}},
		"junit": {`"requests.failed" value="` + number, []string{`"(?:requests\.)?failed\.[^"]*" value="` + number}},
		"story": {number + ` in all`, []string{both + ` `, `passed: ` + number + ` failed`, outside}},
		// A system that keeps figures adds up by itself.
		"openmetrics": {"", []string{`(?m)^canarylab_failed_requests_total\{.*\} ` + number}},
	}
	sum := func(name, s string) {
		t.Helper()
		p, ok := shown[name]
		if !ok {
			t.Errorf("format %s: say here how to add up its failed requests", name)
		}
		if m := regexp.MustCompile(p.total).FindStringSubmatch(s); p.total != "" && m[1] != strconv.Itoa(want) {
			t.Errorf("%s: got total %q, want %d", name, m, want)
		}
		got := 0
		for _, part := range p.parts {
			got += added(t, s, part)
		}
		if got != want {
			t.Errorf("%s: the phases add up to %d failed requests, want %d", name, got, want)
		}
	}
	for _, f := range Formats() {
		var b bytes.Buffer
		if err := f.Write(&b, run); err != nil {
			t.Fatal(err)
		}
		if f.Name != "json" {
			sum(f.Name, html.UnescapeString(b.String()))
			continue
		}
		again := &reports.Report{}
		if err := json.Unmarshal(b.Bytes(), again); err != nil || reports.Summarize(again).Burned != want {
			t.Errorf("json: got %d, %v, want %d", reports.Summarize(again).Burned, err, want)
		}
	}
	var b bytes.Buffer
	if err := text.Write(&b, run.Report, text.Options{}); err != nil {
		t.Fatal(err)
	}
	sum("story", b.String())
}

// TestEveryFormatSaysThatItCountsAnew shows a report of before an answer of 404 counted as failed.
func TestEveryFormatSaysThatItCountsAnew(t *testing.T) {
	r := told(t)
	settled := &r.Phases[1].Observation.Settled.Total
	settled.Codes[404] = settled.Codes[200]
	delete(settled.Codes, 200)
	dir := filepath.Join(t.TempDir(), "run")
	open(t, dir, r)
	path := filepath.Join(dir, reports.ReportFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(b, []byte(`"failedFrom": 400,`), nil, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	old, err := reports.OpenRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	const note = "a status of 400 to 499 did not count as failed"
	base := open(t, filepath.Join(t.TempDir(), "base"), told(t))
	for name, s := range drawn(t, old, base) {
		s = strings.Join(strings.Fields(s), " ")
		switch name {
		case "openmetrics":
			if !strings.Contains(s, `canarylab_run_recounted{scenario="label-mismatch"} 1`) {
				t.Errorf("openmetrics: got no canarylab_run_recounted of 1 in\n%s", s)
			}
		case "story", "annotations": // these get Problems from whoever prints them
		default:
			if !strings.Contains(s, note) {
				t.Errorf("%s: want %q in\n%.3000s", name, note, s)
			}
		}
	}
	c, err := compare.New(compare.Side{base}, compare.Side{old})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range c.Pairs[0].Figures {
		if f.Kind == compare.RollbackKind && f.Phase == "rollback" {
			t.Errorf("got the figure %+v, want none of a rollback that was timed by another definition", f)
		}
	}
}
