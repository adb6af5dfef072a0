package expect

import "testing"

func TestOnlyErrors(t *testing.T) {
	holds(t, "only-errors", []judged{
		{"only UH", OnlyErrors(503, "UH"), v1(1800, uh(200)), pass, ""},
		{"only UH, another flag", OnlyErrors(503, "UH"), v1(1800, uh(200), app(1)), fail, "503 - × 1"},
		{"only UH, another status", OnlyErrors(503, "UH"), v1(1800, uh(200), noRoute(1)), fail, "404 NR × 1"},
		{"only UH, delayed is no error", OnlyErrors(503, "UH"), v1(1800, uh(200), delayed(1)), pass, ""},
		{"only UH, no errors", OnlyErrors(503, "UH"), split(2000, 0), inconclusive, "nothing to tell from"},
		{
			"only UH, one not known", OnlyErrors(503, "UH"), v1(1800, uh(200), unlogged(1)), inconclusive,
			"no entry for 1 of the errors",
		},
		{"only UH, too few", OnlyErrors(503, "UH"), v1(90, uh(10)), inconclusive, "too few"},
		{"only UH, no data", OnlyErrors(503, "UH"), split(0, 0), inconclusive, ""},
	})
}
