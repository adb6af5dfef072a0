package reports

import (
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports/trace"
)

func TestRateInWords(t *testing.T) {
	const s = time.Second
	used := &trace.Processor{
		Took: 2 * s, Cores: 2, Programs: []trace.Program{{Name: "envoy", CPU: 2 * s}, {Name: "cc1plus", CPU: s}},
		Other: s / 2, Stolen: s / 2,
	}
	slow, slower := Trial{500, 31 * time.Millisecond, 0, false, nil}, Trial{375, 12 * time.Millisecond, 0, false, used}
	well := Trial{275, time.Millisecond, 0, true, nil}
	const took = "at 375 a second requests were sent 12.0 ms late at p99, while the machine's 2 processors were " +
		"100 % busy (the hypervisor, for other machines, 12 %, envoy 50 %, cc1plus 25 %, others 12 %)"
	for _, test := range []struct {
		name string
		rate *Rate
		want string
	}{
		{"an older report", nil, ""},
		{"as the story has it", &Rate{Own: 500, Played: 500, Trials: []Trial{{500, s / 1000, 0, true, nil}}}, ""},
		{"as the story has it, and asked for", &Rate{Own: 500, Played: 500, Asked: true}, ""},
		{
			"asked for", &Rate{Own: 500, Played: 250, Asked: true, Longer: 48 * s},
			"played at 250 of the story's 500 requests a second, as was asked for; it takes 48.0 s longer for that",
		},
		{
			"more is asked for", &Rate{Own: 500, Played: 1000, Asked: true, Longer: -3 * s},
			"played at 1,000 of the story's 500 requests a second, as was asked for; it takes 3.00 s less for that",
		},
		{
			"found", &Rate{Own: 500, Played: 275, Longer: 30 * s, Trials: []Trial{slow, slower, well}},
			"played at 275 of the story's 500 requests a second, as the machine carried no more: " + took +
				"; it takes 30.0 s longer for that",
		},
		{
			"the lowest",
			&Rate{Own: 500, Played: 375, LowestFor: `phase rollback, "x"`, Trials: []Trial{slow, slower}},
			"played at 375 of the story's 500 requests a second, the lowest rate that its claims allow (phase " +
				`rollback, "x"), although the machine did not carry it when it was tried: ` + took,
		},
		{
			"late for others alone",
			&Rate{Own: 500, Played: 275, Trials: []Trial{{500, 90 * time.Microsecond, 0.031, false, nil}, well}},
			"played at 275 of the story's 500 requests a second, as the machine carried no more: at 500 a second " +
				"requests were sent 0.09 ms late at p99, and other programs waited for a processor for more than " +
				"5.00 ms in 3.1 % of cases",
		},
		{
			"its only one",
			&Rate{Own: 500, Played: 500, LowestFor: "the story is about its load", Trials: []Trial{slow}},
			"played at the story's 500 requests a second, although the machine did not carry them when they were " +
				"tried: at 500 a second requests were sent 31.0 ms late at p99; its claims allow no lower rate (the " +
				"story is about its load)",
		},
	} {
		if got := RateInWords(&Report{Rate: test.rate}); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, test.want)
		}
	}
	elsewhere := &Report{Rate: &Rate{Own: 500, Played: 275, Trials: []Trial{slower, well}}}
	elsewhere.Accounting.Generator.ClockError = time.Millisecond
	const want = "played at 275 of the story's 500 requests a second, as the machine carried no more: at 375 a " +
		"second requests were sent 12.0 ms late at p99"
	if got := RateInWords(elsewhere); got != want {
		t.Errorf("from another machine: got %s, want nothing of this one's processors", got)
	}
}
