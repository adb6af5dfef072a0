package render

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/text"
	"github.com/canarylab/canarylab/reports/trace"
)

// breaks are what formats put where a text goes on: the end of a line, with what the next begins with.
var breaks = regexp.MustCompile(`\s+`)

// A run that was played at another rate than the story's says so in every format, and what was in the way.
func TestEveryFormatTellsTheRate(t *testing.T) {
	r := told(t)
	r.Rate = &reports.Rate{Own: 500, Lowest: 140, LowestFor: "phase rollback", Played: 275, Longer: time.Minute,
		Trials: []reports.Trial{
			{Rate: 375, LagP99: 12 * time.Millisecond, Processor: &trace.Processor{
				Took: time.Second, Cores: 2, Programs: []trace.Program{{Name: "cc1plus", CPU: time.Second}},
			}},
			{Rate: 275, LagP99: time.Millisecond, Carried: true},
		}}
	run := open(t, filepath.Join(t.TempDir(), "run"), r)
	holds := func(name, out string, wants ...string) {
		t.Helper()
		out = breaks.ReplaceAllString(out, " ")
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not in it", name, want)
			}
		}
	}
	for _, f := range Formats() {
		var b bytes.Buffer
		if err := f.Write(&b, run); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		switch f.Name {
		case "json":
			holds(f.Name, b.String(), `"played": 275`, `"name": "cc1plus"`)
		case "openmetrics":
			holds(f.Name, b.String(), `which="played"} 275`, `which="own"} 500`)
		default:
			holds(f.Name, b.String(), "played at 275 of the story", "cc1plus 50 %")
		}
	}
	var b bytes.Buffer
	if err := text.Write(&b, run.Report, text.Options{}); err != nil {
		t.Fatal(err)
	}
	holds("story", b.String(), "played at 275 of the story")
}
