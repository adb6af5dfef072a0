package render

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports/terminal"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/compare"
	"github.com/canarylab/canarylab/reports/github"
	"github.com/canarylab/canarylab/reports/text"
)

// nonsense replaces words by others of the same length that mean nothing, each always by the same.
type nonsense struct {
	random *rand.Rand
	// made has the words that stand for others, meant the other way round.
	made, meant map[string]string
}

// words are those that a sentence could be recognized by.
var words = regexp.MustCompile(`[A-Za-z]{4,}`)

func (n *nonsense) say(sentence string) string {
	return words.ReplaceAllStringFunc(sentence, func(word string) string {
		for n.made[word] == "" {
			b := make([]byte, len(word))
			for i := range b {
				b[i] = "jqxz"[n.random.IntN(4)]
			}
			if _, taken := n.meant[string(b)]; !taken {
				n.made[word], n.meant[string(b)] = string(b), word
				// A format may begin a sentence with it.
				upper := func(w string) string { return strings.ToUpper(w[:1]) + w[1:] }
				n.meant[upper(string(b))] = upper(word)
			}
		}
		return n.made[word]
	})
}

// undo puts the words back.
func (n *nonsense) undo(text string) string {
	return words.ReplaceAllStringFunc(cut.ReplaceAllString(text, "…"), func(word string) string {
		if meant, ok := n.meant[word]; ok {
			return meant
		}
		return word
	})
}

// cut is a word that a table had no room for.
var cut = regexp.MustCompile(`[A-Za-z]+…`)

// told is a run whose formats have all to show that once was told by sentences: manifests, a revert, a
// deletion, an injection, rollbacks, findings of istioctl analyze.
func told(t *testing.T) *reports.Report {
	t.Helper()
	r, err := reports.Load(filepath.Join("..", "testdata", "runs", "label-mismatch"))
	if err != nil {
		t.Fatal(err)
	}
	proof := func(want, saw, kind string, o reports.Outcome) reports.Verdict {
		return reports.Verdict{Want: want, Saw: saw, Kind: kind, Outcome: o, Proof: true}
	}
	act := func(i int, did string, a reports.Action) {
		r.Phases[i].Did, r.Phases[i].Action = did, &a
		r.Phases[i].Verdicts = append(r.Phases[i].Verdicts,
			proof("istioctl analyze finds IST0173 on the cluster, and nothing in the files alone",
				fmt.Sprintf("IST017%d on the cluster", i%2), reports.KindAnalysis, reports.Pass),
			proof("every caller's proxy has 2 endpoints for subset v2", "2 endpoints", "endpoints", reports.Pass))
	}
	act(0, "kubectl apply -f 1-baseline.yaml", reports.Action{
		Kind: "apply", Brief: "apply 1-baseline", File: "1-baseline.yaml",
	})
	act(1, "kubectl apply -f 2-canary.yaml", reports.Action{
		Kind: "apply", Brief: "apply 2-canary", File: "2-canary.yaml",
	})
	act(2, "kubectl apply the VirtualService of 1-baseline.yaml",
		reports.Action{
			Kind: "revert", Brief: "apply route of 1-baseline", File: "1-baseline.yaml",
			Only: []string{"VirtualService"},
		})
	act(3, "kubectl delete -f 2-canary.yaml", reports.Action{
		Kind: "delete", Brief: "delete 2-canary", File: "2-canary.yaml", Deletes: true,
	})
	again := r.Phases[2]
	again.Name, again.Did = "again", `inject {"errorRate":0.2,"errorCode":500} into every pod of v2`
	again.Action = &reports.Action{Kind: "inject", Brief: "inject errorRate:0.2 into v2"}
	last := r.Phases[1]
	last.Name, last.Did = "canary again", "kubectl apply -f 2-canary.yaml"
	r.Phases = append(r.Phases, again, last)
	r.Phases[1].Breaks, r.Phases[3].Fixes = true, true
	for i, method := range map[int]string{
		2: "kubectl apply the VirtualService of 1-baseline.yaml", 4: "kubectl rollout undo deployment my-service-v2",
	} {
		b := *r.Phases[i].Observation.Rollback
		b.Method = method
		r.Phases[i].Observation.Rollback = &b
	}
	r.Notes = append(r.Notes, "istioctl analyze, on the cluster: IST0173 no pod has the subset's labels")
	r.Findings = r.Notes[len(r.Notes)-1:]
	r.Accounting.Problems = []analysis.Problem{
		{Void: true, Text: "cohort plain sent late by 9.00 ms at p99"},
		{Text: "the sample app's counters were not read"},
	}
	r.Files = append(r.Files, reports.File{Path: "manifests/1-baseline.yaml"}, reports.File{
		Path: "manifests/2-canary.yaml",
	})
	r.Conclude()
	return r
}

