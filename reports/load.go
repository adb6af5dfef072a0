package reports

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// Load reads the report.json in dir. One of an older schema is brought into the form of this one; its Notes say
// what it lacks. For one of a newer schema the error is a *NewerError.
func Load(dir string) (*Report, error) {
	path := filepath.Join(dir, ReportFile)
	b, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("load report: %w", err)
	}
	r, err := Decode(b, path)
	if err != nil {
		return nil, fmt.Errorf("load report: %w", err)
	}
	return r, nil
}

// Decode reads what a report.json has, as Load does. It refuses numbers that no run can have, by their field. path is
// for errors.
func Decode(b []byte, path string) (*Report, error) {
	if err := checkSize(b); err != nil {
		return nil, fmt.Errorf("%s is no report: %w", path, err)
	}
	var head struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("%s is no report: %w", path, err)
	}
	switch {
	case head.Schema <= 0:
		return nil, fmt.Errorf("%s is no report: it has no schema", path)
	case head.Schema > Schema:
		return nil, newNewerError(path, head.Schema, b)
	}
	r := &Report{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%s has schema %d and does not keep to it: %w", path, head.Schema, err)
	}
	if head.Schema == 1 {
		if err := fromSchema1(r, b); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%s is of no run: %w", path, err)
	}
	fromWords(r)
	if r.FailedFrom == 0 {
		recount(r)
	}
	r.Schema, r.FailedFrom = Schema, loadgen.FailedFrom
	return r, nil
}

// A NewerError says that a report is of a schema that this program does not know yet, and what it is about: the
// fields of the run that every schema so far has had. Each is zero where the newer one has it no more.
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
	for name, to := range map[string]any{
		"scenario": &e.Scenario, "title": &e.Title, "run": &e.Run, "started": &e.Started, "outcome": &e.Outcome,
		"broken": &e.Broken,
	} {
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
	return fmt.Sprintf("%s has schema %d, and this canarylab reads schemas 1 to %d: read it with %s or a newer one",
		e.Path, e.Schema, Schema, by)
}
