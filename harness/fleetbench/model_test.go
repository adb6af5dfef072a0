package fleetbench

import (
	"errors"
	"testing"
	"time"
)

func TestFitFindsTheModelThatMadeThePoints(t *testing.T) {
	want := Model{
		Wait: 110 * time.Millisecond, PerService: 50 * time.Microsecond, PerProxy: 300 * time.Microsecond,
		PerPair: 700 * time.Nanosecond,
	}
	var points []Point
	for _, proxies := range []int{10, 100, 1000} {
		for _, services := range []int{1, 100, 1000} {
			p := Point{Proxies: proxies, Services: services, Processors: 2}
			p.Last = want.At(p)
			points = append(points, p)
		}
	}
	got, err := Fit(points)
	if err != nil {
		t.Fatal(err)
	}
	unused := Point{Proxies: 500, Services: 300, Processors: 1}
	if a, b := got.At(unused), want.At(unused); (a - b).Abs() > time.Millisecond {
		t.Errorf("got %s (%s) for a point that was not used, want %s (%s)", a, got, b, want)
	}
}

// Where a term has no part in it, noise must not make it a negative one.
func TestNoCoefficientIsNegative(t *testing.T) {
	var points []Point
	for i, last := range []time.Duration{100, 101, 99, 100, 98, 97} {
		points = append(points, Point{
			Proxies: 10 * (i + 1), Services: 1 + i*i, Processors: 1, Last: last * time.Millisecond,
		})
	}
	got, err := Fit(points)
	if err != nil || min(got.Wait, got.PerService, got.PerProxy, got.PerPair) < 0 {
		t.Errorf("got %+v (%v), want no negative coefficient", got, err)
	}
	if got.Wait < 90*time.Millisecond {
		t.Errorf("got a wait of %s, want some 100 ms", got.Wait)
	}
}

func TestFitWantsPoints(t *testing.T) {
	if _, err := Fit(make([]Point, 3)); !errors.Is(err, ErrFewPoints) {
		t.Errorf("got %v, want ErrFewPoints", err)
	}
}

// By the binomial distribution, of 10 values the 2nd to the 9th are the median's interval at 97.9 %, and the 3rd to the
// 8th at 89.1 %.
func TestMedianOf(t *testing.T) {
	var values []time.Duration
	for i := range 10 {
		values = append(values, time.Duration(10-i)*time.Second)
	}
	if got, want := MedianOf(values), (Median{5500 * time.Millisecond, 2 * time.Second, 9 * time.Second}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := MedianOf(values[:3]), (Median{9 * time.Second, 8 * time.Second, 10 * time.Second}); got != want {
		t.Errorf("got %v of three, want %v", got, want)
	}
	if got := MedianOf(nil); got != (Median{}) {
		t.Errorf("got %v of none", got)
	}
}
