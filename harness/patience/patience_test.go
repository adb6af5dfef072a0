package patience

import (
	"strings"
	"testing"
	"time"
)

func TestAFactorIsANumberFromOneOn(t *testing.T) {
	for _, tt := range []struct {
		text string
		want float64
		bad  bool
	}{
		{"", 1, false}, {"1", 1, false}, {"2.5", 2.5, false}, {"100", 100, false},
		{"0.5", 1, true}, {"101", 1, true}, {"-3", 1, true}, {"NaN", 1, true}, {"Inf", 1, true}, {"much", 1, true},
	} {
		got, err := parse(tt.text)
		if got != tt.want || (err != nil) != tt.bad {
			t.Errorf("%q: got %v (%v), want %v", tt.text, got, err, tt.want)
		}
		if err != nil && !strings.Contains(err.Error(), Variable+"="+tt.text) {
			t.Errorf("%q: %v does not name the variable", tt.text, err)
		}
	}
}

func TestBoundsAreStretchedAndCrowdsThinned(t *testing.T) {
	defer func(f float64) { factor = f }(factor)
	for _, tt := range []struct {
		factor float64
		bound  time.Duration
		few    int
	}{{1, 4 * time.Second, 16}, {2, 8 * time.Second, 8}, {20, 80 * time.Second, 2}} {
		factor = tt.factor
		if got := Of(4 * time.Second); got != tt.bound {
			t.Errorf("factor %v: got %s, want %s", tt.factor, got, tt.bound)
		}
		if got := Few(16); got != tt.few {
			t.Errorf("factor %v: got %d at once, want %d", tt.factor, got, tt.few)
		}
		if got, want := Asked(), tt.factor > 1; got != want {
			t.Errorf("factor %v: Asked got %v, want %v", tt.factor, got, want)
		}
	}
}
