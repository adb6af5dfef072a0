package page

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

// A Board counts what a run records, line by line, and says at any time what there is to be seen. It implements
// harness.Tap: it is safe for concurrent use, and a line takes it microseconds. Its memory does not grow with the run.
type Board struct {
	read Reader

	mu sync.Mutex
	// clock tells the time of what is shown, and how fast that goes: 1 for what happens now, 0 for a pause.
	clock Clock
	// epoch counts how often the board began anew. seq numbers what changed: it rises each time that somebody looks.
	epoch, seq uint64
	state
	// cache has the newest face, for those who look at the same time.
	cache faceCache
}

// A Reader makes a run's report, of which nothing was seen yet, of the draft in its trace (judge.Unseen).
type Reader func(draft json.RawMessage) (*reports.Report, error)

// A Clock tells the time by which a board is shown, and how fast that time goes.
type Clock func() (now time.Time, rate float64)

// wallClock is the clock of what happens now.
func wallClock() (time.Time, float64) { return time.Now(), 1 }

// state is all that a board knows of one run.
type state struct {
	report *reports.Report
	// phases are those of the story, in its order. began has those that began, by their start.
	phases []*phase
	began  []*phase
	// now is the phase that is played, nil before the first.
	now *phase
	// outside counts what was sent in no phase.
	outside window
	recent  recent
	names   names
	joiner  *trace.Joiner
	river   river
	lately  lately
	pods    map[string]trace.Pod
	// requests and failed are all of the run.
	requests, failed int
	// stopped is when the load was told to stop, and newest the latest moment that is known of.
	stopped, newest time.Time
	// ended tells that nothing more comes. broken says why a run was cut short, spoilt why counting was given up.
	ended          bool
	broken, spoilt string
	troubles       []string
	// concluded is the run's report once there is one.
	concluded *reports.Report
}

// A phase is one of the story.
type phase struct {
	name                string
	number              int
	start, settled, end time.Time
	// before and judged count what was sent until the phase had settled, and from then on.
	before, judged window
	change         change
}

// A change is what a phase writes.
type change struct {
	writing, written time.Time
	// objects are those that istiod says it took up, and rejected has what proxies said that would not.
	objects  []string
	rejected []string
	// synced has the proxies that hold the change.
	synced map[string]bool
	// mark is that of the write in the river, -1 without one.
	mark int
}

// Bounds of what a board keeps, so that a trace from anywhere can't fill the memory.
const (
	maxPhases   = 500
	maxTroubles = 20
	maxPods     = 2_000
	// maxText is for a text of an event, in bytes.
	maxText = 400
)

// NewBoard makes a board without a run. read may be nil where the run's story is told by Tell.
func NewBoard(read Reader) *Board {
	b := &Board{read: read, clock: wallClock, seq: 1}
	b.state = newState()
	return b
}

func newState() state {
	s := state{pods: map[string]trace.Pod{}, names: names{}}
	s.outside = newWindow()
	return s
}

// Line takes a line of a trace, in about the order of the file.
func (b *Board) Line(l trace.Line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.names.full() {
		b.spoilt = "This trace tells apart more than any run does: it is counted no further."
		return
	}
	switch {
	case l.Sample != nil:
		b.sample(l.Sample)
	case l.Log != nil:
		b.log(l.Log)
	case l.Event != nil:
		b.event(l.Event)
	case l.Pod != nil:
		b.pod(l.Pod)
	}
}

// Tell says what the run is about, for one whose trace has no draft. Only the story of r is taken, nothing that was
// measured.
func (b *Board) Tell(r *reports.Report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tell(r)
}

// Conclude says what became of the run: the report's outcome is shown, and nothing more is to come.
func (b *Board) Conclude(r *reports.Report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finish()
	b.concluded = r
}

// Restart forgets everything, to be shown the run from its beginning again.
func (b *Board) Restart() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state = newState()
	b.epoch++
}

// SetClock has the board shown by another clock than that of the wall. c is called with the board's lock held.
func (b *Board) SetClock(c Clock) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock = c
}

// The rest is for whoever holds mu.

// finish hands on all requests that wait for further records.
func (s *state) finish() {
	if s.joiner != nil {
		s.joiner.Flush()
	}
	s.ended = true
}

// tell takes the story. A later one may know more of the run, and counts go on.
func (s *state) tell(r *reports.Report) {
	first := s.report == nil || s.report.Setup.Load.Run != r.Setup.Load.Run
	s.report = r
	for i, p := range r.Phases {
		if i < maxPhases {
			s.phase(p.Name)
		}
	}
	if first {
		s.joiner = trace.NewJoiner(r.Setup.Load, analysis.Horizon, s.joined)
		for _, p := range s.pods {
			s.joiner.Pod(p)
		}
	}
}

// phase is the story's phase of a name. One that nobody told of is added; nil where there are too many.
func (s *state) phase(name string) *phase {
	for _, p := range s.phases {
		if p.name == name {
			return p
		}
	}
	if len(s.phases) >= maxPhases {
		return nil
	}
	p := &phase{name: name, number: len(s.phases) + 1, before: newWindow(), judged: newWindow()}
	p.change = change{mark: -1, synced: map[string]bool{}}
	s.phases = append(s.phases, p)
	return p
}

