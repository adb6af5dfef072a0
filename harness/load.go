package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
	"github.com/canarylab/canarylab/sampleapp"
)

// warmUp sends the load for a short time, unrecorded. That is the first trial of its rate.
func (r *run) warmUp(ctx context.Context) error {
	first, sent, err := r.try(ctx, r.scenario.Rate(), warmFor, warmSkips)
	if err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	r.journal.note("The same callers sent for %s before the load began, so that proxies and connections are warm; "+
		"these %s requests are not counted.", warmFor, format.Number(int(sent)))
	if !r.rate.Asked {
		own := r.scenario.Rate()
		r.rate = reports.Rate{Own: own, Played: own, Trials: []reports.Trial{first}}
	}
	return nil
}

// learn records what is known only by now: the rate that is played, with the claims at that rate, and Envoy's version.
func (r *run) learn(ctx context.Context) (err error) {
	r.noteRate()
	if r.setup.Envoy == "" {
		if r.setup.Envoy, err = r.env.Proxies.Version(ctx, r.scenario.home()); err != nil {
			r.journal.note("Envoy's version is not known: %v", err)
		}
	}
	return r.keepDraft()
}

// timeout is how long a request of the load may take.
func (r *run) timeout() time.Duration { return cmp.Or(r.setup.Load.Timeout, loadgen.DefaultTimeout) }

// measure sends the load, plays the phases under it, and collects what belongs to it. The load has ended when
// it returns.
func (r *run) measure(ctx context.Context) error {
	counters, err := r.readIdleCounters(ctx)
	if err != nil {
		return r.broken(ctx, fmt.Errorf("read the app's counters before the load: %w", err))
	}
	r.pods.open(counters)
	r.rec.pods(r.pods.all())

	late, lateEnd := watchLateness(context.WithoutCancel(ctx), r.env.Processors)
	r.rec.lateness(late)
	defer func() {
		if used := lateEnd(); used != nil {
			r.rec.event(trace.Event{At: time.Now(), Kind: trace.ProcessorUse, Processor: used})
		}
	}()
	l, loaded := r.startLoad(ctx)
	defer l.dropLoad()
	defer l.dropLog()
	stopShowing := r.show()
	defer stopShowing()
	err = r.phases(loaded)
	if err != nil {
		err = r.broken(ctx, err)
	}
	r.rec.event(trace.Event{At: time.Now(), Kind: trace.LoadStop})
	close(l.stop)
	// What ends ctx must not cut off the records.
	collected := r.do(context.WithoutCancel(ctx), "collect", func(ctx context.Context) error {
		return r.collect(ctx, l, err == nil)
	})
	if err != nil && errors.Is(err, collected) {
		// The load broke off, and that is why the phases did.
		return err
	}
	return errors.Join(err, collected)
}

// A load is what is sent while phases are played, with the access log that belongs to it.
type load struct {
	// stop tells the agents to end when it is closed.
	stop chan struct{}
	// sent has the error with which the sending ended, logged that of the access log.
	sent, logged chan error
	// dropLoad and dropLog let go of the one and the other at once.
	dropLoad, dropLog func()
}

// startLoad begins to follow the access log and to send. loaded ends with ctx, and with the cause when the one
// or the other breaks off.
func (r *run) startLoad(ctx context.Context) (l *load, loaded context.Context) {
	// What ends ctx must not cut off the records: collect ends load and log, in this order.
	background := context.WithoutCancel(ctx)
	loadCtx, dropLoad := context.WithCancel(background)
	logCtx, dropLog := context.WithCancel(background)
	loaded, breakOff := context.WithCancelCause(ctx)
	l = &load{
		stop: make(chan struct{}), sent: make(chan error, 1), logged: make(chan error, 1),
		dropLoad: func() { breakOff(nil); dropLoad() }, dropLog: dropLog,
	}
	go func() {
		err := r.env.Observers.AccessLog(logCtx, r.scenario.home(), environment.LogSink{
			Entries: r.rec.entries, Cut: r.journal.onLogCut,
			Trouble: func(text string) { r.journal.trouble(time.Now(), text) },
		})
		if logCtx.Err() == nil {
			breakOff(fmt.Errorf("the access log broke off: %w", cmp.Or(err, errors.New("it ended without an error"))))
		}
		l.logged <- err
	}()
	if r.options.Pace != nil {
		r.stages = make(chan loadgen.Stage)
	}
	plan, orders := r.sent(), loadgen.Orders{Stop: l.stop, Stages: r.stages}
	go func() {
		ends, err := r.env.Callers.Attack(loadCtx, r.scenario.home(), plan, orders, r.rec.handler())
		select {
		case <-l.stop:
		default:
			if err == nil {
				err = fmt.Errorf("the load agent ended by itself (%s)", byItself(ends))
			}
			breakOff(fmt.Errorf("the load broke off: %w", err))
		}
		l.sent <- err
	}()
	return l, loaded
}

