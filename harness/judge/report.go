package judge

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

// ErrOlder is wrapped where a trace does not hold what its verdicts rest on.
var ErrOlder = errors.New("it is of a canarylab that kept what was claimed in the report alone")

// Report makes the report of the run in dir from its trace. Of a run that was cut off it is the report of what had
// been recorded by then; it says so, and never passes.
func Report(dir string) (*reports.Report, error) {
	path, err := trace.Find(dir)
	if err != nil {
		return nil, fmt.Errorf("make a report from the trace: %w", err)
	}
	src := trace.FileSource(path)
	facts, truncated, err := trace.Facts(src)
	if err != nil {
		return nil, fmt.Errorf("make a report from the trace: %w", err)
	}
	told, err := tell(facts.Events)
	if err != nil {
		return nil, fmt.Errorf("make a report from %s: %w", path, err)
	}
	result, err := analysis.AnalyzeFacts(src, facts, told.draft.spec())
	if err != nil {
		return nil, fmt.Errorf("make a report from the trace: %w", err)
	}
	r := told.report(result)
	if told.end == nil {
		r.Broken = cutOff(facts.Events, r.Started, truncated)
	}
	if r.Trace, err = trace.DigestOf(path); err != nil {
		return nil, fmt.Errorf("make a report from the trace: %w", err)
	}
	r.Conclude()
	return r, nil
}

// What a trace tells of its run beside moments.
type told struct {
	draft           Draft
	notes, findings []string
	// proved has verdicts by phase.
	proved map[string][]reports.Verdict
	// end is nil where the run was cut off.
	end *trace.Event
}

func tell(events []trace.Event) (*told, error) {
	t := &told{proved: map[string][]reports.Verdict{}}
	drafted := false
	for i, e := range events {
		switch e.Kind {
		case trace.Draft:
			t.draft, drafted = Draft{}, true
			if err := json.Unmarshal(e.Data, &t.draft); err != nil {
				return nil, fmt.Errorf("its draft of the report is damaged: %w", err)
			}
		case trace.Note:
			t.notes = append(t.notes, e.Text)
		case trace.Finding:
			t.findings = append(t.findings, e.Text)
		case trace.Proof:
			var v reports.Verdict
			if err := json.Unmarshal(e.Data, &v); err != nil {
				return nil, fmt.Errorf("a verdict on a proof in it is damaged: %w", err)
			}
			t.proved[e.Phase] = append(t.proved[e.Phase], v)
		case trace.End:
			t.end = &events[i]
		}
	}
	if !drafted {
		return nil, fmt.Errorf("it does not say what was claimed: %w", ErrOlder)
	}
	if err := t.draft.Check(); err != nil {
		return nil, fmt.Errorf("its draft of the report is of no run: %w", err)
	}
	return t, nil
}

// report puts what was seen to what was claimed.
func (t *told) report(result *analysis.Analysis) *reports.Report {
	r := &t.draft.Report
	r.Phases = nil
	for i, p := range t.draft.Phases {
		o := result.Observations[i]
		out := reports.Phase{
			Name: p.Name, Did: p.Did, Action: p.Action, Observation: o,
			Verdicts: t.judge(p, result.Observations[:i+1], result.Accounting),
			Breaks:   p.Breaks, Fixes: p.Fixes, Point: p.Point, Repeat: p.Repeat, Routing: p.Routing,
		}
		if out.Routing != nil {
			out.Routing.Judge(o, out.Verdicts)
		}
		r.Phases = append(r.Phases, out)
	}
	r.Accounting, r.Timeline, r.Curves = result.Accounting, result.Timeline, result.Curves
	r.Notes, r.Findings = t.notes, t.findings
	if t.end != nil {
		r.Took, r.Broken = t.end.By, t.end.Text
	}
	r.Schema = reports.Schema
	return r
}

// Unseen is the report of a run of which nothing was seen.
func (d *Draft) Unseen() *reports.Report {
	nothing, _ := analysis.Analyze(&trace.Trace{}, d.spec()) // what is in memory can be read
	r := (&told{draft: *d}).report(nothing)
	r.Conclude()
	return r
}

// judge returns the verdicts on a phase's proofs and expectations. observed ends with that phase, and b is the run's.
func (t *told) judge(p Phase, observed []analysis.Observation, b analysis.Accounting) []reports.Verdict {
	all := slices.Clone(t.proved[p.Name])
	all = append(all, p.Proofs[min(len(all), len(p.Proofs)):]...)
	for _, claim := range p.Claims {
		e, err := expect.Decode(claim)
		if err != nil {
			all = append(all, reports.Verdict{
				Want: string(claim), Saw: "nothing", Outcome: reports.Inconclusive, Why: err.Error(),
			})
			continue
		}
		all = append(all, expect.Judge(e, observed, b))
	}
	return all
}

// cutOff says of a run that did not come to its end when that was, as far as the trace tells, and in which phase.
func cutOff(events []trace.Event, started time.Time, truncated bool) string {
	var last time.Time
	phase, broke := "", ""
	for _, e := range events {
		if e.At.After(last) {
			last = e.At
		}
		switch e.Kind {
		case trace.PhaseStart:
			phase = e.Phase
		case trace.LoadStop:
			phase = ""
		case trace.Broken:
			broke = e.Text
		}
	}
	when := "before it had done anything"
	if !last.IsZero() {
		when = fmt.Sprintf("%s after it began", format.Short(last.Sub(started)))
	}
	return format.Join(", ", "the run was cut off, as by a kill: its last event is "+when,
		format.When(phase != "", "in phase "+phase),
		format.When(truncated, "and its trace ends in the middle of a line"),
		format.When(broke != "", "after this: "+broke))
}