// event takes an event.
func (b *Board) event(e *trace.Event) {
	if e.At.After(b.newest) {
		b.newest = e.At
	}
	switch e.Kind {
	case trace.Draft:
		if b.read == nil {
			return
		}
		r, err := b.read(e.Data)
		if err != nil {
			b.trouble("The story of this run can't be read: " + err.Error())
			return
		}
		b.tell(r)
	case trace.LoadStart:
		b.river.begin(e.At)
	case trace.LoadStop:
		b.stopped = e.At
	case trace.Broken:
		b.broken = text(e.Text)
	case trace.End:
		b.broken = text(e.Text)
		b.finish()
	case trace.Trouble:
		b.trouble(e.Text)
		b.mark(mark{At: b.river.ms(e.At), Kind: markTrouble, Text: text(e.Text)})
	case trace.ClockStep:
		b.trouble(fmt.Sprintf("A clock was set by %s: %s", format.Short(e.By), e.Text))
	case trace.PhaseStart, trace.Settled, trace.PhaseEnd:
		b.boundary(e)
	case trace.Writing, trace.Written, trace.Noticed, trace.Synced, trace.Rejected, trace.Decided:
		if p := b.phaseOf(e); p != nil {
			b.progress(p, e)
		}
	}
}

// phaseOf is the phase of an event, nil for one that the story does not have.
func (s *state) phaseOf(e *trace.Event) *phase {
	for _, p := range s.phases {
		if p.name == e.Phase {
			return p
		}
	}
	return nil
}

// boundary moves the bounds of phases, by the rules of the report: see bounds in reports/analysis.
func (b *Board) boundary(e *trace.Event) {
	b.river.begin(e.At)
	if e.Kind == trace.PhaseStart {
		for _, p := range b.began {
			if p.end.IsZero() && e.At.After(p.start) {
				p.end = e.At
			}
		}
	}
	p := b.phaseOf(e)
	if p == nil && b.report == nil && e.Kind == trace.PhaseStart {
		p = b.phase(b.names.of(e.Phase))
	}
	if p == nil {
		return
	}
	at := b.river.ms(e.At)
	switch e.Kind {
	case trace.PhaseStart:
		if p.start.IsZero() {
			b.began = append(b.began, p)
		}
		p.start, b.now = e.At, p
		slices.SortStableFunc(b.began, func(a, b *phase) int { return a.start.Compare(b.start) })
		b.mark(mark{At: at, Kind: markPhase, Text: fmt.Sprintf("%d %s", p.number, text(p.name))})
	case trace.Settled:
		p.settled = e.At
		b.mark(mark{At: at, Kind: markSettled, Text: "every proxy has it: judged from here"})
	case trace.PhaseEnd:
		p.end = e.At
	}
	b.recent.recount(&b.state)
}

// progress takes what becomes of a phase's change.
func (b *Board) progress(p *phase, e *trace.Event) {
	c, at := &p.change, b.river.ms(e.At)
	switch e.Kind {
	case trace.Writing:
		if c.writing.IsZero() {
			c.writing = e.At
		}
		c.mark = b.mark(mark{At: at, Kind: markWrite, Text: b.writeText(p, e)})
	case trace.Written:
		c.written = e.At
	case trace.Noticed:
		if object := text(e.Text); c.mark >= 0 && len(c.objects) < 8 && !slices.Contains(c.objects, object) {
			c.objects = append(c.objects, object)
			b.rename(c.mark, b.writeText(p, e)+": "+objectNames(c.objects))
		}
	case trace.Synced:
		if name := b.names.of(e.Proxy); !c.synced[name] && len(c.synced) < maxPods {
			c.synced[name] = true
			b.mark(mark{At: at, Kind: markSynced, Text: name})
		}
	case trace.Rejected:
		if rejected := text(e.Proxy + ": " + e.Text); len(c.rejected) < maxTroubles {
			c.rejected = append(c.rejected, rejected)
			b.mark(mark{At: at, Kind: markTrouble, Text: "rejected by " + rejected})
		}
	case trace.Decided:
		if d := e.Decision; d != nil {
			b.mark(mark{At: at, Kind: markDecided, Text: text(d.Text)})
		}
	}
}

// writeText is a phase's change in a few words.
func (b *Board) writeText(p *phase, e *trace.Event) string {
	if b.report != nil && p.number <= len(b.report.Phases) {
		if brief := b.report.Phases[p.number-1].Brief(); brief != "" {
			return text(brief)
		}
	}
	return text(e.Text)
}

// objectNames are objects as people call them: istiod says VirtualService/demo/my-service.
func objectNames(all []string) string {
	var names []string
	for _, object := range all {
		if part := strings.Split(object, "/"); len(part) == 3 {
			object = part[0] + " " + part[2]
		}
		names = append(names, object)
	}
	return strings.Join(names, ", ")
}

func (s *state) trouble(why string) {
	if why = text(why); len(s.troubles) < maxTroubles && !slices.Contains(s.troubles, why) {
		s.troubles = append(s.troubles, why)
	}
}

// pod takes what is known of a pod.
func (s *state) pod(p *trace.Pod) {
	name := s.names.of(p.Name)
	if _, known := s.pods[name]; !known && len(s.pods) >= maxPods {
		return
	}
	s.pods[name] = trace.Pod{Name: name, Role: p.Role, IP: p.IP, Sidecar: p.Sidecar, Instances: p.Instances}
	if s.joiner != nil {
		s.joiner.Pod(*p)
	}
}

// proxies counts the pods that have a proxy and were not seen to end.
func (s *state) proxies() (n int) {
	for _, p := range s.pods {
		gone := len(p.Instances) > 0
		for _, life := range p.Instances {
			gone = gone && life.Final
		}
		if p.Sidecar && !gone {
			n++
		}
	}
	return n
}

// text is a text from outside, as short and as plain as the page can show it.
func text(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return format.Printable(s)
}
