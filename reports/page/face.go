package page

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// A Face is what the page says at one moment, in words and figures as people read them. All texts are printable.
type Face struct {
	// Scenario, Title and Run are of the story.
	Scenario string `json:"scenario"`
	Title    string `json:"title"`
	Run      string `json:"run"`
	// State is waiting, running or ended; StateText says it for people.
	State     State  `json:"state"`
	StateText string `json:"stateText"`
	// Phase is what is played, Number which of Phases it is, counted from 1 (0: none yet), and Did its change.
	Phase  string `json:"phase"`
	Number int    `json:"number"`
	Did    string `json:"did,omitempty"`
	// Settled tells that the phase is judged from now on, Change says how its change fares.
	Settled bool   `json:"settled"`
	Change  string `json:"change"`
	// Subject is whose share the phase is about, Asked the share that was claimed, Seen the one that was seen, and
	// Interval its 95 % interval. Basis says of how many requests.
	Subject  string `json:"subject"`
	Asked    string `json:"asked"`
	Seen     string `json:"seen"`
	Interval string `json:"interval"`
	Basis    string `json:"basis"`
	// Rate and FailedRate are the requests that ended, and those of them that failed, each second of the last two.
	Rate       string `json:"rate"`
	FailedRate string `json:"failedRate"`
	Failing    bool   `json:"failing"`
	// Requests are those of the run, and Burned those of them that failed.
	Requests int `json:"requests"`
	Burned   int `json:"burned"`
	// Held is how many proxies hold the change, such as "2 of 3"; HeldAll tells that all do, HeldText says more.
	Held     string `json:"held"`
	HeldAll  bool   `json:"heldAll"`
	HeldText string `json:"heldText"`
	// Shares, Phases and Failures are tables.
	Shares   []ShareRow   `json:"shares"`
	Phases   []PhaseRow   `json:"phases"`
	Failures []FailureRow `json:"failures"`
	// Troubles are what happened to the lab, a sentence each.
	Troubles []string `json:"troubles"`
	// Outcome is that of the report, once there is one, and OutcomeText says what it rests on.
	Outcome     reports.Outcome `json:"outcome,omitempty"`
	OutcomeText string          `json:"outcomeText,omitempty"`
}

// none stands for a figure that there is not.
const none = "–"

// A State says whether a run has begun and ended.
type State string

// The states.
const (
	Waiting State = "waiting"
	Running State = "running"
	Ended   State = "ended"
)

// A ShareRow is a share of the phase that is played.
type ShareRow struct {
	Cohort   string  `json:"cohort"`
	Subject  string  `json:"subject"`
	Asked    string  `json:"asked"`
	Seen     string  `json:"seen"`
	Interval string  `json:"interval"`
	Count    int     `json:"count"`
	Of       int     `json:"of"`
	Percent  float64 `json:"percent"`
}

// A PhaseRow is a phase with its counts so far.
type PhaseRow struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
	Did    string `json:"did"`
	// Now tells that it is played, Begun that it was or is.
	Now   bool `json:"now"`
	Begun bool `json:"begun"`
	// Transition and Judged are its requests until its change had arrived and from then on, Failed those of both that
	// failed, as reports print them.
	Transition int    `json:"transition"`
	Judged     int    `json:"judged"`
	Failed     string `json:"failed"`
	// Outcome is that of the report.
	Outcome reports.Outcome `json:"outcome,omitempty"`
}

// A FailureRow counts requests of the run that failed, or were flagged, in one way.
type FailureRow struct {
	Kind    string `json:"kind"`
	Meaning string `json:"meaning"`
	Count   int    `json:"count"`
}

// faceEvery is how long a face is kept for who looks next: figures that change faster can't be read.
const faceEvery = 150 * time.Millisecond

type faceCache struct {
	face  *Face
	made  time.Time
	epoch uint64
}

// Face says what there is to be seen. Who looks a moment later is given the same one.
func (b *Board) Face() *Face {
	b.mu.Lock()
	if c := b.cache; c.face != nil && c.epoch == b.epoch && time.Since(c.made) < faceEvery {
		b.mu.Unlock()
		return c.face
	}
	s := b.sketch()
	b.mu.Unlock()
	// Intervals take a while to work out, and whoever records must not wait for them.
	face := s.face()
	b.mu.Lock()
	defer b.mu.Unlock()
	if old := b.cache; old.face != nil && old.epoch == s.epoch && reflect.DeepEqual(face, old.face) {
		face = old.face
	}
	b.cache = faceCache{face, time.Now(), s.epoch}
	return face
}

