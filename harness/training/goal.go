package training

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
)

// A Goal is what the judge holds traffic against. It is made of a story's claims.
type Goal struct {
	// Asked are the shares that the versions are to have.
	Asked []Asked
	// Break is how the mission's break hurts callers.
	Break Hurt
	// Callers are the cohorts of the load.
	Callers []Callers
	// Canary is the version that is rolled back where one is.
	Canary string
}

// An Asked share is one that a version is to have of the requests of a cohort, empty for all.
type Asked struct {
	Version string  `json:"version"`
	Percent float64 `json:"percent"`
	Cohort  string  `json:"cohort,omitempty"`
}

// String is "10 % of all requests to v2", in the words of a task.
func (a Asked) String() string {
	return fmt.Sprintf("%g %% of %s answered by %s", a.Percent, whose(a.Cohort), a.Version)
}

// whose names a cohort's requests.
func whose(cohort string) string {
	if cohort == "" {
		return "all requests"
	}
	return "the requests of " + cohort
}

// A Hurt is a share of failures, in percent of all requests, of callers of one cohort, empty for all.
type Hurt struct {
	Kind    string
	Percent float64
	Cohort  string
	// Misroutes tells that no request fails by it: some are answered by another version than they are to be.
	Misroutes bool
}

// Callers are a cohort of the load.
type Callers struct {
	Name string
	// Rate is in requests a second.
	Rate float64
	// Routed tells that a proxy routes their requests, and so logs them.
	Routed bool
	// Who says what makes a request one of theirs, empty where the cohort is the only one.
	Who string
}

// who says of each cohort what makes it, where there are several.
func (g Goal) who() (all []string) {
	for _, c := range g.Callers {
		if c.Who != "" {
			all = append(all, c.Name+": "+c.Who)
		}
	}
	return all
}

// Told is the task with what makes each cohort, for whoever has not heard of them.
func (g Goal) Told() string {
	task := g.Task()
	if who := g.who(); len(who) > 0 {
		task += " (" + strings.Join(who, "; ") + ")"
	}
	return task
}

// Task says what callers are to get, for a learner.
func (g Goal) Task() string {
	var asked []string
	for _, a := range g.Asked {
		asked = append(asked, a.String())
	}
	return "no request fails, and " + strings.Join(asked, ", ")
}

// goal is what two phases of a story claim: the one that is well, and the one that is broken.
func goal(s harness.Scenario, well, broken []expect.Expectation) (Goal, error) {
	g, load, total := Goal{Canary: s.Canary}, s.Load, 0.0
	for _, c := range load.Cohorts {
		rate := load.RateOf(c.Name)
		g.Callers = append(g.Callers, Callers{
			Name: c.Name, Rate: rate, Routed: c.Via() != loadgen.Plain, Who: whoIs(c, load),
		})
		total += rate
	}
	claims, err := recordsOf(well)
	if err != nil {
		return g, err
	}
	for _, r := range claims {
		if r.Kind == "share" && r.Bound == 0 {
			g.Asked = append(g.Asked, Asked{Version: r.Version, Percent: r.Percent, Cohort: r.Cohort})
		}
	}
	if len(g.Asked) == 0 {
		return g, errors.New("the phase that is well asks for no share")
	}
	claims, err = recordsOf(broken)
	if err != nil {
		return g, err
	}
	at := slices.IndexFunc(claims, func(r expect.Record) bool {
		return (r.Kind == "flag" || r.Kind == "grpc-status") && r.Bound >= 0
	})
	if at >= 0 {
		r := claims[at]
		g.Break = Hurt{Kind: failureOf(r), Percent: cmp.Or(r.Foreseen, r.Percent), Cohort: r.Cohort}
	} else {
		g.Asked = g.each()
		var ok bool
		if g.Break, ok = g.misroutes(claims); !ok {
			return g, errors.New("the broken phase claims no failure with a flag, and no share that contradicts what " +
				"all of some callers are to get")
		}
	}
	if of := g.Break.Cohort; of != "" && total > 0 {
		g.Break.Percent *= load.RateOf(of) / total
	}
	return g, nil
}

// recordsOf are expectations as data.
func recordsOf(all []expect.Expectation) ([]expect.Record, error) {
	records := make([]expect.Record, len(all))
	for i, e := range all {
		b, err := expect.Encode(e)
		if err == nil {
			err = json.Unmarshal(b, &records[i])
		}
		if err != nil {
			return nil, fmt.Errorf("read what the story claims: %w", err)
		}
	}
	return records, nil
}

// failureOf names the failure that a claim is about. A call that ends with a grpc-status was answered with a 200, by
// the app.
func failureOf(r expect.Record) string {
	if r.GRPC != "" {
		return loadgen.Outcome(http.StatusOK, r.GRPC) + " " + analysis.NoFlag
	}
	return kindOf(r.Code, strings.Split(r.Flag, ","))
}

// kindOf names a failure by its status and its flags, such as "503 UF,URX".
func kindOf(code int, flags []string) string {
	return fmt.Sprintf("%d %s", code, analysis.FlagSet(flags))
}
