package page

import (
	"cmp"
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports/analysis"
)

// A river is what happened last, for the drawing: how many requests of each sort were sent in each tenth of a second,
// and the moments of changes. It has the last half minute, whatever the rate.
type river struct {
	// origin is the moment from which times are counted.
	origin time.Time
	sorts  []Sort
	index  map[Sort]int
	bins   [riverBins]riverBin
	newest int
	marks  []mark
}

// A riverBin has counts by the number of their sort.
type riverBin struct {
	number int
	cells  []cell
}

type cell struct {
	n   int
	seq uint64
}

// A Sort is what a mark of the river stands for: answers of one version, or requests that failed in one way, as far as
// the caller sees it.
type Sort struct {
	// Failed tells that the sort belongs to the lane of failures. Otherwise Version has its lane.
	Failed  bool   `json:"failed,omitempty"`
	Version string `json:"version"`
	// Text is what is written at a mark of a failure: "503", "500 v2", "no answer".
	Text string `json:"text,omitempty"`
}

const (
	riverStep = 100 * time.Millisecond
	riverBins = 300
	// maxSorts bounds the sorts. What is more is drawn as the last one, which says so.
	maxSorts = 24
	maxMarks = 300
	// riverAhead is how far in the future a request may lie: clocks of other machines are off by milliseconds.
	riverAhead = 5 * time.Second
)

// otherSort is what has no sort of its own.
var otherSort = Sort{Failed: true, Text: "other"}

func newSort(r record) Sort {
	if !r.failed() {
		return Sort{Version: text(analysis.Answerer(r.version))}
	}
	code := fmt.Sprint(r.code)
	if r.code == 0 {
		code = "no answer"
	}
	if r.grpc != "" {
		code += " " + text(r.grpc)
	}
	if r.version != "" {
		code += " " + text(r.version)
	}
	return Sort{Failed: true, Version: text(r.version), Text: code}
}

// begin sets the origin, once.
func (v *river) begin(at time.Time) {
	if v.origin.IsZero() {
		v.origin, v.index = at, map[Sort]int{}
	}
}

// ms is a moment in milliseconds from the origin. An event without a moment is at 0.
func (v *river) ms(at time.Time) float64 {
	if v.origin.IsZero() || at.IsZero() {
		return 0
	}
	return float64(at.Sub(v.origin).Microseconds()) / 1000
}

// add counts a request that was sent at a moment, at now.
func (v *river) add(sent, now time.Time, r record, seq uint64) {
	since := sent.Sub(v.origin)
	number := int(since / riverStep)
	if since < 0 {
		number--
	}
	if sent.Sub(now) > riverAhead || number <= v.newest-riverBins {
		return // it is counted, and would be drawn beside the page
	}
	v.newest = max(v.newest, number)
	b := &v.bins[((number%riverBins)+riverBins)%riverBins]
	if b.number != number {
		b.number = number
		clear(b.cells)
	}
	i := v.sort(newSort(r))
	for len(b.cells) <= i {
		b.cells = append(b.cells, cell{})
	}
	b.cells[i] = cell{b.cells[i].n + 1, seq}
}

// sort is a sort's number.
func (v *river) sort(s Sort) int {
	if i, known := v.index[s]; known {
		return i
	}
	if len(v.sorts) == maxSorts-1 {
		s = otherSort
	}
	if len(v.sorts) == maxSorts {
		return maxSorts - 1
	}
	v.sorts = append(v.sorts, s)
	v.index[s] = len(v.sorts) - 1
	return len(v.sorts) - 1
}

// since are the cells that changed after seq: bin, sort, and how many requests.
func (v *river) since(seq uint64) (out [][3]int) {
	for i := range v.bins {
		b := &v.bins[i]
		if b.number <= v.newest-riverBins {
			continue
		}
		for j, c := range b.cells {
			if c.n > 0 && c.seq > seq {
				out = append(out, [3]int{b.number, j, c.n})
			}
		}
	}
	return out
}

// A mark is a moment across the river.
type mark struct {
	ID int `json:"id"`
	// At is in milliseconds from the river's origin.
	At   float64  `json:"at"`
	Kind markKind `json:"kind"`
	Text string   `json:"text"`
	seq  uint64
}

// A markKind says what a mark is of.
type markKind string

const (
	markPhase   markKind = "phase"
	markWrite   markKind = "write"
	markSynced  markKind = "synced"
	markSettled markKind = "settled"
	markDecided markKind = "decided"
	markTrouble markKind = "trouble"
)

// mark adds a mark, and returns its number.
func (b *Board) mark(m mark) int {
	m.seq = b.seq
	if n := len(b.river.marks); n > 0 {
		m.ID = b.river.marks[n-1].ID + 1
	}
	if len(b.river.marks) == maxMarks {
		b.river.marks = append(b.river.marks[:0], b.river.marks[maxMarks/3:]...)
	}
	b.river.marks = append(b.river.marks, m)
	return m.ID
}

// rename changes a mark's text, if it is still there.
func (b *Board) rename(id int, to string) {
	for i := range b.river.marks {
		if m := &b.river.marks[i]; m.ID == id {
			m.Text, m.seq = text(to), b.seq
		}
	}
}

// marksSince are the marks that changed after seq.
func (v *river) marksSince(seq uint64) (out []mark) {
	for _, m := range v.marks {
		if m.seq > seq {
			out = append(out, m)
		}
	}
	return out
}

// A cursor is how far somebody has seen a board.
type cursor struct {
	epoch, seq uint64
	begun      bool
	face       *Face
}

// A message is what a browser is told: what changed since its cursor, or all that is drawn.
type message struct {
	// Full tells that what was told before is forgotten.
	Full bool `json:"full,omitempty"`
	// Now is in milliseconds from the river's origin, which Origin has since 1970. Rate is how fast Now goes.
	Now    float64 `json:"now"`
	Rate   float64 `json:"rate"`
	Origin int64   `json:"origin"`
	// StepMS is the width of a bin. Cells are bin, sort and count; Sorts has all sorts, where Cells has any.
	StepMS int64    `json:"stepMs"`
	Sorts  []Sort   `json:"sorts,omitempty"`
	Cells  [][3]int `json:"cells,omitempty"`
	Marks  []mark   `json:"marks,omitempty"`
	Face   *Face    `json:"face,omitempty"`
	// Data has the panels' blocks by name.
	Data map[string]any `json:"data,omitempty"`
}

// view says what changed since a cursor, and moves it.
func (b *Board) view(at *cursor) message {
	face := b.Face()
	b.mu.Lock()
	defer b.mu.Unlock()
	out := message{StepMS: riverStep.Milliseconds(), Full: !at.begun || at.epoch != b.epoch}
	if out.Full {
		*at = cursor{begun: true, epoch: b.epoch}
	}
	now, rate := b.moment()
	out.Now, out.Rate = b.river.ms(now), rate
	if !b.river.origin.IsZero() {
		out.Origin = b.river.origin.UnixMilli()
	}
	out.Cells, out.Marks = b.river.since(at.seq), b.river.marksSince(at.seq)
	if len(out.Cells) > 0 || out.Full {
		out.Sorts = b.river.sorts
	}
	at.seq = b.seq
	b.seq++
	if at.face != face {
		at.face, out.Face = face, face
	}
	return out
}

// moment is the clock's, and that of the end once the load was stopped. The caller holds mu.
func (b *Board) moment() (now time.Time, rate float64) {
	now, rate = b.clock()
	if b.ended {
		if end := cmp.Or(b.stopped, b.newest); !end.IsZero() && now.After(end) {
			return end, 0
		}
		rate = 0
	}
	return now, rate
}
