package trace

import (
	"cmp"
	"slices"
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// Connections finds out to which sample the log entries of a TCP connection belong. Nothing in such an entry is the
// request's, so that addresses have to do: the caller's proxy has the connection from the address that the sample has,
// and the pod's proxy has it from the address from which the caller's proxy connected. An address is used again after a
// while, so that the times have to fit too. It is not safe for concurrent use.
type Connections struct {
	// known has the connections whose entry has not come, by the address from which it is to come, waiting the entries
	// whose connection is not known.
	known   map[hop][]span
	waiting map[hop][]LogEntry
	// plain has the cohorts whose callers have no proxy: the pod's own is the first that sees them.
	plain map[string]bool
	// latest is when the youngest of all ended, swept when what is old was last let go.
	latest, swept time.Time
}

// A hop is an address from which a connection comes, to a proxy that routes or to a pod's. The caller and its proxy may
// use the same port of their pod at once, as they connect to different places.
type hop struct {
	address string
	toPod   bool
}

// hop is where the entry's connection came from.
func (e *LogEntry) hop() hop { return hop{e.Downstream, e.Side == ServerSide} }

// A span is when a request's connection was open.
type span struct {
	id       string
	from, to time.Time
}

const (
	// apart is how far the clocks of two proxies may differ, and more than a connection takes from one to the other. An
	// address is free again only after a minute (Linux's TIME_WAIT), unless the connection was reset.
	apart = time.Second
	// keptFor is how long entries and connections wait for each other: entries come some tenths of a second after the
	// end, and up to seconds on a busy machine.
	keptFor = 15 * time.Second
)

// NewConnections returns the Connections of a plan, of which nothing is known.
func NewConnections(plan loadgen.Plan) *Connections {
	c := &Connections{known: map[hop][]span{}, waiting: map[hop][]LogEntry{}, plain: map[string]bool{}}
	for _, of := range plan.Cohorts {
		c.plain[of.Name] = of.Via() == loadgen.Plain
	}
	return c
}

// Sample takes the caller's word. It returns the entries of which it is now known whose they are, with their ids, and
// those that have waited for too long, without.
func (c *Connections) Sample(s *loadgen.Sample) []LogEntry {
	if s.Local == "" {
		return nil
	}
	return append(c.know(hop{s.Local, c.plain[s.Cohort]}, span{s.ID, s.Sent, s.Done}), c.sweep(s.Done)...)
}

// Log takes an entry of a TCP connection, and returns what Sample returns.
func (c *Connections) Log(e LogEntry) []LogEntry {
	end := e.Start.Add(e.Took)
	id, ok := c.take(&e)
	if !ok {
		c.waiting[e.hop()] = append(c.waiting[e.hop()], e)
		return c.sweep(end)
	}
	return append(c.named(e, id), c.sweep(end)...)
}

// Flush returns the entries that still wait, without ids.
func (c *Connections) Flush() []LogEntry {
	var all []LogEntry
	for _, entries := range c.waiting {
		all = append(all, entries...)
	}
	clear(c.waiting)
	slices.SortFunc(all, func(a, b LogEntry) int { return a.Start.Compare(b.Start) })
	return all
}

// know takes a connection that is to come from an address.
func (c *Connections) know(address hop, s span) []LogEntry {
	c.known[address] = append(c.known[address], s)
	entries := c.waiting[address]
	for i := range entries {
		e := entries[i]
		if id, ok := c.take(&e); ok {
			if entries = slices.Delete(entries, i, i+1); len(entries) == 0 {
				delete(c.waiting, address)
			} else {
				c.waiting[address] = entries
			}
			return c.named(e, id)
		}
	}
	return nil
}

// named is an entry with its id, with those that are known by it.
func (c *Connections) named(e LogEntry, id string) []LogEntry {
	e.ID = id
	all := []LogEntry{e}
	if e.UpstreamLocal != "" && e.Side != ServerSide {
		all = append(all, c.know(hop{e.UpstreamLocal, true}, span{id, e.Start, e.Start.Add(e.Took)})...)
	}
	return all
}

// take finds the connection of an entry, the nearest in time of those that fit. Each has one entry.
func (c *Connections) take(e *LogEntry) (id string, ok bool) {
	all := c.known[e.hop()]
	best := -1
	off := func(i int) time.Duration { return e.Start.Sub(all[i].from).Abs() }
	for i, s := range all {
		if e.Start.Before(s.from.Add(-apart)) || e.Start.After(s.to.Add(apart)) {
			continue
		}
		if best < 0 || cmp.Less(off(i), off(best)) {
			best = i
		}
	}
	if best < 0 {
		return "", false
	}
	id = all[best].id
	if all = slices.Delete(all, best, best+1); len(all) == 0 {
		delete(c.known, e.hop())
	} else {
		c.known[e.hop()] = all
	}
	return id, true
}

// sweep lets go of what is old, and returns the entries among it. at is when something ended.
func (c *Connections) sweep(at time.Time) []LogEntry {
	if at.After(c.latest) {
		c.latest = at
	}
	if c.latest.Sub(c.swept) < time.Second {
		return nil
	}
	c.swept = c.latest
	var all []LogEntry
	for address, spans := range c.known {
		spans = slices.DeleteFunc(spans, func(s span) bool { return c.latest.Sub(s.to) > keptFor })
		if len(spans) == 0 {
			delete(c.known, address)
		} else {
			c.known[address] = spans
		}
	}
	for address, entries := range c.waiting {
		entries = slices.DeleteFunc(entries, func(e LogEntry) bool {
			old := c.latest.Sub(e.Start.Add(e.Took)) > keptFor
			if old {
				all = append(all, e)
			}
			return old
		})
		if len(entries) == 0 {
			delete(c.waiting, address)
		} else {
			c.waiting[address] = entries
		}
	}
	slices.SortFunc(all, func(a, b LogEntry) int { return a.Start.Compare(b.Start) })
	return all
}