// A sketch is what a Face is made of, copied from the board.
type sketch struct {
	epoch            uint64
	story            *reports.Report
	concluded        *reports.Report
	broken, spoilt   string
	ended, begun     bool
	stopped          bool
	phases           []PhaseRow
	now              *phaseSketch
	failures         map[string]int
	troubles         []string
	requests, failed int
	rate, failedRate float64
	synced, pods     int
}

// A phaseSketch is the phase that is played.
type phaseSketch struct {
	number int
	name   string
	// window is what was sent since the phase had settled, or until now where it has not.
	window           analysis.Window
	settled          bool
	writing, written bool
	rejected         []string
}

// sketch copies what a face needs. The caller holds mu.
func (b *Board) sketch() sketch {
	now, _ := b.moment()
	s := sketch{
		epoch: b.epoch, story: b.report, concluded: b.concluded, broken: b.broken, spoilt: b.spoilt, ended: b.ended,
		begun: b.now != nil, stopped: !b.stopped.IsZero(), troubles: slices.Clone(b.troubles), requests: b.requests,
		failed: b.failed, failures: maps.Clone(b.outside.total.flags), pods: b.proxies(),
	}
	s.rate, s.failedRate = b.lately.rates(now)
	for _, p := range b.phases {
		before, judged := p.before.total, p.judged.total
		s.phases = append(s.phases, PhaseRow{
			Number: p.number, Name: text(p.name), Now: p == b.now && !b.ended, Begun: !p.start.IsZero(),
			Transition: before.requests, Judged: judged.requests,
			Failed: reports.Failed{Transition: before.failed, Settled: judged.failed}.String(),
		})
		for _, c := range []*counts{before, judged} {
			for key, n := range c.flags {
				s.failures[key] += n
			}
		}
	}
	if p := b.now; p != nil {
		window := &p.before
		if !p.settled.IsZero() {
			window = &p.judged
		}
		s.now = &phaseSketch{
			number: p.number, name: p.name, window: window.analysis(), settled: !p.settled.IsZero(),
			writing: !p.change.writing.IsZero(), written: !p.change.written.IsZero(),
			rejected: slices.Clone(p.change.rejected),
		}
		s.synced = len(p.change.synced)
	}
	return s
}

