package sampleapp

import (
	"net/http"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// region returns the central region that a binomial leaves with a chance of alpha at most.
func region(n int, p, alpha float64) (low, high int) {
	b := distuv.Binomial{N: float64(n), P: p}
	sure := func(from, to int, is func(int) bool) int {
		for from < to {
			if mid := (from + to) / 2; is(mid) {
				to = mid
			} else {
				from = mid + 1
			}
		}
		return from
	}
	low = sure(0, n, func(k int) bool { return b.CDF(float64(k)) > alpha/2 })
	high = sure(0, n, func(k int) bool { return 1-b.CDF(float64(k)) <= alpha/2 })
	return low, high
}

// 15 % means 15 %. Each seed's requests are within the exact region of the binomial, and so are all of them
// together. Seeds differ from each other as much as by chance, which a fault of every seventh request would
// not.
func TestRatesAreWhatTheySay(t *testing.T) {
	const seeds, each = 200, 10_000
	const rate = 0.15
	isError := func(is fate) bool { return is.ending == answers && is.code == 500 }
	isClose := func(is fate) bool { return is.ending == closes }
	isReset := func(is fate) bool { return is.ending == resets }
	for _, tc := range []struct {
		name   string
		faults Faults
		header []string
		is     func(fate) bool
	}{
		{"errors", Faults{ErrorRate: rate, ErrorCode: 500}, nil, isError},
		{"closes", Faults{CloseRate: rate}, nil, isClose},
		{"resets", Faults{ResetRate: rate}, nil, isReset},
		// It is a share of all requests, not of those that another knob left over.
		{"errors beside others", Faults{ErrorRate: rate, ErrorCode: 500, CloseRate: 0.5, ResetRate: 0.3}, nil, isError},
		{"closes beside others", Faults{ErrorRate: 0.5, CloseRate: rate, ResetRate: 0.3}, nil, isClose},
		{"resets beside others", Faults{ErrorRate: 0.5, CloseRate: 0.3, ResetRate: rate}, nil, isReset},
		{"errors by header", Faults{ErrorRate: 0.5}, []string{"errorRate=0.15,errorCode=500"}, isError},
	} {
		seeds, each := seeds, each
		if tc.header != nil {
			each /= 10 // each is parsed
		}
		low, high := region(each, rate, 1e-6)
		low95, high95 := region(each, rate, 0.05)
		total, outside := 0, 0
		for seed := range seeds {
			i := newInjector(tc.faults, uint64(seed+1))
			n := 0
			for range each {
				is, err := i.next(tc.header)
				if err != nil {
					t.Fatal(err)
				}
				if tc.is(is) {
					n++
				}
			}
			if n < low || n > high {
				t.Errorf("%s, seed %d: got %d of %d, want %d to %d", tc.name, seed+1, n, each, low, high)
			}
			if total += n; n < low95 || n > high95 {
				outside++
			}
		}
		if low, high := region(seeds*each, rate, 1e-6); total < low || total > high {
			t.Errorf("%s, all seeds: got %d of %d, want %d to %d", tc.name, total, seeds*each, low, high)
		}
		b := distuv.Binomial{N: float64(each), P: rate}
		chance := 1 - (b.CDF(float64(high95)) - b.CDF(float64(low95-1)))
		if low, high := region(seeds, chance, 1e-4); outside < low || outside > high {
			t.Errorf("%s: got %d of %d seeds outside %d to %d, want %d to %d of them", tc.name, outside, seeds, low95,
				high95, low, high)
		}
	}
}

func TestRatesOfNoneAndAll(t *testing.T) {
	for _, tc := range []struct {
		faults Faults
		want   fate
	}{
		{Faults{}, fate{code: 200}},
		{Faults{ErrorRate: 1}, fate{code: 503}},
		{Faults{CloseRate: 1}, fate{code: 200, ending: closes}},
		{Faults{ResetRate: 1, Latency: time.Second}, fate{code: 200, ending: resets, delay: time.Second}},
	} {
		i := newInjector(tc.faults, 1)
		for range 10_000 {
			if got, err := i.next(nil); err != nil || got != tc.want {
				t.Fatalf("%+v: got %+v, %v, want %+v every time", tc.faults, got, err, tc.want)
			}
		}
	}
}

func TestCodesAreDrawnEvenly(t *testing.T) {
	const n = 100_000
	got := map[int]int{}
	i := newInjector(Faults{ErrorRate: 0.5, ErrorCodes: Codes{500, 502, 503, 503}}, 1)
	for range n {
		is, err := i.next(nil)
		if err != nil {
			t.Fatal(err)
		}
		got[is.code]++
	}
	for code, p := range map[int]float64{200: 0.5, 500: 0.125, 502: 0.125, 503: 0.25} {
		if low, high := region(n, p, 1e-6); got[code] < low || got[code] > high {
			t.Errorf("%d: got %d of %d, want %d to %d", code, got[code], n, low, high)
		}
	}
	if len(got) != 4 {
		t.Errorf("got the codes %v, want 200, 500, 502 and 503", got)
	}
}

// fates returns the fates of 200 requests. before is called with the number of each.
func fates(t *testing.T, i *injector, before func(n int)) []fate {
	t.Helper()
	var all []fate
	for n := range 200 {
		before(n)
		is, err := i.next(nil)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, is)
	}
	return all
}

