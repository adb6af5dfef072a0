package training

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/loadgen"
)

// Each stage of a mission says what the clocks do, and nothing of what is still to come but that it comes.
func TestAStandingSaysWhatTheClocksDo(t *testing.T) {
	broke := began
	running := Standing{Broke: broke, Armed: broke.Add(400 * time.Millisecond)}
	safe := running
	safe.Result = Result{ToSafe: 22200 * time.Millisecond}
	rolled := safe
	rolled.Result.ToMended = 80 * time.Second
	direct := safe
	direct.Result.ToMended = safe.Result.ToSafe
	for _, tc := range []struct {
		name string
		s    Standing
		want []string
		not  string
	}{
		{
			"before the break", Standing{Left: time.Minute},
			[]string{"none runs yet: something is still to break", "time left 1m0s from the break on"}, "burned",
		},
		{"not seen yet", Standing{Broke: broke}, []string{"from the first request that goes wrong", "burned"}, "safe"},
		{
			"broken", running, []string{
				"went wrong, which was sent 0.4 s after the break", "safe      not yet", "mended    not yet",
			}, "from the break on",
		},
		{
			"safe", safe, []string{
				"safe      after 22.2 s, by the last request that went wrong. It takes 6 s", "mended    not yet",
			}, "",
		},
		{"rolled back before", rolled, []string{"mended    after 80.0 s: from then on the versions had"}, ""},
		{"mended at once", direct, []string{"mended    after 22.2 s\n"}, "from then on"},
		{
			"paid for", Standing{Result: Result{
				Price: time.Minute, Guesses: 2, Hints: []Hint{{Price: 30 * time.Second}},
			}}, []string{"for 1 hint and 1 wrong diagnosis", "diagnosis not right yet, in 2 tries"}, "",
		},
		{
			"diagnosed", Standing{Result: Result{Guesses: 1, Diagnosed: true}},
			[]string{"diagnosis right, in one try"}, "price",
		},
		{"asked for", Standing{Diagnose: true}, []string{"diagnosis is asked for too"}, ""},
	} {
		got := tc.s.String()
		for _, want := range tc.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: got %q, want %q in it", tc.name, got, want)
			}
		}
		if tc.not != "" && strings.Contains(got, tc.not) {
			t.Errorf("%s: got %q, want no %q in it", tc.name, got, tc.not)
		}
	}
}

// Whoever rolls back first is mended from when the versions have their shares; whoever mends at once from the last
// failure.
func TestClocks(t *testing.T) {
	at := func(d time.Duration) time.Time { return began.Add(d) }
	clean := at(10 * time.Second)
	mended := State{Verdict: Mended, At: at(76 * time.Second), From: at(70 * time.Second), CleanSince: clean}
	rolled := State{Verdict: Safe, At: at(17 * time.Second), From: at(11 * time.Second), CleanSince: clean}
	open := State{Verdict: Unsure, At: at(17 * time.Second), CleanSince: clean}
	for name, tc := range map[string]struct {
		states []State
		want   time.Time
	}{
		"at once":       {[]State{mended}, clean},
		"by a rollback": {[]State{rolled, mended}, mended.From},
		// Nobody is hurt any more before it is certain that the shares are right.
		"with open shares": {[]State{open}, time.Time{}},
	} {
		s := &session{}
		for _, state := range tc.states {
			s.clock(state)
		}
		if !s.safe.Equal(clean) || !s.mended.Equal(tc.want) {
			t.Errorf("%s: got safe at %s and mended at %s, want %s and %s", name, s.safe, s.mended, clean, tc.want)
		}
	}
}

