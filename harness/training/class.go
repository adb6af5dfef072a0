package training

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports"
)

// maxLearners bounds a class: each learner has a proxy for each of some four pods, which know of all others.
const maxLearners = 32

// CheckLearners refuses a class that is empty, or larger than any.
func CheckLearners(n int) error {
	if n < 1 || n > maxLearners {
		return fmt.Errorf("%d learners are not 1 to %d", n, maxLearners)
	}
	return nil
}

// LearnerNamespace is that of a learner of a class, counted from 1. It gives nothing away.
func LearnerNamespace(learner int) string { return fmt.Sprintf("%s-%d", Namespace, learner) }

// A Class is several missions at once on one cluster, each in a namespace of its own, with a load and a judge of its
// own. None of them touches another. They come up one after the other, and nothing breaks before all are well.
type Class struct {
	// Learners are their trainers. The options of each have a namespace of its own, and a rate.
	Learners []*Trainer
	// Machine measures what one learner takes, before the others come up. Nil means that nobody can measure it.
	Machine Machine
	// Over has them play also where the machine does not carry them.
	Over bool
	// Measured is called with what the machine carries, Begun when all are well. Nil means that nobody wants to know.
	Measured func(Capacity)
	Begun    func()

	mu sync.Mutex
	// end ends the class before it has begun, nil before and after.
	end     context.CancelCauseFunc
	aborted bool
}

// A Seat is what became of one learner's mission.
type Seat struct {
	// Learner is counted from 1.
	Learner     int         `json:"learner"`
	Namespace   string      `json:"namespace"`
	Mission     string      `json:"mission"`
	Explanation Explanation `json:"explanation"`
	// Dir is the run's folder, Broken why the mission came to no end of its own.
	Dir    string `json:"dir,omitempty"`
	Broken string `json:"broken,omitempty"`
	// Report is that of the last run, nil where none came to one. Err is Broken.
	Report *reports.Report `json:"-"`
	Err    error           `json:"-"`
}

// Run plays the class until each mission is over. There is a seat for each learner whose mission has begun. The error
// wraps ErrTooMany where the machine does not carry them; else it is why the class did not begin, and what went wrong
// with single learners is in their seats.
func (c *Class) Run(ctx context.Context) ([]Seat, error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	c.mu.Lock()
	c.end = end
	aborted := c.aborted
	c.mu.Unlock()
	if aborted {
		return nil, ErrAborted
	}
	r := &classRun{Class: c, ctx: ctx, begin: make(chan struct{}), seats: make([]*Seat, len(c.Learners))}
	err := r.bringUp()
	if err != nil {
		end(err)
	} else {
		c.mu.Lock()
		c.end = nil
		c.mu.Unlock()
		close(r.begin)
		if c.Begun != nil {
			c.Begun()
		}
	}
	r.playing.Wait()
	var seats []Seat
	for _, s := range r.seats {
		if s != nil {
			seats = append(seats, *s)
		}
	}
	return seats, err
}

// Abort ends all missions at once, with the healthy twin back in each namespace.
func (c *Class) Abort(ctx context.Context) error {
	c.mu.Lock()
	c.aborted = true
	end := c.end
	c.mu.Unlock()
	if end != nil {
		end(ErrAborted)
		return nil
	}
	errs := make([]error, len(c.Learners))
	var aborting sync.WaitGroup
	for i, t := range c.Learners {
		aborting.Go(func() { errs[i] = t.Abort(ctx) })
	}
	aborting.Wait()
	return errors.Join(errs...)
}

// A classRun is one play of a class.
type classRun struct {
	*Class
	ctx     context.Context
	begin   chan struct{}
	playing sync.WaitGroup
	// seats has nil for whoever has not begun.
	seats []*Seat
}

// bringUp has all learners' services come up, one after the other, and returns once they are well. What is wrong with
// one learner's is no reason to leave out the others, but for the first, which is measured.
func (r *classRun) bringUp() error {
	first, rates := r.lightest()
	var idle environment.Use
	var err error
	if r.Machine != nil {
		if idle, err = least(r.ctx, r.Machine, 1); err != nil {
			return cause(r.ctx, fmt.Errorf("measure what the machine uses without a learner: %w", err))
		}
	}
	if err := r.start(first); err != nil {
		return err
	}
	if r.Machine != nil {
		busy, err := least(r.ctx, r.Machine, busyLooks)
		if err != nil {
			return cause(r.ctx, fmt.Errorf("measure what a learner takes: %w", err))
		}
		carried := capacity(idle, busy, rates)
		if r.Measured != nil {
			r.Measured(carried)
		}
		if err := carried.check(); err != nil && !r.Over {
			return err
		}
	}
	for i := range r.Learners {
		if i == first {
			continue
		}
		_ = r.start(i) // its seat says what became of it
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
	}
	return nil
}

// lightest is the learner with the lowest rate. What that one takes is taken for a part of what the others take. rates
// are those of all, its own first.
func (r *classRun) lightest() (first int, rates []int) {
	for i, t := range r.Learners {
		if t.rate() < r.Learners[first].rate() {
			first = i
		}
	}
	rates = []int{r.Learners[first].rate()}
	for i, t := range r.Learners {
		if i != first {
			rates = append(rates, t.rate())
		}
	}
	return first, rates
}

// rate is that of the trainer's load, in requests a second.
func (t *Trainer) rate() int { return cmp.Or(t.Options.Rate, t.Mission.Story.Rate()) }

// start begins a learner's mission, and returns once it is well, or with the error in which it ended before.
func (r *classRun) start(i int) error {
	t := r.Learners[i]
	t.hold = newHold(r.begin)
	seat := &Seat{Learner: i + 1, Namespace: t.namespace(), Mission: t.Mission.Name()}
	r.seats[i] = seat
	ended := make(chan struct{})
	r.playing.Go(func() {
		defer close(ended)
		seat.Explanation, seat.Report, seat.Err = t.Run(r.ctx)
		if seat.Err != nil {
			seat.Broken = seat.Err.Error()
		}
	})
	select {
	case <-t.hold.well:
		return nil
	case <-ended:
		err := cmp.Or(seat.Err, errors.New("it was given up before the class began"))
		return cause(r.ctx, fmt.Errorf("learner %d (%s): %w", i+1, t.namespace(), err))
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
}

// cause is what ended ctx, or err where it has not ended.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// State says in a few words how the learner's mission ended.
func (s Seat) State() string {
	r := s.Explanation.Standing.Result
	switch {
	case r.Mended:
		return "mended"
	case r.Aborted, errors.Is(s.Err, ErrAborted):
		return "aborted"
	case s.Broken != "":
		return "broken off"
	case r.ToSafe > 0:
		return "safe"
	}
	return "not mended"
}

// Row is the learner's row of a table, as in Head.
func (s Seat) Row() []string {
	r := s.Explanation.Standing.Result
	return []string{
		fmt.Sprint(s.Learner), s.Mission, s.State(), clockCell(r.ToSafe), clockCell(r.ToMended), clockCell(r.Price),
		fmt.Sprint(r.Burned),
	}
}

// Head is the head of a table of seats.
func Head() []string {
	return []string{"learner", "mission", "mended?", "safe after", "mended after", "price", "requests burned"}
}

// clockCell writes a clock in a table.
func clockCell(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return d.Round(100 * time.Millisecond).String()
}
