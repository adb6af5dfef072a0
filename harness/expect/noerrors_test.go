package expect

import "testing"

func TestNoErrors(t *testing.T) {
	holds(t, "no-errors", []judged{
		{"no errors", NoErrors(), split(1900, 100), pass, ""},
		{"no errors, one", NoErrors(), v1(2000, uh(1)), fail, "503 UH × 1"},
		{"no errors, one of few", NoErrors(), v1(2, uh(1)), fail, "503 UH × 1"},
		{"no errors, 404", NoErrors(), v1(2000, noRoute(3)), fail, "404 NR × 3"},
		{"no errors, delayed is none", NoErrors(), v1(2000, delayed(100)), pass, ""},
		{"no errors, too few", NoErrors(), split(500, 0), inconclusive, "too few"},
		{"no errors, no data", NoErrors(), split(0, 0), inconclusive, ""},
		{"no errors of a cohort", NoErrors().Of("gamma"), v1(2000, uh(1)), inconclusive, ""},
	})
}
