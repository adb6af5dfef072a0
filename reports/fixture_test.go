package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/internal/golden"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/trace"
)

// fixtures are the runs in testdata/runs, by the name of their folder: what the tests of all renderers draw.
func fixtures() map[string]*Report {
	broken := labReport()
	broken.Phases = broken.Phases[:2]
	broken.Phases[1].Observation = analysis.Observation{Phase: "canary"}
	broken.Phases[1].Verdicts = []Verdict{{
		Want: "5 % of all requests answered by v2", Saw: "no requests", Outcome: Inconclusive,
		Why: "the phase never began",
	}}
	broken.Broken = "interrupted by Ctrl-C"
	broken.Accounting.Problems = []analysis.Problem{{
		Text: "3 things are not explained: the first is r1-plain-7 (the caller's proxy has no log entry of it)",
	}}
	broken.Accounting.Unexplained = []analysis.Unexplained{{
		ID: "r1-plain-7", Phase: "canary", Why: "the caller's proxy has no log entry of it",
	}}
	broken.Accounting.UnexplainedTotal = 3
	broken.Accounting.Troubles = []trace.Event{{
		At: labtrace.At(7000), Kind: trace.Trouble, Phase: "canary", Text: "istiod: pod istiod-1 was taken away",
	}}
	broken.BringUp, broken.Notes = nil, nil
	broken.Conclude()

	passed := labReport()
	for i := range passed.Phases {
		for j := range passed.Phases[i].Verdicts {
			v := &passed.Phases[i].Verdicts[j]
			v.Outcome, v.Why = Pass, ""
		}
	}
	passed.Phases[1].Breaks, passed.Phases[1].Point, passed.Phases[3].Fixes = true, true, true
	passed.Phases[1].Verdicts = append(
		[]Verdict{{Want: "no endpoint of subset v2 at the callers' proxies", Saw: "none", Outcome: Pass, Proof: true}},
		passed.Phases[1].Verdicts...)
	passed.Conclude()

	return map[string]*Report{
		"label-mismatch": labReport(), "passed": passed, "broken": broken, "hostile": hostileReport(),
		"empty": {Scenario: "nothing", Outcome: Inconclusive}, "detected": detectedReport(),
	}
}

// detectedReport is of a run in which somebody decided about the canary.
func detectedReport() *Report {
	phases := []analysis.PhaseSpec{{Name: "canary", Canary: "v2"}, {
		Name: "back", Rollback: true, Method: "kubectl apply", Canary: "v2",
	}}
	t := labtrace.Rollback(func(ms float64, s *loadgen.Sample) {
		if ms > 1000 && ms < 2150 && s.Version == "v2" {
			s.Code = 500
		}
	})
	decided := trace.Event{At: labtrace.At(1900), Kind: trace.Decided, Phase: "canary"}
	decided.Decision = &trace.Decision{
		By: "a gate on Prometheus", Bad: true, Text: "7.23 % of the requests for v2 failed (limit 5)",
		Seen: labtrace.At(1700), Asked: labtrace.At(1750),
	}
	t.Events = append(t.Events, decided)
	a := analyzed(t, phases, loadgen.Plan{})
	r := &Report{
		Scenario: "metric-gated-rollout", Title: "A gate takes a bad canary back by itself", Run: "gate01",
		Started: labtrace.Start, Took: 4 * time.Second,
		Accounting: a.Accounting, Timeline: a.Timeline, Curves: a.Curves,
	}
	for _, o := range a.Observations {
		r.Phases = append(r.Phases, Phase{
			Name: o.Phase, Observation: o,
			Verdicts: []Verdict{{Want: "something is seen", Saw: o.Settled.Total.Failed.String(), Outcome: Pass}},
		})
	}
	r.Conclude()
	return r
}

// hostileTexts are texts that try to be more than texts: in HTML, XML, Markdown, a terminal, a CI's log, a
// metrics file, a path.
var hostileTexts = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</details></td></table>`, `]]><x>`, `<!--`,
	`&lt;b&gt;&amp;`,
	"| a | b |\n|---|---|", "```\n# not a heading", "`code` **bold** _it_ ~~no~~", "@octocat #1 org/repo#2",
	"[click](javascript:alert(1))", "![x](http://example.com/x.png)",
	"\n::error title=x::forged\n::set-output name=a::b", "%0A::warning::forged",
	"\x00\x01\x08\x0b\x1b[31mred\x1b[0m\x7f\u0085\ufffe\uffff", "\u202eright to left\u202c\u2066",
	"back\\slash \"quote\" 'single'", "tab\there\r\nand there", "# EOF\ncanarylab_forged 1", "../../etc/passwd",
	"\u2028\u2029", "ünï çödé 🐤", "<a href='http://example.com'>", "$(id) ${HOME} `id`",
}

