package reports

import (
	"fmt"
	"strings"
	"testing"
)

func TestSplitRows(t *testing.T) {
	r := labReport()
	p := r.Phases[1]
	var got []string
	for _, row := range SplitRows(p.Observation.Settled, p.Verdicts, r.Setup.Load) {
		asked := ""
		if row.Claim != nil {
			asked = row.Claim.Asked() + " " + string(row.Outcome)
		}
		got = append(got, fmt.Sprintf("%s|%s|%d|%s", row.Cohort, row.Subject, row.Seen.Count, asked))
	}
	c := p.Observation.Settled
	want := []string{
		fmt.Sprintf("|v1|%d|80 %% pass", c.Total.Versions["v1"]),
		"|v2|0|0 % pass",
		fmt.Sprintf("||%d|", c.Total.Versions[""]),
		fmt.Sprintf("|503 UH|%d|20 %% pass", c.Total.Flags["503 UH"]),
		fmt.Sprintf("plain|v1|%d|", c.Of("plain").Versions["v1"]),
		fmt.Sprintf("plain||%d|", c.Of("plain").Versions[""]),
		fmt.Sprintf("beta|v1|%d|", c.Of("beta").Versions["v1"]),
		fmt.Sprintf("beta||%d|", c.Of("beta").Versions[""]),
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestPoint(t *testing.T) {
	v := func(want string, o Outcome, proof bool) Verdict { return Verdict{Want: want, Outcome: o, Proof: proof} }
	base := Phase{Name: "baseline", Verdicts: []Verdict{v("base", Pass, false)}}
	breaks := Phase{Name: "breaks", Breaks: true, Verdicts: []Verdict{v("proof", Pass, true), v("claim", Pass, false)}}
	last := Phase{Name: "last", Verdicts: []Verdict{v("end", Pass, false)}}
	for _, test := range []struct {
		phases      []Phase
		phase, want string
		ok          bool
	}{
		{nil, "", "", false},
		{[]Phase{base, last}, "last", "end", true},
		{[]Phase{base, breaks, last}, "breaks", "claim", true},
		{[]Phase{{Name: "p", Point: true, Verdicts: base.Verdicts}, breaks}, "p", "base", true},
		{
			[]Phase{breaks, {Name: "bad", Verdicts: []Verdict{v("ok", Pass, false), v("no", Fail, true)}}}, "bad", "no",
			true,
		},
	} {
		phase, got, ok := Point(&Report{Phases: test.phases})
		if phase != test.phase || got.Want != test.want || ok != test.ok {
			t.Errorf("got %q of %q, %v, want %q of %q, %v", got.Want, phase, ok, test.want, test.phase, test.ok)
		}
	}
}
