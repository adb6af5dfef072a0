package course

import (
	"fmt"
	"slices"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/scenarios"
	"github.com/canarylab/canarylab/scenarios/missions"
)

// A Kind says what is done at a stop.
type Kind string

// The kinds.
const (
	// See is a story that is played.
	See Kind = "see"
	// Mend is a mission that is mended.
	Mend Kind = "mend"
)

// GameDay is the one stop that is no story of the catalogue, by what the command line calls it.
const GameDay = "game-day"

// A Stop is one story on a path, or one mission.
type Stop struct {
	Kind  Kind
	Story string
	// Learned is what whoever was here takes along, in one or two sentences.
	Learned string
	// Question is for the audience, before the cause is told.
	Question string
}

// id names a stop.
func (s Stop) id() string { return string(s.Kind) + "-" + s.Story }

// String is the stop for a sentence, such as "mend label-mismatch".
func (s Stop) String() string { return string(s.Kind) + " " + s.Story }

// Command is what to type for it.
func (s Stop) Command() string {
	if s.Kind == Mend {
		return "canarylab train " + s.Story
	}
	return "canarylab scenario run " + s.Story
}

// Scenario is the stop's story, and false for game day, which has none.
func (s Stop) Scenario() (harness.Scenario, bool) {
	story, err := scenarios.Find(s.Story)
	return story, err == nil
}

// Title is the story's.
func (s Stop) Title() string {
	if story, ok := s.Scenario(); ok {
		return story.Title
	}
	return "Game day"
}

// Takes says how long it takes: what the story's claims take at its own rate, or the time that a mission has. It is
// empty where nobody knows.
func (s Stop) Takes() string {
	story, ok := s.Scenario()
	switch {
	case !ok:
		return ""
	case s.Kind == Mend:
		return fmt.Sprintf("up to %.0f min", training.DefaultBound.Minutes())
	}
	return fmt.Sprintf("some %.0f s", story.Watched().Seconds())
}

// played tells whether a report is of a run that a stop can be done in. A mission's has its name only at the end.
func (s Stop) played(r *reports.Report) bool {
	switch {
	case s.Story == GameDay:
		return slices.ContainsFunc(missions.Names(), func(m string) bool { return training.Told(r.Title, m) })
	case s.Kind == Mend:
		return training.Told(r.Title, s.Story)
	}
	return r.Scenario == s.Story
}
