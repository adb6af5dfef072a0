package judge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

// A Verification is a run's report held against the one that its trace makes.
type Verification struct {
	// Trace says of the trace itself what is not as it was when the report was made. Empty where it is the same.
	Trace string `json:"trace,omitempty"`
	// Differences are fields of the report that the trace makes otherwise, 20 of Total at most: outcomes and verdicts
	// first.
	Differences []Difference `json:"differences"`
	Total       int          `json:"total"`
	// By and With are the canarylab that made the report, and this one, where those are two: then they may make
	// different reports of one trace.
	By   string `json:"by,omitempty"`
	With string `json:"with,omitempty"`
}

// A Difference is a field of a report.
type Difference struct {
	// Path leads to the field, such as phases[1].verdicts[0].outcome.
	Path string `json:"path"`
	// Report and Made are its value in report.json and in what the trace makes, in a few words.
	Report string `json:"report"`
	Made   string `json:"made"`
}

// listed bounds the differences that are listed: one edited line may change a thousand fields.
const listed = 20

// Same tells whether the report is what its trace says, and both are as they were.
func (v *Verification) Same() bool { return v.Total == 0 && v.Trace == "" }

// Verify makes the report of the run in dir again and says in which fields it differs. canarylab is the version of
// this program. The error is for a folder without a report or a trace, and for a trace that no report can be made of
// (see ErrOlder).
func Verify(dir, canarylab string) (*Verification, error) {
	stored, err := reports.Load(dir)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	made, err := Report(dir)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	v := &Verification{Differences: []Difference{}}
	if by := stored.Setup.Canarylab; by != canarylab {
		v.By, v.With = by, canarylab
	}
	v.Trace = changed(stored.Trace, made.Trace)
	made.Trace = stored.Trace // that is told already
	if made, err = read(made); err != nil {
		return nil, fmt.Errorf("verify the trace of %s: %w", dir, err)
	}
	a, err := fields(stored)
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", filepath.Join(dir, reports.ReportFile), err)
	}
	b, err := fields(made)
	if err != nil {
		return nil, fmt.Errorf("verify the trace of %s: %w", dir, err)
	}
	v.compare("", a, b)
	return v, nil
}

// read returns a report as it is when it was in a file: there durations of a Latency are rounded.
func read(r *reports.Report) (*reports.Report, error) {
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		return nil, err
	}
	return reports.Decode(b.Bytes(), "the report that the trace makes")
}

// changed says how a trace differs from the one that a report was made of.
func changed(then, now *trace.Digest) string {
	switch {
	case then == nil:
		return "the report does not say which trace it was made from"
	case then.SHA256 == now.SHA256:
		return ""
	case now.Lines < then.Lines:
		return fmt.Sprintf("%s missing: it had %s", format.Plural(then.Lines-now.Lines, "line is", "lines are"),
			format.Number(then.Lines))
	case now.Lines > then.Lines:
		return fmt.Sprintf("%s too many: it had %s", format.Plural(now.Lines-then.Lines, "line is", "lines are"),
			format.Number(then.Lines))
	}
	return fmt.Sprintf("it was edited: it has %s as before, and other text", format.Plural(now.Lines, "line", "lines"))
}

// fields are a report as it is in its file.
func fields(r *reports.Report) (all any, err error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // a count may be larger than what a float64 holds
	return all, d.Decode(&all)
}

// absent is the value of a field that is not there.
type absent struct{}

// compare adds the differences of two values of a field.
func (v *Verification) compare(path string, report, made any) {
	switch a := report.(type) {
	case map[string]any:
		if b, ok := made.(map[string]any); ok {
			v.compareFields(path, a, b)
			return
		}
	case []any:
		if b, ok := made.([]any); ok {
			for i := range max(len(a), len(b)) {
				v.compare(fmt.Sprintf("%s[%d]", path, i), element(a, i), element(b, i))
			}
			return
		}
	default:
		if reflect.DeepEqual(report, made) {
			return
		}
	}
	v.Total++
	i := slices.IndexFunc(v.Differences, func(d Difference) bool { return weight(path) < weight(d.Path) })
	if i < 0 {
		i = len(v.Differences)
	}
	if i < listed {
		d := Difference{Path: path, Report: inWords(report), Made: inWords(made)}
		v.Differences = slices.Insert(v.Differences, i, d)
		v.Differences = v.Differences[:min(len(v.Differences), listed)]
	}
}

// weight orders fields: first what a run comes to, then what is said of claims, then figures.
func weight(path string) int {
	switch {
	case path == "outcome" || path == "broken":
		return 0
	case strings.Contains(path, ".verdicts["):
		return 1
	}
	return 2
}

func (v *Verification) compareFields(path string, a, b map[string]any) {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		at := name
		if path != "" {
			at = path + "." + name
		}
		v.compare(at, field(a, name), field(b, name))
	}
}

func element(all []any, i int) any {
	if i < len(all) {
		return all[i]
	}
	return absent{}
}

func field(all map[string]any, name string) any {
	if value, ok := all[name]; ok {
		return value
	}
	return absent{}
}

// maxWords is how much of a value is shown, in runes.
const maxWords = 80

// inWords is a field's value for people.
func inWords(value any) string {
	if _, none := value.(absent); none {
		return "nothing"
	}
	b, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	runes := []rune(format.Printable(string(b)))
	if len(runes) > maxWords {
		return string(runes[:maxWords]) + "…"
	}
	return string(runes)
}