func equal(a, b []fate, same func(x, y fate) bool) bool {
	for i := range a {
		if !same(a[i], b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}

func TestEqualSeedsChooseAlike(t *testing.T) {
	f := Faults{
		ErrorRate: 0.3, ErrorCodes: Codes{500, 503}, CloseRate: 0.2, Latency: time.Second,
		Jitter: 10 * time.Millisecond,
	}
	nothing := func(int) {}
	whole := func(x, y fate) bool { return x == y }
	draw := func(seed uint64) []fate { return fates(t, newInjector(f, seed), nothing) }
	if !equal(draw(7), draw(7), whole) {
		t.Error("seed 7 twice: got different choices, want equal ones")
	}
	if equal(draw(7), draw(8), whole) || equal(draw(0), draw(0), whole) {
		t.Error("seeds 7 and 8, or random ones: got equal choices, want different ones")
	}

	// Requests with faults of their own, rejected ones too, do not change the pod's sequence.
	i := newInjector(f, 7)
	if !equal(draw(7), fates(t, i, func(n int) {
		if n%3 == 0 {
			if _, err := i.next([]string{"errorRate=0.5,jitter=1s"}); err != nil {
				t.Fatal(err)
			}
			if _, err := i.next([]string{"nonsense"}); err == nil {
				t.Error("nonsense: got no error")
			}
		}
	}), whole) {
		t.Error("with faults by header in between: got different choices, want equal ones")
	}

	// Other knobs do not change a choice, also when they are turned on half way.
	only := Faults{ErrorRate: 0.3, ErrorCodes: Codes{500, 503}}
	plain := newInjector(only, 7)
	if !equal(draw(7), fates(t, plain, func(n int) {
		if n == 100 {
			plain.set(f)
		}
	}), func(x, y fate) bool {
		return (x.ending == answers && x.code != 200) == (y.ending == answers && y.code != 200) &&
			(x.code == 200 || x.code == y.code)
	}) {
		t.Error("without closes and delays: got other errors, want the same ones")
	}
	other := f
	other.Distribution, other.ErrorRate, other.CloseRate = Normal, 0, 0
	long := Normal.delay(0.5, f.Jitter)
	if !equal(draw(7), fates(t, newInjector(other, 7), nothing), func(x, y fate) bool {
		return (x.delay-f.Latency > f.Jitter/2) == (y.delay-f.Latency > long)
	}) {
		t.Error("another distribution: got other requests delayed much, want the same ones")
	}
}

// A healthy request needs no memory for the header.
func TestHealthyRequestsAllocateNothing(t *testing.T) {
	i := newInjector(Faults{ErrorRate: 0.15, ErrorCodes: Codes{500, 503}, Jitter: time.Second, Distribution: Normal}, 1)
	header := http.Header{"X-Request-Id": {"1"}}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := i.next(header[FaultsHeader]); err != nil {
			t.Fatal(err)
		}
		if i.limiter.acquire(t.Context()) == admitted {
			i.limiter.release()
		}
	}); n != 0 {
		t.Errorf("got %v allocations for each request, want none", n)
	}
}
