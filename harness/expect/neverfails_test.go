package expect

import "testing"

func TestNeverFails(t *testing.T) {
	well := counts(map[string]int{"v1": 100})
	one := counts(map[string]int{"v1": 99}, uh(1))
	holds(t, "never-fails", []judged{
		{"none", NeverFails(), changing(split(1900, 100), well), pass, ""},
		{"none of a cohort", NeverFails().Of("beta"), changing(split(1900, 100), well), pass, ""},
		{"no transition", NeverFails(), split(1900, 100), pass, ""},
		{"one in transition", NeverFails(), changing(split(1900, 100), one), fail, "503 UH × 1"},
		{"one once settled", NeverFails(), changing(v1(2000, noRoute(1)), well), fail, "404 NR × 1"},
		{"both", NeverFails(), changing(v1(2000, noRoute(1)), one), fail, "503 UH × 1, and then 404 NR × 1"},
		{"one, and never settled", NeverFails(), unsettled(one), fail, "503 UH × 1"},
		{"none, and never settled", NeverFails(), unsettled(well), inconclusive, "not seen to arrive"},
		{"one of few", NeverFails(), changing(split(20, 0), one), fail, "503 UH × 1"},
		{"few once settled", NeverFails(), changing(split(20, 0), counts(map[string]int{"v1": 9000})), inconclusive,
			"20 requests are too few"},
		{"flagged is no failure", NeverFails(), changing(v1(2000, delayed(3)), well), pass, ""},
		{"another cohort's", NeverFails().Of("gamma"), changing(split(1900, 100), one), inconclusive, ""},
	})
}
