package bitset

import "testing"

func TestSet(t *testing.T) {
	var s Set
	for i, step := range []struct {
		n   uint64
		was bool
		len int
	}{
		{0, false, 1}, {0, true, 1}, {63, false, 2}, {64, false, 3}, {10_000, false, 4}, {64, true, 4},
		{Max + 1, true, 4}, {1 << 63, true, 4},
	} {
		if was := s.Set(step.n); was != step.was || s.Len() != step.len {
			t.Errorf("step %d: got %t and %d numbers after %d, want %t and %d", i, was, s.Len(), step.n, step.was,
				step.len)
		}
	}
	for n, want := range map[uint64]bool{
		0: true, 1: false, 63: true, 64: true, 65: false, 10_000: true, 1 << 40: false,
	} {
		if got := s.Has(n); got != want {
			t.Errorf("%d: got %t, want %t", n, got, want)
		}
	}
}
