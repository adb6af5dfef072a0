package harness_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/training"
)

// A fakeMachine uses more with a learner than without, and most when that one has just come up.
type fakeMachine struct {
	mu    sync.Mutex
	looks int
	takes float64
}

func (m *fakeMachine) Use(_ context.Context, over time.Duration) (environment.Use, error) {
	time.Sleep(over)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looks++
	busy := min(m.looks, 2)
	if m.looks == 2 {
		busy = 20 // what was just deployed does not count
	}
	return environment.Use{CPU: float64(busy) * m.takes, Cores: 2, Memory: 1e9, Total: 8e9}, nil
}

// newClass is a class of two, each on a mesh in memory of its own.
func newClass(t *testing.T) (*training.Class, []*course) {
	all := []*course{newCourse(t, training.Options{Seed: 1}), newCourse(t, training.Options{Seed: 2})}
	c := &training.Class{}
	for i, one := range all {
		one.trainer.Options.Namespace = training.LearnerNamespace(i + 1)
		c.Learners = append(c.Learners, one.trainer)
	}
	return c, all
}

// taught is how a class ended.
type taught struct {
	seats []training.Seat
	err   error
}

func teach(ctx context.Context, c *training.Class) <-chan taught {
	done := make(chan taught, 1)
	go func() {
		seats, err := c.Run(ctx)
		done <- taught{seats, err}
	}()
	return done
}

// moment is when a learner's verdict was first a certain one.
func (c *course) moment(v training.Verdict) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.events {
		if e.State != nil && e.State.Verdict == v {
			return e.State.At
		}
	}
	return time.Time{}
}

// Nothing breaks before all are well, and how one learner's mission ends does not touch the other.
func TestAClassIsPlayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, all := newClass(t)
		c.Machine = &fakeMachine{takes: 0.3}
		var carried training.Capacity
		c.Measured = func(m training.Capacity) { carried = m }
		var begun time.Time
		c.Begun = func() { begun = time.Now() }
		done := teach(t.Context(), c)
		for _, one := range all {
			one.until("broken", func(e training.Event) bool {
				return e.State != nil && e.State.Verdict == training.Broken
			})
			if at := one.moment(training.Broken); !at.After(begun) || begun.IsZero() {
				t.Errorf("it was broken at %s, want it after all were well at %s", at, begun)
			}
		}
		if carried.Learners != 5 || carried.Asked != 2 {
			t.Errorf("got %+v measured, want two learners asked for, and five carried", carried)
		}
		if r := all[0].ask(training.DoStatus); r.Standing == nil || r.Standing.State.Verdict != training.Broken {
			t.Errorf("got %+v, want the status of the first", r)
		}
		all[1].ask(training.DoGiveUp)
		time.Sleep(time.Minute)
		if r := all[1].ask(training.DoReset); !strings.Contains(r.Error, "is over") {
			t.Errorf("got %+v, want no reset of what is over: nobody would clean up after it", r)
		}
		if r := all[1].ask(training.DoExplain); r.Explanation == nil || r.Explanation.Story == nil {
			t.Errorf("got %+v, want it told what it was", r)
		}
		all[0].write("half")
		end := <-done
		if end.err != nil || len(end.seats) != 2 {
			t.Fatalf("got %v and %+v, want two seats", end.err, end.seats)
		}
		if s := end.seats[0]; s.State() != "mended" || s.Err != nil || s.Namespace != "shop-1" {
			t.Errorf("got %s, %v, want the first mended", s.State(), s.Err)
		}
		if s := end.seats[1]; s.State() != "not mended" || s.Err != nil || s.Row()[4] != "-" {
			t.Errorf("got %s, %v, %q, want the second not mended", s.State(), s.Err, s.Row())
		}
		told := training.Timeline(end.seats)
		for _, want := range []string{"shop-1   it breaks: " + tale, "shop-2   it breaks", "shop-1: mended"} {
			if !strings.Contains(told, want) {
				t.Errorf("the timeline lacks %q:\n%s", want, told)
			}
		}
	})
}

// A machine that does not carry a class does not begin it, and leaves nothing behind.
func TestAClassIsTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, over := range []bool{false, true} {
			c, all := newClass(t)
			c.Machine, c.Over = &fakeMachine{takes: 0.8}, over
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			done := teach(ctx, c)
			if over {
				all[1].verdict(training.Broken)
				cancel()
			}
			end := <-done
			cancel()
			if got := errors.Is(end.err, training.ErrTooMany); got == over {
				t.Errorf("over %t: got %v, want that it is too large %t", over, end.err, !over)
			}
			if !over && (all[1].runs != 0 || !strings.Contains(end.err.Error(), "have no more than 1")) {
				t.Errorf("got %d runs and %v, want nothing of the second, and what to do", all[1].runs, end.err)
			}
			if over && (len(end.seats) != 2 || !errors.Is(end.seats[0].Err, context.Canceled)) {
				t.Errorf("got %+v, want both interrupted", end.seats)
			}
		}
	})
}

