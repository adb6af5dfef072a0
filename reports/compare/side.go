package compare

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// A Side is a run, or several of the same scenario that count as repetitions of each other.
type Side []*reports.Run

// ErrSides is wrapped by errors about runs that can't be put side by side as they were given.
var ErrSides = errors.New("can't compare these runs")

// letter names a side, counted from 0.
func letter(side int) string { return string(rune('A' + side)) }

// MaxSides bounds how many sides one comparison has: as many as there are letters.
const MaxSides = 26

// name is what a run is called: its folder, or the name of its bundle.
func name(r *reports.Run) string { return filepath.Base(r.Dir) }

// same tells that two are the same run, if perhaps in two folders. Load plans carry an id that is drawn by chance.
func same(a, b *reports.Run) bool {
	return a.Report.Setup.Load.Run != "" && a.Report.Setup.Load.Run == b.Report.Setup.Load.Run &&
		a.Report.Started.Equal(b.Report.Started)
}

// check refuses sides that make no sense.
func check(sides []Side) error {
	if len(sides) < 2 {
		return fmt.Errorf("%w: there is only one, or none", ErrSides)
	}
	if len(sides) > MaxSides {
		return fmt.Errorf("%w: %d sides are more than %d", ErrSides, len(sides), MaxSides)
	}
	for i, side := range sides {
		if len(side) == 0 {
			return fmt.Errorf("%w: side %s has none", ErrSides, letter(i))
		}
		for j, r := range side {
			if r.Report.Scenario != side[0].Report.Scenario {
				return fmt.Errorf("%w: %s plays %s and %s plays %s; the runs of one side have to be of one scenario",
					ErrSides,
					name(side[0]), side[0].Report.Scenario, name(r), r.Report.Scenario)
			}
			for _, earlier := range side[:j] {
				if same(earlier, r) {
					return fmt.Errorf("%w: %s and %s are the same run, and a copy is no repetition: give it once",
						ErrSides, name(earlier), name(r))
				}
			}
		}
	}
	return nil
}

// scenario is what a side plays.
func (s Side) scenario() string { return s[0].Report.Scenario }

// phase returns a phase of each of the side's runs, nil for one that lacks it.
func (s Side) phase(name string) []*reports.Phase {
	all := make([]*reports.Phase, len(s))
	for i, r := range s {
		for j := range r.Report.Phases {
			if r.Report.Phases[j].Name == name {
				all[i] = &r.Report.Phases[j]
				break
			}
		}
	}
	return all
}

// phases are the names of the side's phases that repeat no other, in the order of its first run, and then those
// that only others have.
func (s Side) phases() (names []string) {
	seen := map[string]bool{}
	for _, r := range s {
		for _, p := range r.Report.Phases {
			if !p.Repeat && !seen[p.Name] {
				seen[p.Name] = true
				names = append(names, p.Name)
			}
		}
	}
	return names
}

// counts are those of a phase's settled part, of one cohort or of all, in each run that has any requests there.
func (s Side) counts(phase, cohort string) (all []analysis.Counts) {
	for _, p := range s.phase(phase) {
		if p == nil {
			continue
		}
		if c := p.Observation.Settled.Of(cohort); c.Requests > 0 {
			all = append(all, c)
		}
	}
	return all
}

// unknown stands for a setting that a report does not have.
const unknown = "not known"

// values are what the side's runs say of something, each once, joined.
func (s Side) values(of func(*reports.Report) string) string {
	var all []string
	seen := map[string]bool{}
	for _, r := range s {
		if v := of(r.Report); !seen[v] {
			seen[v] = true
			if v == "" {
				v = unknown
			}
			all = append(all, v)
		}
	}
	return strings.Join(all, " or ")
}
