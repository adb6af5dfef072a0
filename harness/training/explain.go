package training

import (
	"fmt"
	"strings"
	"time"

	"github.com/canarylab/canarylab/reports/format"
)

// An Explanation is what the learner did, beside what the traffic made of it. Its story is told only once it is over.
type Explanation struct {
	Standing Standing `json:"standing"`
	// Broke is when the break was written. All other moments are counted from it.
	Broke time.Time `json:"broke,omitzero"`
	// Effects are the learner's writes, Verdicts the judge's as they changed, Asked what the trainer was asked for.
	Effects  []Effect `json:"effects"`
	Verdicts []Moment `json:"verdicts"`
	Asked    []Moment `json:"asked,omitempty"`
	// Analyzer says what istioctl analyze found, and when, Sees who else would have seen it.
	Analyzer []string `json:"analyzer"`
	Story    *Story   `json:"story,omitempty"`
}

// A Moment is something that happened, counted from the break.
type Moment struct {
	After time.Duration `json:"afterNs"`
	Text  string        `json:"text"`
}

// A Story is what the mission was about.
type Story struct {
	Name  string   `json:"name"`
	Title string   `json:"title"`
	Cause string   `json:"cause"`
	Fix   string   `json:"fix"`
	Back  string   `json:"back"`
	See   []string `json:"see"`
	Sees  []string `json:"sees"`
}

// A Standing is how a mission stands.
type Standing struct {
	State State `json:"state"`
	// Task is what callers are to get.
	Task string `json:"task"`
	// Left is how much time there is, the whole of it before the break.
	Left   time.Duration `json:"leftNs"`
	Result Result        `json:"result"`
	// Troubles are what is gone of the lab itself.
	Troubles []string `json:"troubles,omitempty"`
}

// standing is how the mission stands. The name of the mission is in it only once it is over.
func (s *session) standing(now time.Time) Standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := Standing{State: s.state, Task: s.task, Left: s.options.bound()}
	if !s.broke.IsZero() {
		at.Left = max(s.options.bound()-now.Sub(s.broke), 0)
	}
	if s.done != nil {
		at.Result = *s.done
		return at
	}
	at.Result = *s.result(false, s.state.Text)
	at.Result.Mission, at.Result.Seed = "", 0
	return at
}

// explain tells what the learner did, and the story if it is over.
func (s *session) explain(now time.Time) Explanation {
	e := Explanation{Standing: s.standing(now), Effects: []Effect{}, Verdicts: []Moment{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broke.IsZero() {
		return e
	}
	since := s.broke
	e.Broke = since
	e.Effects = append(e.Effects, s.timeline.effects(since, now)...)
	for _, state := range s.timeline.states {
		if !state.At.Before(since) {
			e.Verdicts = append(e.Verdicts, Moment{state.At.Sub(since), string(state.Verdict) + ": " + state.Text})
		}
	}
	for _, o := range s.timeline.orders {
		e.Asked = append(e.Asked, Moment{o.At.Sub(since), o.Text})
	}
	if s.done == nil {
		return e
	}
	// What the analyzer found is half of the answer.
	e.Analyzer = s.timeline.analyzer(since)
	story := s.mission.Story
	e.Story = &Story{
		Name: story.Name, Title: story.Title, Cause: story.Cause, Fix: story.Fix, Back: story.Back, See: story.See,
		Sees: s.mission.Sees,
	}
	return e
}

// after writes a moment counted from the break.
func after(d time.Duration) string { return fmt.Sprintf("%+7.1f s", d.Seconds()) }

// String is the explanation for people.
func (e Explanation) String() string {
	var b strings.Builder
	line := func(text string, args ...any) { fmt.Fprintf(&b, text+"\n", args...) }
	line("%s", e.Standing)
	line("\nWhat you wrote, counted from the break, and what became of the requests:")
	for _, one := range e.Effects {
		by := format.When(one.Write.By != "", ", by "+one.Write.By)
		line("%s  %s%s", after(one.After), one.Write, by)
		line("             before: %s", one.Before)
		line("             then:   %s%s", one.Then, format.When(one.Verdict != "", " ("+string(one.Verdict)+")"))
	}
	if len(e.Effects) == 0 {
		line("           nothing")
	}
	for _, list := range []struct {
		title string
		all   []Moment
	}{{"What the judge said:", e.Verdicts}, {"What you asked for:", e.Asked}} {
		if len(list.all) == 0 {
			continue
		}
		line("\n%s", list.title)
		for _, m := range list.all {
			line("%s  %s", after(m.After), m.Text)
		}
	}
	if s := e.Story; s != nil {
		line("\nIt was %s: %s\n\nwhy   %s\nfix   %s\nback  %s", s.Name, s.Title, s.Cause, s.Fix, s.Back)
		line("\nWho would have seen it:\n  istioctl analyze found")
		for _, text := range e.Analyzer {
			line("    %s", text)
		}
		for _, text := range append(s.Sees, s.See...) {
			line("  %s", text)
		}
	}
	return b.String()
}

// String is the standing for people.
func (s Standing) String() string {
	r := s.Result
	var b strings.Builder
	line := func(text string, args ...any) { fmt.Fprintf(&b, text+"\n", args...) }
	if r.Mission != "" {
		line("%s: %s (seed %d)", r.Mission, map[bool]string{true: "mended", false: "not mended"}[r.Mended], r.Seed)
	}
	line("%s: %s", s.State.Verdict, s.State.Text)
	line("asked     %s", s.Task)
	var seen []string
	for _, share := range s.State.Shares {
		seen = append(seen, share.String())
	}
	if len(seen) > 0 {
		line("seen      %s", strings.Join(seen, ", "))
	}
	clocks := []string{"safe " + never(r.ToSafe), "mended " + never(r.ToMended)}
	if r.Price > 0 {
		clocks = append(clocks, fmt.Sprintf("and %s for hints and wrong diagnoses", format.Short(r.Price)))
	}
	line("clocks    %s", strings.Join(clocks, ", "))
	line("burned    %s requests since the break", format.Number(r.Burned))
	if r.Guesses > 0 {
		line("diagnosis %s, after %d", map[bool]string{true: "right", false: "not right yet"}[r.Diagnosed], r.Guesses)
	}
	if r.Mission == "" {
		line("time left %s", s.Left.Round(time.Second))
	}
	for _, trouble := range s.Troubles {
		line("lab       %s", trouble)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// never writes a clock.
func never(d time.Duration) string {
	if d == 0 {
		return "not yet"
	}
	return "after " + format.Short(d)
}
