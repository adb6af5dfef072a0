package training

import (
	"strings"
	"testing"
	"time"
)

// A misrouting is a break by which no request fails.
type misrouting struct {
	goal         Goal
	well, broken truth
}

// forged is one by which a third of the callers get the canary and are not to.
var forged = misrouting{
	goal: Goal{
		Asked: []Asked{
			{Version: "v2", Percent: 100, Cohort: "office"}, {Version: "v1", Percent: 100, Cohort: "elsewhere"},
			{Version: "v1", Percent: 100, Cohort: "forger"},
		},
		Break:  Hurt{Kind: "v2 in place of v1", Percent: 100. / 3, Cohort: "forger", Misroutes: true},
		Canary: "v2",
		Callers: []Callers{
			{Name: "office", Rate: 200, Routed: true}, {Name: "elsewhere", Rate: 200, Routed: true},
			{Name: "forger", Rate: 200, Routed: true},
		},
	},
	well:   truth{{share: 1, version: "v2", cohort: "office"}},
	broken: truth{{share: 1, version: "v2", cohort: "office"}, {share: 1, version: "v2", cohort: "forger"}},
}

// unrouted is one by which callers without a proxy get half of each version.
var unrouted = misrouting{
	goal: Goal{
		Asked: []Asked{
			{Version: "v1", Percent: 100, Cohort: "with"}, {Version: "v1", Percent: 100, Cohort: "without"},
		},
		Break:   Hurt{Kind: "v2 in place of v1", Percent: 50. * 60 / 210, Cohort: "without", Misroutes: true},
		Canary:  "v2",
		Callers: []Callers{{Name: "with", Rate: 150, Routed: true}, {Name: "without", Rate: 60}},
	},
	broken: truth{{share: 0.5, version: "v2", cohort: "without"}},
}

// shadowed is one that keeps the canary from half of those who are to get it.
var shadowed = misrouting{
	goal: Goal{
		Asked: []Asked{
			{Version: "v1", Percent: 100, Cohort: "none"}, {Version: "v2", Percent: 50, Cohort: "id"},
			{Version: "v2", Percent: 100, Cohort: "beta"},
		},
		Break:  Hurt{Kind: "v1 in place of v2", Percent: 50. * 500 / 1200, Cohort: "beta", Misroutes: true},
		Canary: "v2",
		Callers: []Callers{
			{Name: "none", Rate: 200, Routed: true}, {Name: "id", Rate: 500, Routed: true},
			{Name: "beta", Rate: 500, Routed: true},
		},
	},
	well:   truth{{share: 0.5, version: "v2", cohort: "id"}, {share: 1, version: "v2", cohort: "beta"}},
	broken: truth{{share: 0.5, version: "v2", cohort: "id"}, {share: 0.5, version: "v2", cohort: "beta"}},
}

