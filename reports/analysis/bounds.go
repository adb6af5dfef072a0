package analysis

import (
	"slices"
	"time"

	"github.com/canarylab/canarylab/reports/trace"
)

// bounds reads a phase's events. The end of a phase that was not closed is never. counted is when the first
// reading of the counters began.
func bounds(t *trace.Trace, phase string) (o Observation, counted time.Time) {
	o = Observation{Phase: phase}
	change := spread{routers: map[string]bool{}}
	for _, p := range t.Pods {
		change.routers[p.Name] = p.Role == trace.CallerRole || p.Role == trace.GatewayRole
	}
	var settled, ended map[string]uint64
	for _, e := range t.Events {
		if e.Kind == trace.PhaseStart && !o.Start.IsZero() && e.At.After(o.Start) && o.End.IsZero() {
			// The next one began.
			o.End = e.At
		}
		if e.Phase != phase {
			continue
		}
		switch e.Kind {
		case trace.PhaseStart:
			o.Start = e.At
		case trace.Settled:
			o.SettledAt, settled = e.At, e.Counters
			if counted = e.Reading; counted.IsZero() {
				counted = e.At // an older trace does not say when the reading began
			}
		case trace.PhaseEnd:
			o.End, ended = e.At, e.Counters
		default:
			change.add(e)
		}
	}
	if o.Start.IsZero() {
		return Observation{Phase: phase}, time.Time{}
	}
	if o.End.IsZero() {
		o.End = never
	}
	o.Change = change.close(o.SettledAt)
	o.Transition = Window{Start: o.Start, End: o.End}
	if !o.SettledAt.IsZero() {
		o.Transition.End = o.SettledAt
		o.Settled = Window{Start: o.SettledAt, End: o.End}
	}
	if settled != nil && ended != nil {
		o.Received = map[string]uint64{}
		for version, n := range ended {
			// A counter that went back is that of a new pod: what it received is not known.
			if before, read := settled[version]; read && n >= before {
				o.Received[version] = n - before
			}
		}
	}
	return o, counted
}

// A spread is a Change in the making.
type spread struct {
	Change
	// routers are the pods whose proxies route.
	routers         map[string]bool
	noticed, latest time.Time

	synced, pushed, routersSynced, routersPushed []time.Time
}

// add takes an event of the phase.
func (s *spread) add(e trace.Event) {
	switch e.Kind {
	case trace.Writing:
		if s.Writing.IsZero() {
			s.Writing = e.At
		}
	case trace.Written:
		s.Written, s.AcceptedAfter = e.At, e.AcceptedAfter
	case trace.Noticed:
		if s.noticed.IsZero() && !s.Writing.IsZero() && e.At.After(s.Writing) {
			s.noticed = e.At
		}
	case trace.Pushed:
		s.pushed = append(s.pushed, e.At)
		if s.routers[e.Proxy] {
			s.routersPushed = append(s.routersPushed, e.At)
		}
	case trace.Synced:
		s.synced = append(s.synced, e.At)
		if s.routers[e.Proxy] {
			s.routersSynced = append(s.routersSynced, e.At)
		}
		if !e.At.Before(s.latest) {
			s.latest, s.Late = e.At, e.Late
		}
	case trace.Rejected:
		s.Rejections = append(s.Rejections, e.Proxy+": "+e.Text)
	}
}

// close returns the change, nil where nothing was written. settled is when the phase was.
func (s *spread) close(settled time.Time) *Change {
	c := &s.Change
	if c.Writing.IsZero() {
		return nil
	}
	if c.Written.IsZero() {
		return c
	}
	// ends are the times of the first and the last of events after the write was accepted, 0 where there are none.
	ends := func(all []time.Time) (first, last time.Duration) {
		if len(all) == 0 {
			return 0, 0
		}
		slices.SortFunc(all, time.Time.Compare)
		return all[0].Sub(c.Written), all[len(all)-1].Sub(c.Written)
	}
	if !s.noticed.IsZero() {
		c.Noticed = s.noticed.Sub(c.Written)
	}
	// What istiod pushed before it took the change up, or once all were synced, is about something else.
	other := func(at time.Time) bool {
		return at.Before(s.noticed) || s.noticed.IsZero() || !settled.IsZero() && at.After(settled)
	}
	s.pushed, s.routersPushed = slices.DeleteFunc(s.pushed, other), slices.DeleteFunc(s.routersPushed, other)
	c.FirstPushed, c.LastPushed = ends(s.pushed)
	c.FirstSynced, c.LastSynced = ends(s.synced)
	_, c.RoutersPushed = ends(s.routersPushed)
	_, c.RoutersSynced = ends(s.routersSynced)
	c.Proxies = len(s.synced)
	return c
}
