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
	// Diagnoses are right to say of it, as of canarylab train diagnose. Mends name ways that mend it.
	Diagnoses []string `json:"diagnoses"`
	Mends     []string `json:"mends"`
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
		Sees: s.mission.Sees, Diagnoses: s.mission.Diagnosis.words(s.goal.Break.Kind),
	}
	for _, t := range s.mission.Right {
		e.Story.Mends = append(e.Story.Mends, t.Name)
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
		for _, what := range one.Write.Rest() {
			line("           and %s", what)
		}
		line("           in the %s before:     %s", seconds(lookBack), one.Before)
		line("           from %s later on:     %s%s", seconds(arrives), one.Then,
			format.When(one.Verdict != "" && one.Later == "", " ("+string(one.Verdict)+")"))
		if one.Later != "" {
			line("           up to %s later:     %s%s", seconds(one.Until.Round(time.Second)), one.Later,
				format.When(one.Verdict != "", " ("+string(one.Verdict)+")"))
		}
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
		line("\nIt was %s: %s\n\nwhy   %s", s.Name, s.Title, s.Cause)
		line("said  canarylab train diagnose %s", strings.Join(s.Diagnoses, ", or "))
		if len(s.Mends) > 0 {
			line("mend  %s", strings.Join(s.Mends, "; or "))
		}
		line("\nIn the story, which has more than this mission (a way back that leaves the canary out is safe here, "+
			"and not mended):\nfix   %s\nback  %s", s.Fix, s.Back)
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
