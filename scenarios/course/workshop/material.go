// Package workshop makes what a trainer takes to a workshop of a path of the course: notes as Markdown, and slides as
// one HTML file. What is told of a stop are its story's own words.
package workshop

import (
	"fmt"
	"strings"

	"github.com/canarylab/canarylab/harness/describe"
	"github.com/canarylab/canarylab/scenarios/course"
	"github.com/canarylab/canarylab/scenarios/missions"
)

// A scene is a stop as it is told.
type scene struct {
	course.Stop
	// Number is the stop's on its path of Of, counted from 1.
	Number, Of int
	// Takes is how long it takes, empty where nobody knows.
	Takes string
	// Title is what it shows. Whoever is to mend it does not hear it before.
	Title string
	// Brief is what is said before it begins, Do what is typed.
	Brief string
	Do    []string
	// Sees says what is to be seen.
	Sees []string
	// Look has everyday commands, each with what to look for.
	Look []string
	// Why and Fix are told at the end; a story that breaks nothing has neither.
	Why, Fix string
}

// scenes are a path's.
func scenes(path course.Path) ([]scene, error) {
	var all []scene
	for i, s := range path.Stops {
		told := scene{Stop: s, Number: i + 1, Of: len(path.Stops), Takes: s.Takes(), Title: s.Title()}
		told.Do = []string{s.Command()}
		story, ok := s.Scenario()
		d := describe.Of(story)
		told.Look, told.Why, told.Fix = d.See, d.Cause, d.Fix
		switch {
		case !ok:
			told.Brief = "Two services of one mesh break within the same half minute. Each has an operator, who " +
				"mends it. A facilitator leads the day from a page of their own, and aborts it when it is enough. A " +
				"scribe writes down what was seen, said and done, and when."
		case s.Kind == course.Mend:
			if err := told.mission(); err != nil {
				return nil, err
			}
		default:
			told.Brief, told.Sees = d.Story, claims(d)
			told.Do = []string{"canarylab demo " + s.Story}
		}
		all = append(all, told)
	}
	return all, nil
}

// mission tells of a mission without what it is.
func (s *scene) mission() error {
	m, err := missions.Find(s.Story)
	if err != nil {
		return err
	}
	goal, err := m.Goal()
	if err != nil {
		return err
	}
	s.Brief = fmt.Sprintf("The service is well and under load: %s. Then something breaks. Make it be like that again, "+
		"in any way that you like. The load never stops, and the judge goes by the requests alone.", goal.Task())
	s.Do = append(s.Do, "canarylab shell", "canarylab train status", "canarylab train hint")
	s.Sees = []string{
		fmt.Sprintf("The break hurts some %.3g %% of all requests: %s.", goal.Break.Percent, goal.Break.Kind),
		"A rollback is enough to be safe. It is mended once each version has its share again.",
	}
	return nil
}

// claims are what a story claims of the phases that break something, and of all where none does.
func claims(d describe.Description) []string {
	var breaking, all []string
	for _, p := range d.Phases {
		if len(p.Claims) == 0 {
			continue
		}
		all = append(all, p.Name+": "+p.Claims[0])
		if p.Breaks {
			breaking = append(breaking, p.Name+": "+strings.Join(p.Claims, "; "))
		}
	}
	if len(breaking) > 0 {
		return breaking
	}
	return all
}
