package loadgen

import (
	"io"
	"testing"
	"time"
)

// exchange connects a client with an agent whose clock is fast by off.
func exchange(t *testing.T, boot string, off time.Duration) Clock {
	t.Helper()
	toAgent, questions := io.Pipe()
	answers, fromAgent := io.Pipe()
	served := make(chan error, 1)
	go func() {
		served <- serveClock(toAgent, fromAgent, boot, func() time.Time { return time.Now().Add(off) })
	}()
	clock, err := measureClock(answers, questions, 10, "here")
	if err != nil {
		t.Fatal(err)
	}
	questions.Close()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	return clock
}

func TestClockOfAnotherMachineIsMeasured(t *testing.T) {
	for _, off := range []time.Duration{0, 3 * time.Second, -250 * time.Millisecond} {
		c := exchange(t, "there", off)
		if wrong := (c.Offset + off).Abs(); wrong > c.Error {
			t.Errorf("a clock that is fast by %s: got offset %s ± %s, which is wrong by %s", off, c.Offset, c.Error,
				wrong)
		}
		if c.Error <= 0 {
			t.Errorf("got an error of %s for a clock that was measured, want more than 0", c.Error)
		}
	}
}

func TestClockOfTheSameKernelIsTheSame(t *testing.T) {
	if c := exchange(t, "here", time.Hour); c != (Clock{Boot: "here"}) {
		t.Errorf("got %+v, want no offset: there is one clock", c)
	}
	if bootID() == "" {
		t.Skip("this system does not name its starts")
	}
	toAgent, questions := io.Pipe()
	answers, fromAgent := io.Pipe()
	go func() { _ = ServeClock(toAgent, fromAgent) }()
	defer questions.Close()
	c, err := MeasureClock(answers, questions, 3)
	if err != nil || c.Offset != 0 || c.Error != 0 {
		t.Errorf("got %+v (%v), want this machine's own clock", c, err)
	}
}

func TestClockOfAnAgentThatIsGone(t *testing.T) {
	answers, fromAgent := io.Pipe()
	fromAgent.Close()
	if _, err := MeasureClock(answers, io.Discard, 3); err == nil {
		t.Error("got no error from an agent that does not answer")
	}
}

func TestShift(t *testing.T) {
	at := time.Unix(100, 0)
	all := []Sample{{Due: at, Sent: at.Add(time.Millisecond), Done: at.Add(2 * time.Millisecond)}}
	Clock{Offset: time.Second}.Shift(all)
	if s := all[0]; !s.Due.Equal(at.Add(time.Second)) || s.Sent.Sub(s.Due) != time.Millisecond ||
		s.Done.Sub(s.Sent) != time.Millisecond {
		t.Errorf("got %+v, want all of it a second later", s)
	}
}
