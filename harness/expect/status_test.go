package expect

import (
	"testing"

	"github.com/canarylab/canarylab/reports/analysis"
)

func TestStatus(t *testing.T) {
	holds(t, "status", []judged{
		{"status", Status(503, 10), v1(1800, uh(200)), pass, ""},
		{"status, whoever answered", Status(503, 10), v1(1800, uh(100), app(100)), pass, ""},
		{"status, other", Status(503, 10), split(2000, 0), fail, ""},
		{"no answer", Status(0, 0), v1(2000, analysis.Failure{Flag: "DC", Count: 1}), fail, "not one"},
	})
}