// open saves a report with its manifests and opens the folder.
func open(t *testing.T, dir string, r *reports.Report) *reports.Run {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "manifests"), 0o755); err != nil {
		t.Fatal(err)
	}
	route := "kind: VirtualService\nmetadata: {name: my-service}\nspec: {weight: %d}\n---\nkind: " +
		"DestinationRule\nmetadata: {name: my-service}\nspec: {subset: %d}\n"
	for i, name := range []string{"1-baseline.yaml", "2-canary.yaml"} {
		if err := os.WriteFile(
			filepath.Join(dir, "manifests", name), fmt.Appendf(nil, route, i, i), 0o600,
		); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Save(dir); err != nil {
		t.Fatal(err)
	}
	run, err := reports.OpenRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// drawn is a run in every format, by the format's name.
func drawn(t *testing.T, run, base *reports.Run) map[string]string {
	t.Helper()
	all := map[string]string{}
	add := func(name string, write func(io.Writer) error) {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = b.String()
	}
	for _, f := range Formats() {
		if f.Name != "json" {
			add(f.Name, func(w io.Writer) error { return f.Write(w, run) })
		}
	}
	add("story", func(w io.Writer) error { return text.Write(w, run.Report, text.Options{Color: true}) })
	add("annotations", func(w io.Writer) error { return github.Annotate(w, run) })
	c, err := compare.New(compare.Side{base}, compare.Side{run})
	if err != nil {
		t.Fatal(err)
	}
	add("comparison", func(w io.Writer) error { return compare.Text(w, c, terminal.Options{}) })
	add("comparison.md", func(w io.Writer) error { return compare.Markdown(w, c) })
	add("comparison.html", func(w io.Writer) error { return compare.HTML(w, c) })
	return all
}

// TestNoFormatReadsSentences has every sentence of steps, proofs and claims say nothing: every format draws the
// same marks, tables and close-ups.
func TestNoFormatReadsSentences(t *testing.T) {
	n := &nonsense{random: rand.New(rand.NewPCG(1, 2)), made: map[string]string{}, meant: map[string]string{}}
	spoken := told(t)
	for i := range spoken.Phases {
		p := &spoken.Phases[i]
		p.Did = n.say(p.Did)
		action := *p.Action // phases share some
		action.Brief = n.say(action.Brief)
		p.Action = &action
		p.Verdicts = append([]reports.Verdict{}, p.Verdicts...)
		for j := range p.Verdicts {
			v := &p.Verdicts[j]
			v.Want, v.Saw, v.Why = n.say(v.Want), n.say(v.Saw), n.say(v.Why)
		}
		if b := p.Observation.Rollback; b != nil {
			b.Method = n.say(b.Method)
		}
	}
	for i := range spoken.Notes {
		spoken.Notes[i] = n.say(spoken.Notes[i])
	}
	for i := range spoken.Accounting.Problems {
		spoken.Accounting.Problems[i].Text = n.say(spoken.Accounting.Problems[i].Text)
	}
	if strings.Contains(fmt.Sprintf("%+v", spoken.Phases[2].Verdicts), "istioctl") ||
		spoken.Phases[0].Did == told(t).Phases[0].Did {
		t.Fatal("the sentences are still there")
	}
	dir := t.TempDir()
	open := func(name string, r *reports.Report) *reports.Run { return open(t, filepath.Join(dir, name, "run"), r) }
	base := open("base", told(t))
	want, got := drawn(t, open("want", told(t)), base), drawn(t, open("got", spoken), base)
	for name := range want {
		w, g := strings.Split(cut.ReplaceAllString(want[name], "…"), "\n"), strings.Split(n.undo(got[name]), "\n")
		for i := range max(len(w), len(g)) {
			if i >= len(w) || i >= len(g) || w[i] != g[i] {
				t.Errorf("%s, line %d, with words that mean nothing:\n got %.300s\nwant %.300s", name, i+1,
					g[min(i, len(g)-1)], w[min(i, len(w)-1)])
				break
			}
		}
	}
	if !strings.Contains(
		want["story"], "istioctl analyze found: IST0170 on the cluster (phases 1, 3 and 5)",
	) || !strings.Contains(want["html"], "the marked lines break it") {
		t.Errorf("the formats do not show what this test is about:\n%s", want["story"])
	}
}
