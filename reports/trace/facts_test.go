package trace_test

import (
	"strings"
	"testing"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
)

// manyLines has one line as often as it says.
type manyLines struct {
	line  trace.Line
	count int
}

func (m manyLines) Lines(_ bool, yield func(*trace.Line) error) (truncated bool, err error) {
	for range m.count {
		if err := yield(&m.line); err != nil {
			return false, err
		}
	}
	return false, nil
}

// The longest run has 21,600 seconds, the most agents are 64, at each of three entries.
func TestFactsBounds(t *testing.T) {
	const most = 3 * 64 * 21_600
	health, event := trace.Line{Health: &loadgen.Health{}}, trace.Line{Event: &trace.Event{}}
	for _, c := range []struct {
		name   string
		source manyLines
		want   string
	}{
		{"health of many agents", manyLines{health, most}, ""},
		{"health of too many", manyLines{health, most + 1}, "more than 4147200 seconds"},
		{"events", manyLines{event, 100_000}, ""},
		{"too many events", manyLines{event, 100_001}, "more than 100000 lines"},
	} {
		_, _, err := trace.Facts(c.source)
		if got := errText(err); (c.want == "") != (err == nil) || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