// hostileReport is label-mismatch with a hostile text behind each of its texts.
func hostileReport() *Report {
	// A copy in depth: parts of the hand-built run are shared.
	b, err := json.Marshal(labReport())
	if err != nil {
		panic(err)
	}
	r := &Report{}
	if err := json.Unmarshal(b, r); err != nil {
		panic(err)
	}
	r.Timeline, r.Curves = nil, nil
	for i := range r.Phases {
		r.Phases[i].Action = nil
	}
	r.Broken, r.See, r.Back, r.Source = "x", []string{"x"}, "x", "x"
	r.Accounting.Problems, r.Accounting.Troubles = []analysis.Problem{{Text: "x"}}, []trace.Event{{
		At: labtrace.At(7000), Kind: trace.Trouble, Phase: "canary", Proxy: "p", Text: "t",
	}}
	r.Accounting.Unexplained = []analysis.Unexplained{{ID: "id", Phase: "canary", Why: "why"}}
	n := 0
	spoil(reflect.ValueOf(r).Elem(), &n)
	// What came later is spoiled last, so that the goldens of before stay as they are.
	for i := range r.Phases {
		p := &r.Phases[i]
		p.Action = &Action{Kind: "apply", Brief: "apply", File: "1-baseline.yaml", Only: []string{"VirtualService"}}
		spoil(reflect.ValueOf(p.Action), &n)
		for j := range p.Verdicts {
			p.Verdicts[j].Kind = "share"
			spoil(reflect.ValueOf(&p.Verdicts[j].Kind), &n)
		}
	}
	r.Findings = []string{r.Notes[0]}
	r.Outcome = Invalid
	for i := range r.Phases {
		for j := range r.Phases[i].Verdicts {
			r.Phases[i].Verdicts[j].Outcome = []Outcome{Fail, Inconclusive, Invalid, Pass}[(i+j)%4]
		}
	}
	// What a newer version, or a forger, may write.
	r.Phases[1].Verdicts[0].Outcome = Outcome(hostileTexts[0] + hostileTexts[14])
	return r
}

// spoil puts a hostile text behind every text in v, keys of maps included. n counts them.
func spoil(v reflect.Value, n *int) {
	next := func(s string) string {
		*n++
		return s + hostileTexts[*n%len(hostileTexts)]
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(next(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			spoil(v.Elem(), n)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.Name == "Kind" && v.Type() == reflect.TypeFor[Verdict]() {
				continue
			}
			if v.Field(i).Type() == reflect.TypeFor[analysis.Basis]() {
				continue // of a file, Accounting takes those that it knows
			}
			if v.Type().Field(i).IsExported() && v.Type() != reflect.TypeFor[time.Time]() {
				spoil(v.Field(i), n)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i), n)
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int {
			return bytes.Compare([]byte(fmt.Sprint(a)), []byte(fmt.Sprint(b)))
		})
		for _, key := range keys {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			spoil(value, n)
			v.SetMapIndex(key, reflect.Value{})
			if key.Kind() == reflect.String {
				key = reflect.ValueOf(next(key.String())).Convert(key.Type())
			}
			v.SetMapIndex(key, value)
		}
	}
}

// TestRunsInTestdata keeps the folders that the tests of the renderers read.
func TestRunsInTestdata(t *testing.T) {
	all := fixtures()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		dir := t.TempDir()
		if err := all[name].Save(dir); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, ReportFile))
		if err != nil {
			t.Fatal(err)
		}
		golden.Check(t, filepath.Join("runs", name, ReportFile), b)
	}
}

// TestOlderSchemas reads what older versions of this program wrote.
func TestOlderSchemas(t *testing.T) {
	has := func(r *Report, text string) {
		t.Helper()
		if !slices.ContainsFunc(r.Notes, func(n string) bool { return bytes.Contains([]byte(n), []byte(text)) }) {
			t.Errorf("got notes %q, want one with %q", r.Notes, text)
		}
	}
	r, err := Load(filepath.Join("testdata", "runs", "schema-1"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Schema != Schema || r.Outcome != Fail || len(r.Phases) != 4 || r.Accounting.Requests == 0 {
		t.Errorf("got schema %d, %s, %d phases, %d requests; want all of the run", r.Schema, r.Outcome, len(r.Phases),
			r.Accounting.Requests)
	}
	has(r, "was written in schema 1 by canarylab 0.1.0")
	has(r, "Phase rollback: the last affected request was sent ")
	has(r, "it bounds it by 158 ms, at 95 %")
	has(r, "no rows by phase and hop")
	has(r, "The first half second of load was warm-up.")
	if run, err := OpenRun(filepath.Join("testdata", "runs", "schema-1")); err != nil || len(
		run.Problems,
	) != 2 || run.Problems[0] != r.older[0] {
		t.Errorf("got run %+v, %v, want its age among its problems", run, err)
	}
	if r.Phases[2].Observation.Rollback != nil {
		t.Error("a rollback without a bracket is shown as one that never closed")
	}
	f := r.Phases[1].Observation.Settled.Total.Failures
	if len(f) == 0 || f[0].Hop != analysis.ClientHop || f[0].Origin != "UH" || f[0].Cause == "" {
		t.Errorf("got failures %+v, want UH at the client's proxy with its meaning", f)
	}

	// Schema 1 was changed for some hours before it became 2. What is there is taken.
	r, err = Load(filepath.Join("testdata", "runs", "schema-1-bracket"))
	if err != nil {
		t.Fatal(err)
	}
	if b := r.Phases[2].Observation.Rollback; b == nil || b.High == 0 || !b.Recovered() {
		t.Errorf("got rollback %+v, want it with its bracket", b)
	}
	if len(r.Notes) != 2 {
		t.Errorf("got notes %q, want the report's own and one on the schema", r.Notes)
	}
}

func TestNewerSchema(t *testing.T) {
	b, err := json.Marshal(labReport())
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte(`"schema":0`), []byte(fmt.Sprintf(`"schema":%d`, Schema+1)), 1)
	b = bytes.Replace(b, []byte(`"phases":[`), []byte(`"phases":"elsewhere","old":[`), 1)
	b = bytes.Replace(b, []byte(`"title":"`), []byte(`"title":7,"was":"`), 1)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ReportFile), b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Load(dir)
	var e *NewerError
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want a *NewerError", err)
	}
	want := NewerError{
		Path: filepath.Join(dir, ReportFile), Schema: Schema + 1, Scenario: "label-mismatch", Run: "20261123-060102",
		Started: labtrace.Start, Outcome: Fail, Canarylab: "0.1.0",
	}
	if *e != want {
		t.Errorf("got  %+v\nwant %+v: what is still there, without the title that is no text", *e, want)
	}
}
