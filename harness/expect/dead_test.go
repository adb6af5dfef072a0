package expect

import (
	"testing"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// A rule that no request can meet fails whatever was seen, and also where the load was late.
func TestNotDead(t *testing.T) {
	e := NotDead("VirtualService shop/reviews in a.yaml:7", "http[1] takes everything first.")
	late := analysis.Accounting{}
	v := Judge(e, []analysis.Observation{{}}, late)
	if v.Outcome != reports.Fail || v.Why == "" || v.Kind != reports.KindDead {
		t.Errorf("got %+v, want a fail with its reason", v)
	}
	again, err := Make(RecordOf(e))
	if err != nil || again.String() != e.String() {
		t.Errorf("got %v, %v, want the same claim of its record", again, err)
	}
	if err := Validate([]Expectation{NotDead("", "")}); err == nil {
		t.Error("got no error for a claim about nothing")
	}
}
