package compare

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strconv"
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
			if r.Report.Scenario != side.scenario() {
				return fmt.Errorf("%w: %s plays %s and %s plays %s; the runs of one side have to be of one scenario",
					ErrSides, name(side[0]), side.scenario(), name(r), r.Report.Scenario)
			}
			if a, b := rate(side[0]), rate(r); a != b {
				return fmt.Errorf("%w: %s was played at %s requests a second and %s at %s; the runs of one side have "+
					"to be of one rate, which --rate fixes", ErrSides, name(side[0]), a, name(r), b)
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

// rate is the requests a second that a run was to send.
func rate(r *reports.Run) string {
	return strconv.FormatFloat(r.Report.Setup.Load.TotalRate(), 'f', -1, 64)
}

// scenario is what a side plays.
func (s Side) scenario() string { return s[0].Report.Scenario }

// phase yields a phase of each of the side's runs that have it.
func (s Side) phase(name string) iter.Seq2[*reports.Run, reports.Phase] {
	return func(yield func(*reports.Run, reports.Phase) bool) {
		for _, r := range s {
			i := slices.IndexFunc(r.Report.Phases, func(p reports.Phase) bool { return p.Name == name })
			if i >= 0 && !yield(r, r.Report.Phases[i]) {
				return
			}
		}
	}
}

// phases are the names of the side's phases that repeat no other, in the order of its first run, and then those
// that only others have.
func (s Side) phases() (names []string) {
	for _, r := range s {
		for _, p := range r.Report.Phases {
			if !p.Repeat && !slices.Contains(names, p.Name) {
				names = append(names, p.Name)
			}
		}
	}
	return names
}

// common are the names of the phases that both sides have.
func common(base, other Side) []string { return shared(base.phases(), other.phases()) }

// shared are those of all that others have too.
func shared(all, others []string) []string { return lacking(all, lacking(all, others)) }

// lacking are those of all that others do not have.
func lacking(all, others []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(others, s) })
}

// counts are those of a phase's settled part, of one cohort or of all, in each run that has any requests there.
func (s Side) counts(phase, cohort string) (all []analysis.Counts) {
	for _, p := range s.phase(phase) {
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
	for _, r := range s {
		if v := cmp.Or(of(r.Report), unknown); !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return strings.Join(all, " or ")
}