// A learner who breaks the lab itself plays again, and the other goes on.
func TestALearnerOfAClassBreaksTheLab(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, all := newClass(t)
		all[0].mesh.LoseLoad(90 * time.Second)
		all[0].space.troubles = []string{"Namespace shop-1 was deleted, and with it those who send the load."}
		done := teach(t.Context(), c)
		all[0].until("stopped", func(e training.Event) bool { return e.Event == "stopped" })
		if got := all[1].moment(training.Broken); got.IsZero() {
			t.Error("the other is not broken: the test shows nothing")
		}
		all[1].write("half")
		all[1].verdict(training.Mended)
		all[0].mesh.LoseLoad(0)
		all[0].mu.Lock()
		all[0].events = nil
		all[0].mu.Unlock()
		if r := all[0].ask(training.DoReset); r.Error != "" {
			t.Errorf("got %+v, want it played again", r)
		}
		all[0].verdict(training.Broken)
		all[0].write("half")
		end := <-done
		if end.err != nil || end.seats[0].State() != "mended" || end.seats[1].State() != "mended" || all[1].runs != 1 {
			t.Errorf("got %v, %+v, want both mended, the second in one run", end.err, end.seats)
		}
	})
}

// An abort brings the healthy twin back for all, and ends all; a break that did not come yet never comes.
func TestAClassIsAborted(t *testing.T) {
	for _, test := range []struct {
		name  string
		until func(all []*course)
		// broke tells which of them broke before.
		broke []bool
	}{
		{"when both are broken", func(all []*course) {
			all[0].verdict(training.Broken)
			all[1].until("broken", func(e training.Event) bool {
				return e.State != nil && e.State.Verdict == training.Broken
			})
		}, []bool{true, true}},
		{"before anything is", func(all []*course) { all[0].verdict(training.Healthy) }, []bool{false}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, all := newClass(t)
				done := teach(t.Context(), c)
				test.until(all)
				began := time.Now()
				if err := c.Abort(t.Context()); err != nil {
					t.Error(err)
				}
				if r := all[0].ask(training.DoReset); r.Error == "" {
					t.Errorf("got %+v, want no reset after an abort", r)
				}
				end := <-done
				if took := time.Since(began); took > time.Minute {
					t.Errorf("the abort took %s, want half a minute at most", took)
				}
				for i, broke := range test.broke {
					s := end.seats[i]
					if s.State() != "aborted" || s.Explanation.Standing.Result.Mended {
						t.Errorf("learner %d: got %s, want it aborted", i+1, s.State())
					}
					if got := slices.ContainsFunc(s.Explanation.Asked, func(m training.Moment) bool {
						return strings.Contains(m.Text, "aborted")
					}); got != broke {
						t.Errorf("learner %d: got the abort in what was asked %t, want %t", i+1, got, broke)
					}
					if v := s.Explanation.Standing.State.Verdict; broke && v != training.Mended && v != training.Safe {
						t.Errorf("learner %d: got %s at the end, want callers served again", i+1, v)
					}
					if all[i].space.restored > 0 != broke {
						t.Errorf("learner %d: restored %d times", i+1, all[i].space.restored)
					}
				}
			})
		})
	}
}

// The break comes when it is asked for, and not twice.
func TestABreakIsInjected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourse(t, training.Options{Seed: 2}) // by itself it would break after 15 s
		if err := c.trainer.BreakNow(); err == nil {
			t.Error("got a break before anything is played")
		}
		done := c.run()
		c.until("ready", func(e training.Event) bool { return e.Event == "ready" })
		if err := c.trainer.BreakNow(); err != nil {
			t.Error(err)
		}
		c.until("healthy", func(e training.Event) bool { return e.State != nil && e.State.Verdict == training.Healthy })
		well := time.Now()
		c.until("broken", func(e training.Event) bool { return e.State != nil && e.State.Verdict == training.Broken })
		if took := time.Since(well); took > 8*time.Second {
			t.Errorf("it broke %s after it was well, want it at once", took)
		}
		if err := c.trainer.BreakNow(); err == nil {
			t.Error("got a break of what is broken")
		}
		c.ask(training.DoGiveUp)
		<-done
	})
}
