package missions_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/scenarios/missions"
)

// A state is what happens to the requests of a mission.
type state struct {
	name string
	meet func(g training.Goal, random *rand.Rand, a training.Answer) training.Answer
	// want is the verdict on it.
	want func(g training.Goal) training.Verdict
}

// well draws a version by the shares that are asked for. What nobody asks for is v1's.
func well(g training.Goal, random *rand.Rand, a training.Answer) training.Answer {
	at := 100 * random.Float64()
	a.Version = "v1"
	for _, asked := range g.Asked {
		if asked.Cohort != "" && asked.Cohort != a.Cohort {
			continue
		}
		if at < asked.Percent {
			a.Version = asked.Version
			break
		}
		at -= asked.Percent
	}
	return a
}

// broken has the share of requests hurt that the break hurts.
func broken(g training.Goal, random *rand.Rand, a training.Answer) training.Answer {
	share, total := g.Break.Percent/100, 0.0
	for _, c := range g.Callers {
		total += c.Rate
	}
	for _, c := range g.Callers {
		if c.Name == g.Break.Cohort {
			share *= total / c.Rate
		}
	}
	a = well(g, random, a)
	hurt := random.Float64() < share && (g.Break.Cohort == "" || g.Break.Cohort == a.Cohort)
	switch by, _, _ := strings.Cut(g.Break.Kind, " "); {
	case hurt && g.Break.Misroutes:
		a.Version = by
	case hurt:
		a.Version, a.Kind = "", g.Break.Kind
	}
	return a
}

// rolledBack has v1 answer everything.
func rolledBack(_ training.Goal, _ *rand.Rand, a training.Answer) training.Answer {
	a.Version = "v1"
	return a
}

// lost has every request fail.
func lost(_ training.Goal, _ *rand.Rand, a training.Answer) training.Answer {
	a.Kind = "503 UH"
	return a
}

func always(v training.Verdict) func(training.Goal) training.Verdict {
	return func(training.Goal) training.Verdict { return v }
}

// safe is Mended where all that is asked for is what a rollback comes to.
func safe(g training.Goal) training.Verdict {
	if slices.ContainsFunc(g.Asked, func(a training.Asked) bool { return a.Version != "v1" && a.Percent > 0 }) {
		return training.Safe
	}
	return training.Mended
}

var states = []state{
	{"untouched", broken, always(training.Broken)},
	{"mended", well, always(training.Mended)},
	{"rolled back", rolledBack, safe},
	{"all lost", lost, always(training.Worse)},
}

// Of 200 attempts and more over all missions, by the traffic that each mission's own claims foresee, none is misjudged.
func TestNoAttemptIsMisjudged(t *testing.T) {
	const seeds = 4
	made, misjudged, late := 0, 0, 0
	for _, m := range missions.All() {
		g, err := m.Goal()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range states {
			for seed := range uint64(seeds) {
				made++
				said, after := judge(g, s, seed)
				if said != "" {
					misjudged++
					t.Errorf("%s, %s, seed %d: %s", m.Name(), s.name, seed, said)
				}
				// A share of half of the requests takes longer to be certain.
				if after > 10*time.Second && !slices.ContainsFunc(g.Asked, func(a training.Asked) bool {
					return a.Percent == 50 && s.name == "mended"
				}) {
					late++
					t.Logf("%s, %s, seed %d: judged after %s", m.Name(), s.name, seed, after)
				}
			}
		}
	}
	t.Logf("%d of %d attempts misjudged, %d judged later than 10 s", misjudged, made, late)
	if made < 200 || late > made/50 {
		t.Errorf("%d of %d attempts were judged later than 10 s, want 200 attempts, and one in fifty at most", late,
			made)
	}
}

// judge plays a break and a state after it. It returns what was misjudged, and how long the right verdict took.
func judge(g training.Goal, s state, seed uint64) (misjudged string, after time.Duration) {
	const (
		wellFor, brokenFor, lasts = 15 * time.Second, 7 * time.Second, 20 * time.Second
		looksEvery                = 500 * time.Millisecond
		// mixed is how long the judge's windows hold some of what was before.
		mixed = 7 * time.Second
	)
	began := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	random := rand.New(rand.NewPCG(seed, 0))
	j, want := training.NewJudge(g), s.want(g)
	sent := make([]int, len(g.Callers))
	var last training.State
	for at := looksEvery; at <= wellFor+brokenFor+lasts; at += looksEvery {
		since := at - wellFor - brokenFor
		meet, may := s.meet, []training.Verdict{training.Unsure, want}
		switch {
		case at <= wellFor:
			meet, may = well, []training.Verdict{training.Unsure, training.Healthy}
		case since <= 0:
			meet, may = broken, []training.Verdict{training.Unsure, training.Healthy, training.Broken}
		case since <= mixed:
			may = append(may, training.Broken)
			if want == training.Worse {
				may = append(may, training.Another) // both failures are seen
			}
		}
		for i, c := range g.Callers {
			for ; float64(sent[i]) < c.Rate*at.Seconds(); sent[i]++ {
				when := began.Add(time.Duration(float64(sent[i]) / c.Rate * float64(time.Second)))
				j.Add(meet(g, random, training.Answer{Sent: when, Cohort: c.Name, Logged: c.Routed}))
			}
		}
		last = j.Look(began.Add(at + 200*time.Millisecond))
		if !slices.Contains(may, last.Verdict) {
			misjudged = cmp.Or(misjudged, at.String()+": "+string(last.Verdict)+": "+last.Text)
		}
		if last.Verdict == want && since > 0 && after == 0 {
			after = since
		}
	}
	if last.Verdict != want && last.Verdict != training.Unsure || after == 0 {
		misjudged = cmp.Or(misjudged, "at the end "+string(last.Verdict)+": "+last.Text)
	}
	return misjudged, after
}
