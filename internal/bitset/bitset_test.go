package bitset

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSet(t *testing.T) {
	var s Set
	for i, step := range []struct {
		n   uint64
		was bool
		len int
	}{
		{0, false, 1}, {0, true, 1}, {63, false, 2}, {64, false, 3}, {10_000, false, 4}, {64, true, 4},
		{1 << 63, false, 5}, {math.MaxUint64, false, 6}, {1 << 63, true, 6},
	} {
		if was := s.Set(step.n); was != step.was || s.Len() != step.len {
			t.Errorf("step %d: got %t and %d numbers after %d, want %t and %d", i, was, s.Len(), step.n, step.was,
				step.len)
		}
	}
	for n, want := range map[uint64]bool{
		0: true, 1: false, 63: true, 64: true, 65: false, 10_000: true, 1 << 40: false, math.MaxUint64: true,
	} {
		if got := s.Has(n); got != want {
			t.Errorf("%d: got %t, want %t", n, got, want)
		}
	}
}

func TestGaps(t *testing.T) {
	type gap struct{ from, to uint64 }
	for _, tc := range []struct {
		name        string
		have        []uint64
		first, last uint64
		want        []gap
	}{
		{"empty", nil, 3, 9, []gap{{3, 9}}},
		{"nothing asked for", []uint64{1}, 5, 4, nil},
		{"all there", []uint64{5, 6, 7}, 5, 7, nil},
		{"ends missing", []uint64{64}, 63, 65, []gap{{63, 63}, {65, 65}}},
		{"others around", []uint64{1, 2, 130, 200}, 100, 140, []gap{{100, 129}, {131, 140}}},
		{"a counter that went mad", []uint64{7}, 1, math.MaxUint64, []gap{{1, 6}, {8, math.MaxUint64}}},
		{"the greatest there", []uint64{math.MaxUint64}, math.MaxUint64 - 1, math.MaxUint64,
			[]gap{{math.MaxUint64 - 1, math.MaxUint64 - 1}}},
	} {
		var s Set
		for _, n := range tc.have {
			s.Set(n)
		}
		var got []gap
		for from, to := range s.Gaps(tc.first, tc.last) {
			got = append(got, gap{from, to})
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
}

// The gaps are the numbers that Has does not know.
func TestGapsAreWhatIsNotThere(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var s Set
		for range random.IntN(300) * random.IntN(20) {
			s.Set(random.Uint64N(500))
		}
		first, last := random.Uint64N(500), random.Uint64N(500)
		missing := map[uint64]bool{}
		for from, to := range s.Gaps(first, last) {
			for n := from; n <= to; n++ {
				missing[n] = true
			}
		}
		for n := range uint64(600) {
			if want := n >= first && n <= last && !s.Has(n); missing[n] != want {
				t.Fatalf("%d of %d to %d: got missing %t, want %t", n, first, last, missing[n], want)
			}
		}
	}
}

// However long a row gets, and though its numbers come a little out of order, it is kept as two ends.
func TestARowTakesNoMemory(t *testing.T) {
	var s Set
	const n = 100_000
	for i := uint64(1000); i < n; i += 10 {
		for _, j := range rand.Perm(10) {
			s.Set(i + uint64(j))
		}
	}
	if got := len(s.words); got > 2 || s.Len() != n-1000 {
		t.Errorf("got %d words for a row of %d, want its two ends", got, s.Len())
	}
	var gaps []uint64
	for from, to := range s.Gaps(990, n+10) {
		gaps = append(gaps, from, to)
	}
	if want := []uint64{990, 999, n, n + 10}; !slices.Equal(gaps, want) {
		t.Errorf("got gaps %d, want %d", gaps, want)
	}
	if !s.Set(50_000) || s.Has(999) || s.Has(n) || !s.Has(n-1) {
		t.Error("the row is not what was added to it")
	}
}
