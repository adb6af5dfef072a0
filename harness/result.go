package harness

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/trace"
)

// draft returns what the report has to say that is not seen.
func (r *run) draft() (*judge.Draft, error) {
	s := r.scenario
	d := &judge.Draft{Report: reports.Report{
		Scenario: s.Name, Title: s.Title, Story: s.Story, Cause: s.Cause, Source: s.Source, See: s.See, Fix: s.Fix,
		Back: s.Back, Run: r.options.ID, Started: r.started.UTC(), Setup: r.setup, BringUp: r.options.BringUp,
		Files: r.files,
	}}
	if r.rate.Played > 0 {
		rate := r.rate
		d.Report.Rate = &rate
	}
	for _, p := range s.Phases {
		out, err := r.drafted(p)
		if err != nil {
			return nil, err
		}
		d.Phases = append(d.Phases, out)
	}
	return d, nil
}

// drafted returns what the report has to say of a phase that is not seen.
func (r *run) drafted(p Phase) (judge.Phase, error) {
	spec := r.scenario.spec(p)
	out := judge.Phase{
		Name: p.Name, Did: p.did(), Action: p.Action(), Breaks: p.Breaks, Fixes: p.Fixes, Point: p.Point,
		Repeat: p.Repeat, Rollback: spec.Rollback, Canary: spec.Canary, Cohort: spec.Cohort, Keeps: spec.Keeps,
		Routing: p.Routing, Attempts: spec.Attempts,
	}
	for _, proof := range p.Prove {
		out.Proofs = append(out.Proofs, unseen(proof, "the phase did not get that far"))
	}
	out.Proofs = append(out.Proofs, p.open...)
	return out, out.Claim(p.Expect...)
}

// keepDraft records the draft, again where something was learned that belongs into it.
func (r *run) keepDraft() error {
	d, err := r.draft()
	if err != nil {
		return err
	}
	e, err := d.Event()
	if err != nil {
		return err
	}
	r.rec.event(e)
	return r.rec.fault()
}

// report ends the trace, and makes the report from it. It is never nil.
func (r *run) report(broke error) (*reports.Report, error) {
	if others := r.otherClocks(); len(others) > 0 {
		r.journal.note("Proxies and istiod tell the time by the clocks of their own machines: when a change was "+
			"synced, and what a rollback is made of, is off by as much as those are: %s. Requests are not: their "+
			"times were corrected.", strings.Join(others, ", "))
	}
	if r.options.Reveal != nil {
		r.options.Reveal(&r.scenario)
		if err := r.keepDraft(); err != nil {
			r.journal.note("The report lacks the scenario's words: %v", err)
		}
	}
	end := trace.Event{Kind: trace.End, By: time.Since(r.started)}
	if broke != nil {
		end.Text = broke.Error()
	}
	r.rec.event(end)
	return r.judge(broke)
}

// judge makes and saves the report of what the trace has by now. A trace that can't be read makes one that says so.
func (r *run) judge(broke error) (*reports.Report, error) {
	err := r.trace.Flush()
	rep, unread := judge.Report(r.options.Dir)
	err = errors.Join(err, unread)
	if rep == nil {
		rep = &reports.Report{Scenario: r.scenario.Name, Run: r.options.ID, Started: r.started.UTC(), Setup: r.setup}
		if d, undrafted := r.draft(); undrafted == nil {
			rep = d.Unseen()
		}
		rep.Took, rep.Notes = time.Since(r.started), r.journal.allNotes()
	}
	if err != nil {
		rep.Broken = errors.Join(broke, err).Error()
		rep.Conclude()
	}
	return rep, errors.Join(err, rep.Save(r.options.Dir))
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
