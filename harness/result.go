package harness

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/trace"
)

// report closes the trace, and makes the report from it. It is never nil.
func (r *run) report(broke error) (*reports.Report, error) {
	s := r.scenario
	rep := &reports.Report{
		Scenario: s.Name, Title: s.Title, Story: s.Story, Cause: s.Cause, Source: s.Source, See: s.See, Fix: s.Fix,
		Back: s.Back, Run: r.options.ID, Started: r.started.UTC(), Setup: r.setup, BringUp: r.options.BringUp,
		Files: r.files,
	}
	if broke != nil {
		rep.Broken = broke.Error()
	}
	if others := r.otherClocks(); len(others) > 0 {
		r.journal.note("Proxies and istiod tell the time by the clocks of their own machines: when a change was "+
			"synced, and what a rollback is made of, is off by as much as those are: %s. Requests are not: their "+
			"times were corrected.", strings.Join(others, ", "))
	}
	result, err := r.analyze()
	if err != nil {
		rep.Broken = errors.Join(broke, err).Error()
	}
	for i, p := range s.Phases {
		o := result.Observations[i]
		rep.Phases = append(rep.Phases, reports.Phase{
			Name: p.Name, Did: p.did(), Action: p.Action(), Observation: o, Verdicts: r.judge(p, o),
			Breaks: p.Breaks, Fixes: p.Fixes, Point: p.Point, Repeat: p.Repeat,
		})
	}
	rep.Accounting, rep.Timeline, rep.Curves = result.Accounting, result.Timeline, result.Curves
	rep.Notes, rep.Findings = r.journal.allNotes(), r.findings
	rep.Took = time.Since(r.started)
	rep.Conclude()
	return rep, errors.Join(err, rep.Save(r.options.Dir))
}

// analyze closes the trace and analyzes it. The analysis is never nil: without a trace it has what can be said then.
func (r *run) analyze() (*analysis.Analysis, error) {
	spec := analysis.Spec{Plan: r.setup.Load}
	for i := range r.scenario.Phases {
		spec.Phases = append(spec.Phases, r.scenario.spec(i))
	}
	err := r.trace.Close()
	result, unread := analysis.Analyze(trace.FileSource(filepath.Join(r.options.Dir, trace.File)), spec)
	if result == nil {
		result, _ = analysis.Analyze(&trace.Trace{}, spec)
	}
	return result, errors.Join(err, unread)
}

// otherClocks says how the clocks of other machines stand to the lab's, as far as that was measured: by the
// load agents that ran there. It is about each machine that had pods of the run and does not have the lab's
// clock.
func (r *run) otherClocks() []string {
	pods := r.pods.all()
	measured := r.rec.agentClocks()
	nodes := map[string]string{}
	for _, p := range pods {
		if p.Node != "" {
			nodes[p.Node] = p.Node + " (not measured)"
		}
	}
	for _, p := range pods {
		switch c, known := measured[p.Name]; {
		case !known:
		case c.Offset == 0 && c.Error == 0:
			delete(nodes, p.Node)
		default:
			nodes[p.Node] = fmt.Sprintf("%s (off by %s, to within %s)",
				p.Node, (-c.Offset).Round(10*time.Microsecond), c.Error.Round(10*time.Microsecond))
		}
	}
	return slices.Sorted(maps.Values(nodes))
}

// judge returns the verdicts on a phase's proofs and expectations.
func (r *run) judge(p Phase, o analysis.Observation) []reports.Verdict {
	all := slices.Clone(r.proved[p.Name])
	for _, missed := range p.Prove[len(all):] {
		all = append(all, unseen(missed, "the phase did not get that far"))
	}
	for _, e := range p.Expect {
		all = append(all, e.Check(o))
	}
	return all
}
