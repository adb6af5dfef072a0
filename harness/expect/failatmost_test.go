package expect

import "testing"

func TestFailAtMost(t *testing.T) {
	three := counts(map[string]int{"v1": 97}, uh(3))
	holds(t, "fail-at-most", []judged{
		{"as many", FailAtMost(3), changing(split(1900, 100), three), pass, ""},
		{"as many in both parts", FailAtMost(5), changing(v1(2000, uh(2)), three), pass, ""},
		{"one more in both", FailAtMost(4), changing(v1(2000, uh(2)), three), fail, "UH × 3, and then 503 UH × 2"},
		{"one more in transition", FailAtMost(2), changing(split(1900, 100), three), fail, "503 UH × 3"},
		{"too many, and never settled", FailAtMost(2), unsettled(three), fail, "503 UH × 3"},
		{"never settled", FailAtMost(3), unsettled(three), inconclusive, "not seen to arrive"},
		{"too few", FailAtMost(3), changing(split(20, 0), three), inconclusive, "too few"},
		{"of a cohort", FailAtMost(2).Of("beta"), changing(split(1900, 100), three), fail, "503 UH × 3"},
		{"of another", FailAtMost(2).Of("gamma"), changing(split(1900, 100), three), inconclusive, ""},
	})
}
