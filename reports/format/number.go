package format

import "strconv"

// Percent prints a percentage without its sign, with as many digits as keep it from looking like 0 or 100 when it is
// not: "5.1", "99.98", "0".
func Percent(p float64) string {
	digits := 1
	switch edge := min(p, 100-p); {
	case edge <= 0:
		digits = 0
	case edge < 0.01:
		digits = 4
	case edge < 1:
		digits = 2
	}
	return strconv.FormatFloat(p, 'f', digits, 64)
}

// Number prints a count with its thousands apart: "5,000".
func Number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