// face makes the face of a sketch.
func (s sketch) face() *Face {
	f := &Face{
		Requests: s.requests, Burned: s.failed, Phases: append([]PhaseRow{}, s.phases...),
		Troubles: append([]string{}, s.troubles...), Asked: none, Seen: none, Held: none,
		Rate: strconv.FormatFloat(math.Round(s.rate), 'f', 0, 64), FailedRate: perSecond(s.failedRate),
		Failing: s.failedRate > 0, Shares: []ShareRow{}, Failures: []FailureRow{},
	}
	if s.story != nil {
		f.Scenario, f.Title, f.Run = text(s.story.Scenario), text(s.story.Title), text(s.story.Run)
		for i := range f.Phases {
			if i < len(s.story.Phases) {
				f.Phases[i].Did = text(s.story.Phases[i].Brief())
			}
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(s.failures), func(a, b string) int {
		return cmp.Or(s.failures[b]-s.failures[a], cmp.Compare(a, b))
	}) {
		_, flags, _ := strings.Cut(key, " ")
		f.Failures = append(f.Failures, FailureRow{
			Kind: text(analysis.KindInWords(key)), Meaning: analysis.Meaning(flags), Count: s.failures[key],
		})
	}
	s.phaseFace(f)
	s.stateFace(f)
	return f
}

// phaseFace says how the phase that is played fares.
func (s sketch) phaseFace(f *Face) {
	p := s.now
	if p == nil {
		f.Change = "The load has not begun."
		return
	}
	f.Phase, f.Number, f.Settled = text(p.name), p.number, p.settled
	var story reports.Phase
	if s.story != nil && p.number <= len(s.story.Phases) {
		story = s.story.Phases[p.number-1]
		f.Did = text(story.Did)
	}
	f.Change = p.change()
	s.held(f)
	rows := reports.SplitRows(p.window, story.Verdicts, s.plan())
	main := headline(rows, story.Verdicts)
	for _, row := range rows {
		f.Shares = append(f.Shares, shareRow(row))
	}
	if main < 0 {
		return
	}
	row, cohort := f.Shares[main], ""
	if claim := rows[main].Claim; claim != nil {
		cohort = text(claim.Cohort)
	}
	f.Subject = format.Join(" for ", row.Subject, cohort)
	f.Asked, f.Seen, f.Interval = cmp.Or(row.Asked, none), cmp.Or(row.Seen, none), row.Interval
	f.Basis = format.Number(row.Count) + " of " + format.Plural(row.Of, "request", "requests") +
		format.When(!p.settled, ", while the change is on its way")
}

func (s sketch) plan() (plan loadgen.Plan) {
	if s.story != nil {
		plan = s.story.Setup.Load
	}
	return plan
}

// headline is the row of the first claim about a share, or that of the latest version where none is claimed; -1 where
// there is neither.
func headline(rows []reports.SplitRow, verdicts []reports.Verdict) int {
	for _, v := range verdicts {
		claimed := func(r reports.SplitRow) bool { return r.Claim != nil && r.Claim == v.Claim }
		if i := slices.IndexFunc(rows, claimed); i >= 0 {
			return i
		}
	}
	last := -1
	for i, row := range rows {
		if row.Cohort == rows[0].Cohort && !row.Status && row.Subject != "" {
			last = i
		}
	}
	return last
}

func shareRow(r reports.SplitRow) ShareRow {
	out := ShareRow{
		Cohort: text(r.Cohort), Subject: text(analysis.KindInWords(r.Subject)),
		Asked: r.Asked(), Interval: r.Interval(), Count: r.Seen.Count, Of: r.Seen.Of, Percent: r.Seen.Percent,
	}
	if r.Seen.Of > 0 {
		out.Seen = format.Percent(r.Seen.Percent) + " %"
	}
	return out
}

// change says how a phase's change fares.
func (p *phaseSketch) change() string {
	switch {
	case len(p.rejected) > 0 && !p.settled:
		return "A proxy rejected the change: " + p.rejected[0]
	case p.settled:
		return "Settled: what is sent now is judged."
	case p.written:
		return "The change is accepted and on its way to the proxies."
	case p.writing:
		return "The change is being written."
	}
	return "Watching until every proxy has what is asked."
}

// held says how many proxies hold the phase's change.
func (s sketch) held(f *Face) {
	p, all := s.now, max(s.pods, s.synced)
	switch {
	case p.settled && p.number == 1:
		f.Held, f.HeldAll, f.HeldText = "all", true, "Every proxy had the first phase's objects before the load began."
	case p.settled && s.synced == 0 && !p.writing:
		f.Held, f.HeldAll, f.HeldText = "all", true, "The phase writes nothing that a proxy waits for."
	case p.settled && s.synced == 0:
		f.Held, f.HeldAll, f.HeldText = "all", true, "The phase's change is none that a proxy holds."
	case p.settled:
		f.Held, f.HeldAll = fmt.Sprintf("%d of %d", s.synced, s.synced), true
		f.HeldText = "Every proxy holds what istiod would send it now."
	case p.writing && all > 0:
		f.Held, f.HeldText = fmt.Sprintf("%d of %d", s.synced, all), "The others go on with what they had."
	default:
		f.HeldText = "Nothing is written yet."
	}
}

// stateFace says how far the run is, and what became of it.
func (s sketch) stateFace(f *Face) {
	f.State, f.StateText = Waiting, "The run is being prepared."
	switch {
	case s.ended:
		f.State, f.StateText = Ended, "The run has ended; its report is being made."
	case s.stopped:
		f.State, f.StateText = Running, "The load has ended; what belongs to it is collected."
	case s.begun:
		f.State, f.StateText = Running, "The load is sent."
	}
	if s.broken != "" {
		f.Troubles = append(f.Troubles, "The run was cut short: "+s.broken)
	}
	if s.spoilt != "" {
		f.Troubles = append(f.Troubles, s.spoilt)
	}
	r := s.concluded
	if r == nil {
		return
	}
	f.State, f.StateText = Ended, "The run has ended."
	f.Outcome, f.OutcomeText = r.Outcome, text(reports.Sentence(r))
	if r.Void() {
		f.Troubles = append(f.Troubles, "The run is void: that is the machine's doing, and the mesh was not measured.")
	}
	if r.Broken != "" && s.broken == "" {
		f.Troubles = append(f.Troubles, "The run was cut short: "+text(r.Broken))
	}
	for i := range f.Phases {
		if i < len(r.Phases) && len(r.Phases[i].Verdicts) > 0 && text(r.Phases[i].Name) == f.Phases[i].Name {
			f.Phases[i].Outcome = r.Phases[i].Outcome()
		}
	}
}

// perSecond is a rate with a digit where it is small.
func perSecond(rate float64) string {
	if rate < 10 {
		return strconv.FormatFloat(rate, 'f', 1, 64)
	}
	return format.Number(int(math.Round(rate)))
}