// byItself says why a load ended that nobody had stopped.
func byItself(ends []*loadgen.End) loadgen.Why {
	for _, e := range ends {
		if e != nil && e.Why != loadgen.Stopped {
			return e.Why
		}
	}
	return loadgen.Stopped
}

// collect awaits the end of a load that was told to stop, every access log entry that belongs to it, and the
// app's last word. For the last word of pods that are about to end it has patience only if the run came to its
// own end.
func (r *run) collect(ctx context.Context, l *load, whole bool) error {
	err := r.awaitEnd(l)
	r.awaitRecords(ctx)
	l.dropLog()
	if err := <-l.logged; err != nil {
		r.journal.note("The access log: %v", err)
	}
	r.rec.lastEntries()
	if whole {
		if err := r.rec.waitWithin(ctx, leaveWithin, func() bool { return len(r.pods.leaving()) == 0 }); err != nil {
			r.journal.note("%s had not ended %s after the load, so that what it received is not known to the last "+
				"request.", strings.Join(r.pods.leaving(), ", "), leaveWithin)
		}
	}
	counters, unread := r.readIdleCounters(ctx)
	if unread != nil {
		r.journal.note("The app's counters could not be read at the end: %v", unread)
	}
	r.pods.readLast(counters)
	r.rec.pods(r.pods.all())
	r.journal.judgeLogCuts()
	if fault := r.rec.fault(); fault != nil {
		return errors.Join(err, fault)
	}
	return err
}

// awaitEnd awaits the end of a load that was told to stop.
func (r *run) awaitEnd(l *load) error {
	within := r.timeout() + stopWithin
	patience := time.NewTimer(within)
	defer patience.Stop()
	select {
	case err := <-l.sent:
		return err
	case <-patience.C:
		l.dropLoad()
		return errors.Join(fmt.Errorf("the load agent did not end within %s of being told to", within), <-l.sent)
	}
}

// awaitRecords awaits the records that belong to what was sent.
func (r *run) awaitRecords(ctx context.Context) {
	if err := r.rec.waitWithin(ctx, drainWithin, func() bool { return r.rec.missing() == 0 }); err != nil {
		r.journal.note("The records of %s requests were not complete %s after the load.",
			format.Number(r.rec.missing()), drainWithin)
	}
	// Nobody knows how many entries are to come of a request that got no answer.
	_ = r.rec.waitWithin(ctx, lateWithin, func() bool { return r.rec.open() == 0 })
}

// readIdleCounters reads the counters of the app's pods when none of them has a request in flight and two
// readings say the same. It reads pods that stay busy as they are: the accounting will tell.
func (r *run) readIdleCounters(ctx context.Context) ([]sampleapp.Counters, error) {
	ctx, cancel := context.WithTimeout(ctx, idleWithin+countWithin)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	giveUp := time.Now().Add(idleWithin)
	var before []sampleapp.Counters
	for first := true; ; first = false {
		all, err := r.env.Apps.Counters(ctx, r.scenario.home())
		switch {
		case err != nil:
			return nil, err
		case !first && slices.EqualFunc(before, all, idle):
			return all, nil
		case time.Now().After(giveUp):
			r.journal.note("Pods were still busy when their counters were read.")
			return all, nil
		}
		before = all
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// idle tells whether a pod did nothing between two readings.
func idle(a, b sampleapp.Counters) bool {
	return a.Pod == b.Pod && a.Received == b.Received && a.InFlight == 0 && b.InFlight == 0
}
