package judge_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/trace"
)

// line is an event as a line of a trace.
func line(t *testing.T, e trace.Event, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(trace.Line{Event: &e})
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

// The report of a run that was led has the phases that were played, in the order in which they were, with what is
// claimed of each as it was played.
func TestReportOfWhatWasPlayed(t *testing.T) {
	_, lines := smallRun(t)
	planned := func(p judge.Phase) string {
		e, err := judge.Planned(p)
		return line(t, e, err)
	}
	leftOut := func(name string) string { return line(t, trace.Event{Kind: trace.LeftOut, Phase: name}, nil) }
	canary := slices.IndexFunc(lines, func(l string) bool {
		return strings.Contains(l, `"kind":"phase-start"`) && strings.Contains(l, "canary")
	})
	for _, test := range []struct {
		name, before, at, end string
		phases                []string
		verdicts              []int
		outcome               reports.Outcome
	}{
		{"nothing said", "", "", "", []string{"baseline", "canary"}, []int{1, 2}, reports.Pass},
		{
			"a phase that did not come", "", planned(judge.Phase{Name: "baseline (2)"}), "",
			[]string{"baseline", "canary", "baseline (2)"}, []int{1, 2, 0}, reports.Pass,
		},
		{
			"fewer claims", "", planned(judge.Phase{Name: "canary", Repeat: true}), "",
			[]string{"baseline", "canary"}, []int{1, 1}, reports.Pass, // the proof was looked at
		},
		{
			"left out", planned(judge.Phase{Name: "more"}), "", leftOut("more"), []string{"baseline", "canary"},
			[]int{1, 2}, reports.Pass,
		},
		{
			"left out although it was played", "", "", leftOut("canary"), []string{"baseline", "canary"},
			[]int{1, 2}, reports.Pass,
		},
		{"left out and not there", "", "", leftOut("nobody"), []string{"baseline", "canary"}, []int{1, 2}, reports.Pass},
	} {
		dir := t.TempDir()
		end := len(lines) - 1
		text := lines[0] + test.before + strings.Join(lines[1:canary], "") + test.at +
			strings.Join(lines[canary:end], "") + test.end + lines[end]
		write(t, dir, text)
		r, err := judge.Report(dir)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		var phases []string
		var verdicts []int
		for _, p := range r.Phases {
			phases, verdicts = append(phases, p.Name), append(verdicts, len(p.Verdicts))
		}
		if !slices.Equal(phases, test.phases) || !slices.Equal(verdicts, test.verdicts) || r.Outcome != test.outcome {
			t.Errorf("%s: got %q with %v verdicts and %s, want %q with %v and %s", test.name, phases, verdicts,
				r.Outcome, test.phases, test.verdicts, test.outcome)
		}
	}
}

// Phases that were played in another order than the draft has them.
func TestReportOfAnotherOrder(t *testing.T) {
	_, lines := smallRun(t)
	text := strings.NewReplacer(`"phase":"baseline"`, `"phase":"canary"`, `"phase":"canary"`, `"phase":"baseline"`).
		Replace(strings.Join(lines[1:], ""))
	e, err := judge.Planned(judge.Phase{Name: "canary", Repeat: true})
	dir := t.TempDir()
	write(t, dir, lines[0]+line(t, e, err)+text)
	r, err := judge.Report(dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.Phases[0].Name != "canary" || !r.Phases[0].Repeat || r.Phases[1].Name != "baseline" {
		t.Errorf("got %+v, want the canary first", r.Phases)
	}
}

// A trace may come from anywhere.
func TestReplansThatNoRunMakes(t *testing.T) {
	_, lines := smallRun(t)
	e, err := judge.Planned(judge.Phase{Name: "again"})
	again := line(t, e, err)
	for name, more := range map[string]string{
		"plans more than 200 phases": strings.Repeat(again, 201),
		"is damaged":                 strings.Replace(again, `{"name":"again"}`, `[]`, 1),
	} {
		dir := t.TempDir()
		write(t, dir, lines[0]+more+strings.Join(lines[1:], ""))
		if _, err := judge.Report(dir); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error that says %q", err, name)
		}
	}
}

func TestPlan(t *testing.T) {
	d := judge.Draft{Phases: []judge.Phase{{Name: "a"}, {Name: "b"}}}
	d.Report.Setup.Load = smallPlan()
	if err := d.Plan(judge.Phase{Name: "b", Repeat: true}); err != nil || len(d.Phases) != 2 || !d.Phases[1].Repeat {
		t.Errorf("got %+v, %v, want b replaced", d.Phases, err)
	}
	many := judge.Phase{Name: "c", Proofs: make([]reports.Verdict, 1001)}
	if err := d.Plan(many); err == nil || len(d.Phases) != 2 {
		t.Errorf("got %d phases, %v, want the draft as it was", len(d.Phases), err)
	}
}
