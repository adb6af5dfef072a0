package loadgen

import (
	"net/http"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/canarylab/canarylab/sampleapp"
)

// A sample keeps what its cohort wants to know of the answer, and nothing of the app where none answered.
func TestNote(t *testing.T) {
	c := Cohort{Name: "a", Rate: 1, Notes: []Note{
		{Of: SeenPath}, {Of: SeenHost}, {Of: SeenHeader, Name: "x-user"}, {Of: GotHeader, Name: "location"},
		{Of: SlowerThan, Over: time.Second},
	}}
	if names, ok := c.echo(); !ok || names != "x-user" {
		t.Errorf("got %q, %t, want that the app is asked for x-user", names, ok)
	}
	answer := &vegeta.Result{
		Code: 200, Latency: 2 * time.Second, Headers: http.Header{sampleapp.VersionHeader: {"v1"}},
		Body: []byte(`{"path":"/x","host":"reviews","header":{"x-user":"jason"}}`),
	}
	got := c.note(answer)
	for i, want := range []string{"/x", "reviews", "jason", "", "yes"} {
		if v, ok := got[c.Notes[i].Key()]; !ok || v != want {
			t.Errorf("%s: got %q, want %q", c.Notes[i].Key(), v, want)
		}
	}
	redirect := &vegeta.Result{Code: 301, Headers: http.Header{"Location": {"http://other/"}}}
	got = c.note(redirect)
	if len(got) != 2 || got[c.Notes[3].Key()] != "http://other/" || got[c.Notes[4].Key()] != "no" {
		t.Errorf("got %v, want the location, and that it was not slow", got)
	}
	if got := c.note(&vegeta.Result{}); got != nil {
		t.Errorf("got %v of no answer", got)
	}
	for _, bad := range []Note{{}, {Of: GotHeader}, {Of: SeenHeader, Name: "X-A"}, {Of: SlowerThan}} {
		plan := validPlan()
		plan.Cohorts[0].Notes = []Note{bad}
		if plan.Validate() == nil {
			t.Errorf("%+v: got no error", bad)
		}
	}
}
