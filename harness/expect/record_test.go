package expect

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
)

// Every expectation that there is can be kept in a trace.
func TestRecords(t *testing.T) {
	kinds := map[string]bool{}
	for _, e := range []Expectation{
		Share("v2", 5), Share("v2", 12.5).Of("beta"), Share("v2", 40).AtLeast(), Share("v2", 0), Share("v1", 100),
		Status(503, 10).AtMost(), Status(0, 0), Flag(503, "UF, URX", 20).Of("beta"), NoErrors(), NoErrors().Of("beta"),
		OnlyErrors(503, "UH").Of("beta"), Untouched("v2"), Answers("v1", 12.5), Promoted(), AbortedWithin(time.Second),
		Share("v2", 12).AtLeast().Foreseen(16), Share("v2", 40).AtLeast().DrawnSingly(),
		NeverFails(), NeverFails().Of("beta"), FailAtMost(3).Of("beta"),
		ReachAtMost("v2", 0).Of("beta"), SlowerThan("route"),
		RecoveredWithin(1500 * time.Millisecond), DrainedWithin(time.Second), LingersFor(2 * time.Second),
		GRPCStatus("UNAVAILABLE", 3), Attempts("v2", 1.5), AttemptStatus("v2", 503, 30), AttemptStatus("v2", 0, 0),
		Open("beta", "v2", 20), Open("beta", "v2", 20).AtLeast(),
		Open("beta", "v2", 0), Cut("beta", "v2", 100), Cut("beta", "v2", 90).AtLeast(),
		Flips("shoppers", 1000, 32), Moves("shoppers", 1000, "v1", "v2", 20), Moves("shoppers", 1000, "v2", "v1", 0),
		Lands("beta", 50, reports.Place{Host: "a", Subset: "v2", Percent: 90}, reports.Place{Status: 404, Percent: 10}),
		Noted("beta", 30, "the path that the app sees", "/x", 50), NotDead("VirtualService a/b in c:1", "d is first."),
		Case("beta", true, 50, reports.Place{Host: "a", Percent: 100}), AnsweredWithin(99, time.Second).Of("beta"),
		Stays("beta", reports.Place{Host: "a", Percent: 100}),
	} {
		b, err := Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b)
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%s: got %#v, %v, want %#v", b, got, err, e)
		}
		kinds[e.record().Kind] = true
	}
	for kind := range makers {
		if !kinds[kind] {
			t.Errorf("no expectation of kind %s is tried here", kind)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{`{`, "unexpected end"}, {`{"kind":"newer"}`, `none of kind "newer"`}, {`[]`, "cannot unmarshal"},
		{`{"kind":"share","version":"v2","percent":1e-9}`, "is not judged"},
		{`{"kind":"share","version":"v2","percent":99.9999999}`, "is not judged"},
		{`{"kind":"share","version":"v2","percent":-1}`, "is not judged"},
		{`{"kind":"share","percent":5}`, "name a version"}, {`{"kind":"recovered-within"}`, "name a time above 0"},
	} {
		if e, err := Decode([]byte(test.in)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, %v, want an error with %q", test.in, e, err, test.want)
		}
	}
}

// Kinds says which fields each kind has.
func TestKindsHaveTheirFields(t *testing.T) {
	all := Kinds()
	for kind, want := range map[string]Record{
		"no-errors":       {Kind: "no-errors", Cohort: "beta"},
		"promoted":        {Kind: "promoted"},
		"answered-within": {Kind: "answered-within", Percent: 10, Time: time.Second, Cohort: "beta"},
		"slower-than":     {Kind: "slower-than", Phase: "rollback"},
		"lingers-for":     {Kind: "lingers-for", Time: time.Second},
		"fail-at-most":    {Kind: "fail-at-most", Count: 1, Cohort: "beta"},
		"share": {
			Kind: "share", Version: "v2", Percent: 10, Bound: 1, Foreseen: 20, Singly: true, Cohort: "beta",
		},
	} {
		if !reflect.DeepEqual(all[kind], want) {
			t.Errorf("%s: got %+v, want %+v", kind, all[kind], want)
		}
	}
	if len(all) != len(makers)-5 { // Lands, Noted, NotDead, Case and Stays are none
		t.Errorf("got %d kinds, want %d", len(all), len(makers)-5)
	}
}
