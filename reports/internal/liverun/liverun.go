// Package liverun writes the folder of a run that labtrace.Live made, for tests of what reads a run's trace while it is
// recorded, or plays it again.
package liverun

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/trace"
)

// Lines are those of a whole run at a rate a second, with what it claims and its end.
func Lines(rate int) ([]trace.Line, error) {
	d := judge.Draft{Report: reports.Report{
		Scenario: "label-mismatch",
		Title:    "A subset whose labels match no pod turns the canary's share into 503s while v2 is healthy and idle",
		Run:      "live01", Started: labtrace.At(-2000),
		Setup: reports.Setup{Provider: "none", Cluster: "none", Canarylab: "0.1.0", Load: labtrace.LivePlan(rate)},
	}}
	for i, p := range labtrace.LivePhases {
		phase := judge.Phase{
			Name: p.Name, Did: p.Did, Breaks: p.Broken,
			Fixes: p.Brief == "apply 3-fixed", Rollback: p.Name == "rollback",
		}
		if p.Did != "" {
			phase.Action = &reports.Action{Kind: "apply", Brief: p.Brief}
		}
		var claims []expect.Expectation
		switch {
		case p.Broken:
			claims = []expect.Expectation{expect.Flag(503, "UH", p.Canary), expect.Share("v1", 100-p.Canary)}
		case p.Canary > 0:
			claims = []expect.Expectation{expect.Share("v2", p.Canary), expect.NoErrors()}
		default:
			claims = []expect.Expectation{expect.Share("v1", 100)}
		}
		if err := phase.Claim(claims...); err != nil {
			return nil, fmt.Errorf("phase %d: %w", i+1, err)
		}
		d.Phases = append(d.Phases, phase)
	}
	draft, err := d.Event()
	if err != nil {
		return nil, err
	}
	lines := append([]trace.Line{{Event: &draft}}, labtrace.Live(rate)...)
	return append(lines, trace.Line{Event: &trace.Event{Kind: trace.End, By: 25 * time.Second}}), nil
}

// Write writes lines as the trace of a run, and with report its report too.
func Write(dir string, lines []trace.Line, report bool) error {
	w, err := trace.Create(filepath.Join(dir, trace.File))
	if err != nil {
		return err
	}
	for _, l := range lines {
		if err := w.Append(l); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	if err := w.Close(); err != nil || !report {
		return err
	}
	r, err := judge.Report(dir)
	if err != nil {
		return err
	}
	return r.Save(dir)
}
