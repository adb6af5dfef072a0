package training

import (
	"fmt"
	"strings"
	"time"

	"github.com/canarylab/canarylab/reports/format"
)

// A Standing is how a mission stands.
type Standing struct {
	State State `json:"state"`
	// Task is what callers are to get, and Callers say of each cohort what makes it, where there are several.
	Task    string   `json:"task"`
	Callers []string `json:"callers,omitempty"`
	// Broke is when the break was written, zero before. Armed is when the first request failed by it, once that was
	// certain: from then on the clocks run.
	Broke time.Time `json:"broke,omitzero"`
	Armed time.Time `json:"armed,omitzero"`
	// Left is how much time there is, the whole of it before the break. Over tells that the mission has ended.
	Left time.Duration `json:"leftNs"`
	Over bool          `json:"over,omitempty"`
	// Diagnose tells that a right diagnosis is asked for besides.
	Diagnose bool   `json:"diagnose,omitempty"`
	Result   Result `json:"result"`
	// Troubles are what is gone of the lab itself.
	Troubles []string `json:"troubles,omitempty"`
}

// standing is how the mission stands. The name of the mission is in it only once it is over.
func (s *session) standing(now time.Time) Standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := Standing{
		State: s.state, Task: s.task, Callers: s.goal.who(), Left: s.options.bound(), Broke: s.broke,
		Armed: s.judge.Armed(), Diagnose: s.options.Diagnose,
	}
	if !s.broke.IsZero() {
		at.Left = max(s.options.bound()-now.Sub(s.broke), 0)
	}
	if s.done != nil {
		at.Result, at.Over = *s.done, true
		if !s.broke.IsZero() {
			at.Left = max(s.options.bound()-s.ended.Sub(s.broke), 0)
		}
		return at
	}
	at.Result = *s.result(false, s.state.Text)
	at.Result.Mission, at.Result.Seed = "", 0
	return at
}

// String is the standing for people.
func (s Standing) String() string {
	r := s.Result
	var b strings.Builder
	line := func(text string, args ...any) { fmt.Fprintf(&b, text+"\n", args...) }
	if r.Mission != "" {
		end := map[bool]string{true: "mended", false: "not mended"}[r.Mended]
		line("It was %s, %s (--seed %d plays it again)", r.Mission, end, r.Seed)
	}
	line("%s: %s", s.State.Verdict, s.State.Text)
	line("asked     %s", s.Task)
	for _, who := range s.Callers {
		line("callers   %s", who)
	}
	var seen []string
	for _, share := range s.State.Shares {
		seen = append(seen, share.String())
	}
	// Where all is as asked, the verdict has said it.
	if len(seen) > 0 && s.State.Verdict != Mended && s.State.Verdict != Healthy {
		text := "seen      " + strings.Join(seen, ", ") + "; in brackets are 95 % intervals"
		if s.State.Failed > 0 {
			text += ". Requests that fail have no version: they are missing in the shares"
		}
		line("%s", text)
	}
	for _, text := range s.clocks() {
		line("%s", text)
	}
	if r.Price > 0 {
		line("price     %s, beside the clocks", r.bill())
	}
	if !s.Broke.IsZero() {
		line("burned    %s requests have gone wrong since the break", format.Number(r.Burned))
	}
	if text := s.diagnosis(); text != "" {
		line("diagnosis %s", text)
	}
	if !s.Over {
		line("time left %s%s", s.Left.Round(time.Second), format.When(s.Broke.IsZero(), " from the break on"))
	} else {
		line("after it  its namespace is taken away; canarylab train explain goes on to answer")
	}
	for _, trouble := range s.Troubles {
		line("lab       %s", trouble)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// clocks says how the two clocks stand, and what they count. They end with the last request that went wrong, whatever
// the judge needs to be certain of that.
func (s Standing) clocks() []string {
	switch {
	case s.Broke.IsZero() && s.Over:
		return nil
	case s.Broke.IsZero():
		return []string{"clocks    none runs yet: something is still to break, and there is nothing to mend before"}
	case s.Armed.IsZero():
		return []string{"clocks    they run from the first request that goes wrong by the break"}
	}
	began := "clocks    they run from the first request that went wrong"
	if d := s.Armed.Sub(s.Broke); d > 0 {
		began += fmt.Sprintf(", which was sent %.1f s after the break", d.Seconds())
	}
	safe, mended := "not yet", "not yet"
	if d := s.Result.ToSafe; d > 0 {
		safe = fmt.Sprintf("after %.1f s, by the last request that went wrong. It takes %s without one to be sure",
			d.Seconds(), seconds(clean[0]))
	}
	if d := s.Result.ToMended; d > 0 {
		mended = fmt.Sprintf("after %.1f s", d.Seconds())
		if d > s.Result.ToSafe {
			mended += ": from then on the versions had their shares too"
		}
	}
	return []string{began, "safe      " + safe, "mended    " + mended}
}

// diagnosis says how the learner's diagnoses stand, empty where there is none and none is asked for.
func (s Standing) diagnosis() string {
	r := s.Result
	tries := "one try"
	if r.Guesses > 1 {
		tries = fmt.Sprintf("%d tries", r.Guesses)
	}
	switch {
	case r.Diagnosed:
		return "right, in " + tries
	case r.Guesses > 0:
		return "not right yet, in " + tries
	case s.Diagnose:
		return "is asked for too: canarylab train diagnose --help says how"
	}
	return ""
}