// A cohort is told by what differs from the others, and not told where it is the only one.
func TestWhoCallersAre(t *testing.T) {
	group := map[string]string{"x-user-group": "beta"}
	from := func(address string) map[string]string {
		return map[string]string{"Host": "my-service.example.com", "X-Forwarded-For": address}
	}
	for _, tc := range []struct {
		cohorts []loadgen.Cohort
		want    []string
	}{
		{[]loadgen.Cohort{{Name: "everyone"}}, nil},
		{[]loadgen.Cohort{{Name: "everyone"}, {Name: "beta", Header: group}}, []string{
			"everyone: requests without the header x-user-group", "beta: requests with the header x-user-group: beta",
		}},
		{[]loadgen.Cohort{{Name: "with"}, {Name: "without", Entry: loadgen.Plain}}, []string{
			"with: requests of a pod with a sidecar (load-client)",
			"without: requests of a pod without a sidecar (load-client-plain)",
		}},
		{[]loadgen.Cohort{
			{Name: "a", Entry: loadgen.Gateway, Header: from("1.1.1.1")},
			{Name: "b", Entry: loadgen.Gateway, Header: from("2.2.2.2")},
		}, []string{
			"a: requests from outside of the mesh, through the ingress gateway, with the header X-Forwarded-For: " +
				"1.1.1.1",
			"b: requests from outside of the mesh, through the ingress gateway, with the header X-Forwarded-For: " +
				"2.2.2.2",
		}},
	} {
		g, load := Goal{Asked: canary.Asked}, loadgen.Plan{Cohorts: tc.cohorts}
		for _, c := range tc.cohorts {
			g.Callers = append(g.Callers, Callers{Name: c.Name, Who: whoIs(c, load)})
		}
		if got := g.who(); !slices.Equal(got, tc.want) {
			t.Errorf("got %q, want %q", got, tc.want)
		}
		if len(tc.want) > 0 && !strings.Contains(g.Told(), tc.want[0]) {
			t.Errorf("got the task %q, want who %q is", g.Told(), tc.want[0])
		}
	}
}

// Misrouted requests are told once, beside what is well.
func TestHowRequestsFared(t *testing.T) {
	c := newCount()
	for range 15 {
		c.add(&Answer{Version: "v2", Kind: "v2 in place of v1"})
	}
	for range 5 {
		c.add(&Answer{Version: "v2"})
	}
	for range 80 {
		c.add(&Answer{Version: "v1"})
	}
	if got, want := c.fared(), "15.0 % v2 in place of v1, 80.0 % v1, 5.0 % v2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A write has the first verdict that is none of unsure, however long the judge takes, until something else is written.
func TestAnEffectHasItsVerdict(t *testing.T) {
	tl := newTimeline()
	at := func(s float64) time.Time { return began.Add(time.Duration(s * float64(time.Second))) }
	tl.writes = []environment.Write{{At: at(0), Object: "a"}, {At: at(60), Object: "b"}, {At: at(65), Object: "c"}}
	tl.states = []State{
		{At: at(1), Verdict: Unsure}, {At: at(9.9), Verdict: Mended}, {At: at(62), Verdict: Unsure},
		{At: at(75), Verdict: Safe},
	}
	want := []Verdict{Mended, Unsure, Safe}
	for i, e := range tl.effects(began, at(100)) {
		if e.Verdict != want[i] {
			t.Errorf("%s: got %q, want %q", e.Write.Object, e.Verdict, want[i])
		}
	}
}

// What istioctl analyze said after the break is told also where it said nothing else than before.
func TestTheAnalyzerIsToldAfterTheBreak(t *testing.T) {
	tl := newTimeline()
	tl.find(began.Add(-time.Second), nil)
	for _, want := range []string{
		"after the break: it was not asked any more", "asked again at +10.0 s: the same",
	} {
		got := tl.analyzer(began)
		if len(got) != 2 || got[0] != "before the break: nothing" || got[1] != want {
			t.Errorf("got %q, want %q at its end", got, want)
		}
		tl.find(began.Add(10*time.Second), nil)
	}
	for i := range 9 {
		tl.find(began.Add(time.Duration(20+10*i)*time.Second), nil)
	}
	want := "asked again at +10.0 s, +10.0 s, 9 times more up to +100.0 s: the same"
	if got := tl.analyzer(began); got[1] != want {
		t.Errorf("got %q, want %q", got[1], want)
	}
}

// Where requests fare otherwise only once a pod has come, that is told too.
func TestAnEffectThatTakesAWhile(t *testing.T) {
	tl := newTimeline()
	at := func(s float64) time.Time { return began.Add(time.Duration(s * float64(time.Second))) }
	tl.writes = []environment.Write{{At: at(0), Object: "a"}, {At: at(40), Object: "b"}}
	for i := range 6000 { // 100 a second
		a := Answer{Sent: at(float64(i)/100 - 10), Version: "v1"}
		if i < 2000 {
			a.Version, a.Kind = "", "503 UH" // up to 10 s after the first write
		}
		tl.add(&a)
	}
	all := tl.effects(began, at(50))
	if e := all[0]; e.Then != "100 % 503 UH" || e.Later != "no failure, 100 % v1" || e.Until != keep {
		t.Errorf("got %q and %q up to %s later, want that it failed first, and did no more 20 s later", e.Then, e.Later,
			e.Until)
	}
	if e := all[1]; e.Then != "no failure, 100 % v1" || e.Later != "" {
		t.Errorf("got %q and %q, want nothing more to be told", e.Then, e.Later)
	}
}