// The judge is as right where callers get a wrong version as where they get errors.
func TestTheJudgeIsRightOfMisroutes(t *testing.T) {
	toAll := truth{{share: 1, version: "v2"}}
	for name, of := range map[string]struct {
		misrouting
		attempts []attempt
	}{
		"forged": {forged, []attempt{
			{name: "untouched", truth: forged.broken, want: Broken},
			{name: "rolled back", truth: rolled, want: Safe},
			{name: "mended", truth: forged.well, want: Mended},
			{name: "half of the office", truth: truth{{share: 0.5, version: "v2", cohort: "office"}}, want: Safe},
			{name: "half of the forgers are left", want: Broken, truth: truth{
				{share: 1, version: "v2", cohort: "office"}, {share: 0.5, version: "v2", cohort: "forger"},
			}},
			{name: "the forgers get a third version", want: Another, truth: truth{
				{share: 1, version: "v2", cohort: "office"}, {share: 1, version: "v3", cohort: "forger"},
			}},
			{name: "everybody gets v2", truth: toAll, want: Worse},
			{name: "the forgers fail", want: Another, truth: truth{
				{share: 1, version: "v2", cohort: "office"}, {share: 1, kind: "503 UH", cohort: "forger"},
			}},
			{name: "everybody fails", truth: truth{{share: 1, kind: "404 NR"}}, want: Worse},
		}},
		"unrouted": {unrouted, []attempt{
			{name: "untouched", truth: unrouted.broken, want: Broken},
			{name: "mended", truth: unrouted.well, want: Mended},
			{name: "a quarter", truth: truth{{share: 0.25, version: "v2", cohort: "without"}}, want: Broken},
			{
				// Twice as many of few are more than chance allows only at times.
				name: "all of them", truth: truth{{share: 1, version: "v2", cohort: "without"}}, want: Broken,
				also: []Verdict{Worse},
			},
			{name: "the others too", truth: truth{{share: 0.5, version: "v2"}}, want: Worse},
			{name: "the others fail", want: Worse, truth: truth{
				{share: 0.5, version: "v2", cohort: "without"}, {share: 1, kind: "503 UH", cohort: "with"},
			}},
		}},
		"shadowed": {shadowed, []attempt{
			{name: "untouched", truth: shadowed.broken, want: Broken},
			{name: "rolled back", truth: rolled, want: Safe},
			// Half of the requests of some take a while until they are certain.
			{name: "mended", truth: shadowed.well, want: Mended, also: []Verdict{Unsure}},
			{name: "a quarter", want: Broken, truth: truth{
				{share: 0.5, version: "v2", cohort: "id"}, {share: 0.25, version: "v2", cohort: "beta"},
			}},
			{name: "everybody gets v2", truth: toAll, want: Worse},
			{name: "all with an id get v2", want: Safe, truth: truth{
				{share: 1, version: "v2", cohort: "id"}, {share: 1, version: "v2", cohort: "beta"},
			}},
		}},
	} {
		for _, tc := range of.attempts {
			t.Run(name+"/"+tc.name, func(t *testing.T) {
				t.Parallel()
				tc.holds(t, of.goal, of.well, of.broken)
			})
		}
	}
}

// Who was hurt by something that is over does not make it worse: not when it is mended, when few requests are left by
// which to tell.
func TestWhatIsOverIsNotWorse(t *testing.T) {
	othersFail := truth{{share: 0.5, version: "v2", cohort: "without"}, {share: 1, kind: "503 UH", cohort: "with"}}
	for seed := range uint64(20) {
		worse := false
		play(unrouted.goal, seed, []stretch{
			{unrouted.well, 8 * time.Second}, {unrouted.broken, 5 * time.Second}, {othersFail, 4 * time.Second},
			{unrouted.broken, 3 * time.Second}, {unrouted.well, 5 * time.Second},
		}, func(at time.Duration, s State) {
			if s.Verdict != Worse {
				return
			}
			worse = true
			if at > 17*time.Second+soon+slotWidth {
				t.Errorf("seed %d after %s: got %s: %s", seed, at, s.Verdict, s.Text)
			}
		})
		if !worse {
			t.Errorf("seed %d: it never was worse", seed)
		}
	}
}

// The text says whom it concerns, and the clocks end with the last request that went wrong.
func TestTheJudgeSaysWhoIsMisrouted(t *testing.T) {
	before := []stretch{{shadowed.well, 8 * time.Second}, {shadowed.broken, 5 * time.Second}}
	at := began.Add(13 * time.Second)
	for _, tc := range []struct {
		truth truth
		lasts time.Duration
		want  string
		clean bool
	}{
		{shadowed.broken, 3 * time.Second, "of all requests got v1 in place of v2", false},
		{
			truth{{share: 1, version: "v2"}}, 5 * time.Second, "now those of none get v2 in place of v1 too", false,
		}, {
			truth{{share: 0.5, kind: "503 NC", cohort: "beta"}}, 7 * time.Second,
			"failed with 503 NC, the last one just now: by the break they get v1 in place of v2", false,
		},
		{rolled, 4 * time.Second, "no request has failed or been misrouted for 4.0 s: in the last 6 s", false},
		{rolled, 12 * time.Second, "v2 has 0 % of the requests of beta, asked are 100 %", true},
		{shadowed.well, 20 * time.Second, "v2 has 100 % of the requests of beta", true},
	} {
		s := said(shadowed.goal, append(before, stretch{tc.truth, tc.lasts})...)
		if !strings.Contains(s.Text, tc.want) {
			t.Errorf("got %s: %q, want %q in it", s.Verdict, s.Text, tc.want)
		}
		if off := at.Sub(s.CleanSince).Abs(); tc.clean && off > 100*time.Millisecond {
			t.Errorf("%s: got clean since %s, want %s", s.Text, s.CleanSince, at)
		}
	}
}
