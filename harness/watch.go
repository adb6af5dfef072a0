package harness

import (
	"context"
	"slices"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/reports/trace"
)

// detect begins to watch the canary, if the phase has a Detector. decided receives nil once the Detector has decided,
// or else its error. stop cancels the Detector and waits until it has returned.
func (p *phasePlayer) detect(ctx context.Context) (decided <-chan error, stop func()) {
	if p.phase.Until == nil {
		return nil, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var feed *sampleFeed
	if p.phase.Until.readsSamples() {
		feed = newSampleFeed(time.Now())
		p.rec.feedTo(feed)
	}
	done := make(chan error, 1)
	go func() {
		defer close(done)
		decision, err := p.phase.Until.decide(ctx, watched{p.scenario, p.env, feed, p.record})
		// Nobody reads any more, and the phase may go on for some time: its change has not settled yet.
		p.rec.feedTo(nil)
		if err == nil {
			p.record(trace.Event{Kind: trace.Decided, Decision: &decision, Text: decision.Text})
		}
		done <- err
	}()
	return done, func() {
		cancel()
		for range done {
		}
	}
}

// watch looks at the phase's proofs, and lets the phase go on until it has its requests, its decision or its deadline.
func (p *phasePlayer) watch(ctx context.Context, decided <-chan error) error {
	least := time.NewTimer(p.phase.span())
	defer least.Stop()
	bounded, cancel := context.WithTimeout(ctx, p.phase.deadline())
	defer cancel()
	for _, proof := range p.phase.Prove {
		v, findings := prove(ctx, proof, p.now())
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		seen, err := judge.Proof(p.phase.Name, v)
		if err != nil {
			return err
		}
		p.rec.event(seen)
		for _, finding := range findings {
			p.journal.note("%s", finding)
			if !slices.Contains(p.findings, finding) {
				p.findings = append(p.findings, finding)
				p.rec.event(trace.Event{Kind: trace.Finding, Text: finding})
			}
		}
	}
	if decided != nil {
		select {
		case err := <-decided:
			if err != nil && ctx.Err() == nil {
				p.journal.note("Phase %s: nothing was decided: %v", p.phase.Name, err)
			}
		case <-bounded.Done():
		}
		waits := slices.ContainsFunc(p.phase.Expect, func(e expect.Expectation) bool { return e.Need() > 0 })
		if ctx.Err() != nil || !waits {
			// The decision ends the phase at once.
			return context.Cause(ctx)
		}
	}
	need := expect.Needs(p.phase.Expect)
	err := p.rec.waitFor(bounded, func() bool { return p.rec.has(need) })
	if err != nil && (ctx.Err() != nil || bounded.Err() == nil) {
		return err
	}
	select {
	case <-least.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
