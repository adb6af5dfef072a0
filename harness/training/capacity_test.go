package training

import (
	"errors"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/environment"
)

// A machine carries as many as its processors and its memory have room for, with a tenth of both kept free.
func TestCapacity(t *testing.T) {
	use := func(cpu float64, gb float64) environment.Use {
		return environment.Use{CPU: cpu, Cores: 2, Memory: int64(gb * 1e9), Total: 8e9}
	}
	for _, test := range []struct {
		name       string
		idle, busy environment.Use
		rates      []int
		want       int
	}{
		{"by processors", use(0.3, 1), use(0.6, 1.1), []int{180, 180}, 5},
		{"by memory", use(0.1, 1), use(0.2, 4), []int{180, 180}, 2},
		{"others at twice the rate", use(0.3, 1), use(0.6, 1.1), []int{180, 360, 360, 360}, 2},
		{"others at a lower rate are not taken for less", use(0.3, 1), use(0.6, 1.1), []int{180, 90}, 5},
		{"none", use(1.7, 1), use(1.95, 1.1), []int{180}, 0},
		{"one that takes nothing", use(0.3, 1), use(0.2, 0.9), []int{180}, maxLearners},
	} {
		if got := capacity(test.idle, test.busy, test.rates); got.Learners != test.want {
			t.Errorf("%s: got %s, want %d", test.name, got, test.want)
		}
	}
	few := capacity(use(0.3, 1), use(0.9, 1.5), []int{180, 180, 180})
	if err := few.check(); !errors.Is(err, ErrTooMany) || !strings.Contains(err.Error(),
		"carries 2 learners: at 180 requests a second one takes 60 % of 200 % of processor time and 0.5 of 8.0 GB") ||
		!strings.Contains(err.Error(), "have no more than 2") || !strings.Contains(err.Error(), "--over") {
		t.Errorf("got %v, want what one takes, and what to do", err)
	}
	if err := capacity(use(0.3, 1), use(0.6, 1.1), []int{180, 180}).check(); err != nil {
		t.Errorf("got %v, want them carried", err)
	}
}

func TestMissionsAreDealt(t *testing.T) {
	a, b := tale(), tale()
	b.Story.Name = "another"
	var names []string
	for _, m := range Deal([]Mission{a, b}, 5) {
		names = append(names, m.Name())
	}
	if got := strings.Join(names, " "); got != "tale another tale another tale" {
		t.Errorf("got %s, want them in turn", got)
	}
	for n, right := range map[int]bool{0: false, -1: false, 1: true, maxLearners: true, maxLearners + 1: false} {
		if err := CheckLearners(n); (err == nil) != right {
			t.Errorf("%d learners: got %v", n, err)
		}
	}
}

// A class plays at a rate at which the judge is sure in time, and refuses one at which it never would be.
func TestRateOfAClass(t *testing.T) {
	m := tale() // a tenth of 500 a second
	rate, err := m.ClassRate()
	if err != nil || rate < leastClean/6 || rate > 200 {
		t.Errorf("got %d, %v, want what gives %d requests in 6 s and hardly more", rate, err, leastClean)
	}
	if got := m.AtRate(rate).Story.Rate(); got != rate {
		t.Errorf("got %d, want %d", got, rate)
	}
	if _, err := m.RateFor(20); !errors.Is(err, ErrRate) || !strings.Contains(err.Error(), "120") {
		t.Errorf("got %v, want the lowest that would do", err)
	}
	for asked, want := range map[int]int{0: rate, 150: 150, 400: 400, 800: 500} {
		if got, err := m.RateFor(asked); got != want || err != nil {
			t.Errorf("asked for %d: got %d, %v, want %d", asked, got, err, want)
		}
	}
	// A mission that is played alone goes no lower, however busy the machine is: the judge would never be sure.
	p, err := prepare(m, Namespace, restartedAt)
	if err != nil {
		t.Fatal(err)
	}
	alone := p.scenario(Referees{Twin: nobody{}, Learner: nobody{}}, DefaultBound)
	if got := alone.Lowest(1).Rate; got < rate || got >= 500 {
		t.Errorf("got %d as the lowest rate of a mission alone, want %d", got, rate)
	}
	m.Story.LowestRate = 500
	if got, err := m.RateFor(100); got != 500 || err != nil || !m.FixedRate() {
		t.Errorf("got %d, %v, want the story's own rate: it is about its load", got, err)
	}
}
