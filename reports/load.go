package reports

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// Load reads the report.json in dir. One of an older schema is brought into the form of this one; its Notes say what it lacks. For one of a newer
// schema the error is a *NewerError.
func Load(dir string) (*Report, error) {
	path := filepath.Join(dir, ReportFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("load report: %w", err)
	}
	var head struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("load report: %s is no report: %w", path, err)
	}
	switch {
	case head.Schema <= 0:
		return nil, fmt.Errorf("load report: %s is no report: it has no schema", path)
	case head.Schema > Schema:
		return nil, fmt.Errorf("load report: %w", newNewerError(path, head.Schema, b))
	}
	r := &Report{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("load report: %s has schema %d and does not keep to it: %w", path, head.Schema, err)
	}
	if head.Schema == 1 {
		if err := fromSchema1(r, b); err != nil {
			return nil, fmt.Errorf("load report: %s: %w", path, err)
		}
	}
	r.Schema = Schema
	return r, nil
}

// A NewerError says that a report is of a schema that this program does not know yet, and what it is about: the fields of the run that every schema
// so far has had. Each is zero where the newer one has it no more.
type NewerError struct {
	Path   string
	Schema int

	Scenario string
	Title    string
	Run      string
	Started  time.Time
	Outcome  Outcome
	Broken   string
	// Canarylab is the version that wrote it.
	Canarylab string
}

func newNewerError(path string, schema int, report []byte) *NewerError {
	e := &NewerError{Path: path, Schema: schema}
	// Field by field: what became of one must not hide the others.
	var fields, setup map[string]json.RawMessage
	_ = json.Unmarshal(report, &fields)
	_ = json.Unmarshal(fields["setup"], &setup)
	for name, to := range map[string]any{"scenario": &e.Scenario, "title": &e.Title, "run": &e.Run, "started": &e.Started, "outcome": &e.Outcome, "broken": &e.Broken} {
		_ = json.Unmarshal(fields[name], to)
	}
	_ = json.Unmarshal(setup["canarylab"], &e.Canarylab)
	return e
}

// Error says what it is, what this program reads, and what to do.
func (e *NewerError) Error() string {
	by := "the canarylab that wrote it"
	if e.Canarylab != "" {
		by += " (" + e.Canarylab + ")"
	}
	return fmt.Sprintf("%s has schema %d, and this canarylab reads schemas 1 to %d: read it with %s or a newer one", e.Path, e.Schema, Schema, by)
}

// What schema 1 had in other words.
type (
	report1 struct {
		Phases []struct {
			Observation struct {
				Rollback *rollback1 `json:"rollback"`
			} `json:"observation"`
		} `json:"phases"`
		Accounting struct {
			Rows   *json.RawMessage `json:"rows"`
			Logged int              `json:"logged"`
		} `json:"books"`
	}
	// A rollback1 has no bracket. Its bound comes from a model of the gaps between requests: 95 % and one-sided, for requests that come by chance.
	rollback1 struct {
		Bound *time.Duration `json:"boundNs"`
	}
)

// fromSchema1 brings a report of schema 1 into today's form: b is the file, r what today's types found in it. What can't be had from it is left out,
// and said.
func fromSchema1(r *Report, b []byte) error {
	var old report1
	if err := json.Unmarshal(b, &old); err != nil {
		return fmt.Errorf("it does not keep to schema 1: %w", err)
	}
	notes := []string{fmt.Sprintf("This report was written in schema 1%s, and is shown in the form of schema %d. Its verdicts are those of then.",
		format.When(r.Setup.Canarylab != "", " by canarylab "+r.Setup.Canarylab), Schema)}
	for i := range old.Phases {
		was, o := old.Phases[i].Observation.Rollback, &r.Phases[i].Observation
		if was == nil || was.Bound == nil {
			continue
		}
		// Without a bracket it would read as one that never closed.
		if b := o.Rollback; b.Known() {
			notes = append(notes, fmt.Sprintf("Phase %s: the last affected request was sent %s after the write was accepted, and done after %s; it cost %s. Schema 1 has no bracket of the "+
				"switch: it bounds it by %s, at 95 %% and only if requests came at random.", r.Phases[i].Name, format.Short(b.Route), format.Short(b.Drain), b.Cost(), format.Short(*was.Bound)))
		} else {
			notes = append(notes, fmt.Sprintf("Phase %s: %s.", r.Phases[i].Name, b))
		}
		o.Rollback = nil
	}
	if old.Accounting.Rows == nil {
		notes = append(notes, fmt.Sprintf("Its books know the caller, the caller's proxy (which logged %s) and the app as a whole; they have no rows by phase and hop, nothing about "+
			"the load agent itself, and no list of troubles.", format.Plural(old.Accounting.Logged, "request", "requests")))
	}
	bare := false
	for i := range r.Phases {
		o := &r.Phases[i].Observation
		for _, w := range []*analysis.Window{&o.Settled, &o.Transition} {
			bare = locate(w.Total.Failures) || bare
			for _, c := range w.Cohorts {
				locate(c.Failures)
			}
		}
	}
	if bare {
		notes = append(notes, "Its failures are told by the flag that the caller's proxy logged; where those arose that came from behind that proxy, it does not say. "+
			"Shares were not looked at for whether they kept still.")
	}
	r.Notes = append(notes, r.Notes...)
	r.older = fmt.Sprintf("%s was written in schema 1, by a canarylab of before schema %d: its notes say what it lacks.", ReportFile, Schema)
	return nil
}

// behind is the hop of a failure that came from the pod, where nobody says whether from its proxy or from the app.
const behind analysis.Hop = "pod"

// locate gives failures of schema 1 the hop that their flag tells, and reports whether any lacked it.
func locate(failures []analysis.Failure) bool {
	lacked := false
	for i := range failures {
		f := &failures[i]
		if f.Hop != "" {
			continue
		}
		lacked = true
		f.Origin, f.Cause = f.Flag, analysis.Meaning(f.Flag)
		switch f.Flag {
		case analysis.NoFlag:
			f.Hop = behind
		case analysis.NotLogged:
			f.Hop = analysis.CallerHop
		default:
			f.Hop = analysis.ClientHop
		}
	}
	return lacked
}
