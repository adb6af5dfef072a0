package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net"
	"slices"

	"github.com/canarylab/canarylab/internal/bitset"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
	"github.com/canarylab/canarylab/sampleapp"
)

// A life is one of an app's container, with the serial numbers that were seen of it.
type life struct {
	trace.Instance
	pod  *trace.Pod
	seen bitset.Set
	// spans are the least and the greatest number seen in a phase.
	spans map[string][2]uint64
	// counted tells that its gaps were: a damaged trace may have one life several times.
	counted bool
}

// podAt is the app's pod at an address with a port, nil where there is none.
func (b *ledger) podAt(upstream string) *trace.Pod {
	host, _, err := net.SplitHostPort(upstream)
	if err != nil {
		return nil
	}
	return b.addresses[host]
}

// serial takes a number that an app gave a request.
func (b *ledger) serial(serial, id, phase string) {
	instance, n, ok := sampleapp.ParseSerial(serial)
	l := b.lives[instance]
	switch {
	case !ok:
		b.unexplained(id, phase, "its answer has the serial number %q, which no app made", serial)
	case l == nil:
		b.unexplained(id, phase, "its answer has the serial number %s, of a life of a pod that was never counted",
			serial)
	case n <= l.Base || n > l.Received && l.Final:
		b.unexplained(id, phase, "its answer has the serial number %s, and %s counted %d to %d", serial, l.pod.Name,
			l.Base+1, l.Received)
	case l.seen.Set(n):
		b.unexplained(id, phase, "its answer has the serial number %s, as another one has", serial)
	default:
		span, ok := l.spans[phase]
		if !ok {
			span = [2]uint64{n, n}
		}
		l.spans[phase] = [2]uint64{min(span[0], n), max(span[1], n)}
	}
}

// mark takes a number as seen, whatever else is to be said of it.
func (b *ledger) mark(serial string) {
	if instance, n, ok := sampleapp.ParseSerial(serial); ok && b.lives[instance] != nil {
		b.lives[instance].seen.Set(n)
	}
}

// apps holds the apps' own counts against the numbers that answers carried.
func (b *ledger) apps(obs []Observation) {
	if b.Received == nil {
		if len(b.Answered) > 0 {
			b.problem("the sample app's counters were not read")
		}
		return
	}
	type gap struct {
		life     *life
		from, to uint64
	}
	for _, name := range slices.Sorted(maps.Keys(b.pods)) {
		var gaps []gap
		missing := 0
		for _, in := range b.pods[name].Instances {
			l := b.lives[in.Name]
			if !in.Final {
				b.problem("pod %s was lost: it had counted %s requests when it was last asked, and what it got after "+
					"that is not known", name, format.Number(add(0, in.Received-min(in.Base, in.Received))))
			}
			if in.Received > in.Base && !l.counted {
				l.counted = true
				for from, to := range l.seen.Gaps(in.Base+1, in.Received) {
					gaps = append(gaps, gap{l, from, to})
					missing = add(missing, to-from+1)
				}
			}
		}
		aborted := b.aborted[name]
		b.Aborted += min(aborted, missing)
		over := missing - aborted
		if over <= 0 {
			continue
		}
		// Nobody knows which of the missing numbers the aborted requests have. The longest gaps are the least
		// likely to be theirs.
		slices.SortStableFunc(gaps, func(x, y gap) int { return cmp.Compare(y.to-y.from, x.to-x.from) })
		for _, g := range gaps {
			n := min(add(0, g.to-g.from+1), over)
			if over -= n; n == 0 {
				break
			}
			serials := fmt.Sprintf("%s to %d", sampleapp.Serial(g.life.Name, g.from), g.to)
			b.unexplainedN(n, serials, g.life.phase(g.from, obs), "pod %s received %s that no proxy and no caller "+
				"knows of", name, format.Plural(n, "request", "requests"))
		}
	}
	for _, version := range slices.Sorted(maps.Keys(b.Answered)) {
		if _, read := b.Received[version]; !read {
			b.problem("the caller got %s answers from %s, but its counter was not read",
				format.Number(b.Answered[version]), version)
		}
	}
}

// add adds a count to a sum. A counter may say anything: a sum above half of the greatest int, which no run can have,
// is the greatest int from then on, and is printed as such. The check of a report knows that one, too.
func add(sum int, n uint64) int {
	if n > uint64(math.MaxInt/2-min(sum, math.MaxInt/2)) {
		return math.MaxInt
	}
	return sum + int(n)
}

// phase finds the phase in which the app gave number n, by the numbers around it.
func (l *life) phase(n uint64, obs []Observation) string {
	for _, o := range obs {
		if span, ok := l.spans[o.Phase]; ok && n <= span[1]+1 {
			return o.Phase
		}
	}
	return ""
}
