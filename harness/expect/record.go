package expect

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/canarylab/canarylab/reports"
)

// A Record is an expectation as data. A run keeps the records of all that it claims in its trace, so that its
// verdicts can be made again without the scenario.
type Record struct {
	// Kind is that of the expectation's verdicts. It says which of the other fields there are.
	Kind string `json:"kind"`
	// Version is whose answers are meant, Code an HTTP status, Flag Envoy's response flags, Cohort whose requests.
	Version string `json:"version,omitempty"`
	Code    int    `json:"code,omitempty"`
	Flag    string `json:"flag,omitempty"`
	// GRPC is a grpc-status by its name.
	GRPC   string `json:"grpc,omitempty"`
	Cohort string `json:"cohort,omitempty"`
	// Percent is a share, and Bound 1 for that share or more, -1 for that share or less. Foreseen is the share that a
	// bound expects, and Singly tells of one that each request is drawn by itself.
	Percent  float64 `json:"percent,omitempty"`
	Bound    int     `json:"bound,omitempty"`
	Foreseen float64 `json:"foreseen,omitempty"`
	Singly   bool    `json:"singly,omitempty"`
	// Rate is in requests a second.
	Rate float64 `json:"rate,omitempty"`
	// Times is how often something is done.
	Times float64       `json:"times,omitempty"`
	Time  time.Duration `json:"timeNs,omitempty"`
	// Count is a number of requests.
	Count int `json:"count,omitempty"`
	// Users is a number of virtual users, From and To are versions that they leave and come to.
	Users int    `json:"users,omitempty"`
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
	// Phase names another phase.
	Phase string `json:"phase,omitempty"`
	// Places are where requests end.
	Places []reports.Place `json:"places,omitempty"`
	// Note is what the load agent notes of answers, and Value what it is to be.
	Note  string `json:"note,omitempty"`
	Value string `json:"value,omitempty"`
	// Rule names a rule that no request can meet, and Why says why.
	Rule string `json:"rule,omitempty"`
	Why  string `json:"why,omitempty"`
}

// makers has what makes an expectation of a record, by the record's kind. Each expectation's file adds its own.
var makers = map[string]func(Record) Expectation{}

// recorded adds a maker. It returns the kind, so that a file can call it where it declares things.
//
//nolint:unparam // an init could do without a result, and would be one more thing that happens unseen
func recorded(kind string, maker func(Record) Expectation) string {
	if makers[kind] != nil {
		panic("two expectations have the kind " + kind)
	}
	makers[kind] = maker
	return kind
}

// RecordOf is an expectation as data. Make is its inverse.
func RecordOf(e Expectation) Record { return e.record() }

// Kinds has a record of each kind of expectation that a person writes. The fields that its kind has are set, and no
// others. Lands, Noted, NotDead, Case and Stays are for programs: package routetest derives them from somebody's
// manifests and test cases.
func Kinds() map[string]Record {
	all := map[string]Record{}
	programs := []string{reports.KindLands, reports.KindDead, reports.KindNoted, kindCase, reports.KindStays}
	for kind, maker := range makers {
		if slices.Contains(programs, kind) {
			continue
		}
		// What the kind does not have is lost on the way.
		all[kind] = maker(Record{
			Kind: kind, Version: "v2", Code: 503, Flag: "UH", GRPC: "UNAVAILABLE", Cohort: "beta", Percent: 10,
			Bound: 1, Foreseen: 20, Singly: true, Rate: 1, Times: 2, Time: time.Second, Count: 1, Users: 1,
			From: "v1", To: "v2", Phase: "rollback",
		}).record()
	}
	return all
}

// Encode writes an expectation as JSON, for Decode.
func Encode(e Expectation) (json.RawMessage, error) { return json.Marshal(e.record()) }

// leastPercent is the least share above 0 that is judged, and 100 less it the greatest below 100. What a smaller one
// needs takes long to work out, and no run sends so many requests.
const leastPercent = 1e-3

// Decode makes the expectation that Encode wrote. Its error is about what is none, as the file may come from
// anywhere.
func Decode(b json.RawMessage) (Expectation, error) {
	var r Record
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read an expectation: %w", err)
	}
	e, err := Make(r)
	if err != nil {
		return nil, fmt.Errorf("read an expectation: %w", err)
	}
	return e, nil
}

// Make returns the expectation that a record is of. The error says why it is of none, or of one that makes no sense.
func Make(r Record) (Expectation, error) {
	maker := makers[r.Kind]
	if maker == nil {
		return nil, fmt.Errorf("there is none of kind %q: a newer canarylab knows it", r.Kind)
	}
	if p := r.Percent; !(p >= 0 && p <= 100) || p > 0 && p < leastPercent || p < 100 && p > 100-leastPercent {
		return nil, fmt.Errorf("a share of %g %% is not judged", p)
	}
	e := maker(r)
	if err := Validate([]Expectation{e}); err != nil {
		return nil, err
	}
	return e, nil
}
