package html

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// ramp is a timeline of n bins of 100 ms: bin i has i%7+1 requests of v1, and every hundredth bin has one failure.
func ramp(n int) *analysis.Timeline {
	good, bad := analysis.Series{Version: "v1", Counts: make([]int, n)}, analysis.Series{
		Flag: "503 UH", Counts: make([]int, n),
	}
	for i := range n {
		good.Counts[i] = 1000 * (i%7 + 1)
		if i%100 == 50 {
			bad.Counts[i] = 1
		}
	}
	return &analysis.Timeline{Start: t0, BinMS: 100, Bins: n, Series: []analysis.Series{good, bad}}
}

func TestStackKeepsEveryRequest(t *testing.T) {
	for _, bins := range []int{1, 7, 1200, 1201, 6000, 36_000} {
		tl := ramp(bins)
		s := newStack(tl, tl.Start, tl.End(), tl.Start, 200, 7, newPalette(&reports.Report{Timeline: tl}))
		var d stackData
		if err := json.Unmarshal([]byte(s.Data), &d); err != nil {
			t.Fatal(err)
		}
		if n := len(d.Counts[0]); n > maxColumns || n < 1 {
			t.Errorf("%d bins: got %d columns, want %d at most", bins, n, maxColumns)
		}
		for k, series := range tl.Series {
			if series.Total() == 0 {
				continue
			}
			sum := 0
			for _, n := range d.Counts[k] {
				sum += n
			}
			if sum != series.Total() || s.Kinds[k].Total != sum {
				t.Errorf("%d bins: got %d of %s, want %d", bins, sum, series.Kind(), series.Total())
			}
		}
	}
}

func TestStackShowsOneFailureAmongThousands(t *testing.T) {
	tl := ramp(6000)
	s := newStack(tl, tl.Start, tl.End(), tl.Start, 200, 7, newPalette(&reports.Report{Timeline: tl}))
	rects := regexp.MustCompile(`height="([0-9.]+)"`).FindAllStringSubmatch(string(s.Kinds[1].Rects), -1)
	if len(rects) != 60 {
		t.Errorf("got %d marks, want 60", len(rects))
	}
	for _, r := range rects {
		if h, err := strconv.ParseFloat(r[1], 64); err != nil || h < leastFailure {
			t.Errorf("a failure is %s pixels high, want %v at least", r[1], leastFailure)
		}
	}
}

func TestStackOfAPart(t *testing.T) {
	tl := ramp(600)
	from := tl.Start.Add(10 * time.Second)
	s := newStack(tl, from, from.Add(5*time.Second), from, 200, 3, newPalette(&reports.Report{Timeline: tl}))
	if !s.From.Equal(from) || !s.To.Equal(from.Add(5*time.Second)) {
		t.Errorf("got %v to %v, want %v and 5 s", s.From, s.To, from)
	}
	if at := s.at(from.Add(time.Second)); at != 20 {
		t.Errorf("a second into it is at %v %%, want 20", at)
	}
	for _, outside := range []time.Duration{-time.Hour, time.Hour} {
		if s := newStack(
			tl, from.Add(outside), from.Add(outside+time.Second), from, 200, 3, newPalette(&reports.Report{}),
		); s != nil {
			t.Errorf("got %+v of a part outside, want nothing", s)
		}
	}
}

func TestStackMergesWhatIsTooMuch(t *testing.T) {
	tl := &analysis.Timeline{Start: t0, BinMS: 100, Bins: 1}
	for i := range 40 {
		tl.Series = append(tl.Series, analysis.Series{Version: fmt.Sprintf("v%d", i), Counts: []int{10}})
	}
	s := newStack(tl, tl.Start, tl.End(), tl.Start, 200, 7, newPalette(&reports.Report{Timeline: tl}))
	if n := len(s.Kinds); n != maxKinds || s.Kinds[n-1].Name != "others" || s.Kinds[n-1].Total != 10*(40-maxKinds+1) {
		t.Errorf("got %d kinds, the last %+v", n, s.Kinds[len(s.Kinds)-1])
	}
}

func TestTicks(t *testing.T) {
	for _, test := range []struct {
		most      float64
		step, top float64
	}{{0, 1, 1}, {1, 1, 1}, {3, 1, 3}, {7, 2, 8}, {9, 5, 10}, {50, 20, 60}, {80, 20, 80}, {1000, 250, 1000}} {
		if step, top := ticksUpTo(test.most, 4); step != test.step || top != test.top {
			t.Errorf("up to %v: got steps of %v to %v, want %v to %v", test.most, step, top, test.step, test.top)
		}
	}
	var got []string
	for _, tick := range timeTicks(t0, t0.Add(90*time.Second), t0, 7) {
		got = append(got, tick.Text)
	}
	if want := "0 15 s 30 s 45 s 1:00 1:15 1:30"; strings.Join(got, " ") != want {
		t.Errorf("got ticks %q, want %q", got, want)
	}
}

func TestPaletteIsTheSameEverywhere(t *testing.T) {
	p := newPalette(story(t))
	for name, want := range map[string]string{"v1": "v0", "v2": "v1", "": "vx", "stranger": "vx"} {
		if got := p.version(name); got != want {
			t.Errorf("version %q: got %q, want %q", name, got, want)
		}
	}
	if got := p.flag("503 UH"); got != "e0" {
		t.Errorf("got %q, want e0", got)
	}
	all := []string{"v10", "v2", "v1", "a"}
	slices.SortFunc(all, analysis.CompareVersions)
	if got := strings.Join(all, " "); got != "a v1 v2 v10" {
		t.Errorf("got order %q", got)
	}
}
