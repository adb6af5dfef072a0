package expect

import (
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports/analysis"
)

// unavailable are calls that v2 answered so.
func unavailable(n int) analysis.Failure {
	return analysis.Failure{Code: 200, GRPC: "UNAVAILABLE", Flag: "-", Version: "v2", Count: n}
}

func TestGRPCStatus(t *testing.T) {
	holds(t, "grpc-status", []judged{
		{"as claimed", GRPCStatus("UNAVAILABLE", 10), v1(1800, unavailable(200)), pass, ""},
		{"another one", GRPCStatus("INTERNAL", 10), v1(1800, unavailable(200)), fail, ""},
		{"none is a call", GRPCStatus("UNAVAILABLE", 10), v1(1800, app(200)), fail, ""},
	})
	holds(t, "status", []judged{
		{"every HTTP status is well", Status(200, 100), v1(1800, unavailable(200)), pass, ""},
	})
	holds(t, "no-errors", []judged{
		{"and yet they failed", NoErrors(), v1(1800, unavailable(200)), fail, "200/UNAVAILABLE - × 200"},
	})
	if err := Validate([]Expectation{GRPCStatus("Unavailable", 10)}); err == nil ||
		!strings.Contains(err.Error(), `in place of "Unavailable"`) {
		t.Errorf("got %v, want that there is no such grpc-status", err)
	}
	if err := Conflicts([]Expectation{GRPCStatus("UNAVAILABLE", 10), Status(200, 100)}); err != nil {
		t.Errorf("got %v, want that both can hold", err)
	}
	if err := Conflicts([]Expectation{GRPCStatus("UNAVAILABLE", 10), NoErrors()}); err == nil {
		t.Error("no errors, and some that fail")
	}
}
