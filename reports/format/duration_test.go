package format

import (
	"math"
	"testing"
	"time"
)

func TestShort(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0 ms": 0, "0.96 ms": 960 * time.Microsecond, "9.99 ms": 9994 * time.Microsecond,
		"10.0 ms": 9995 * time.Microsecond,
		"99.9 ms": 99949 * time.Microsecond, "100 ms": 99950 * time.Microsecond, "131 ms": 131 * time.Millisecond,
		"1.00 s": 999600 * time.Microsecond, "12.3 s": 12340 * time.Millisecond, "1m00s": 59950 * time.Millisecond,
		"2m05s": 125 * time.Second, "-20.0 ms": -20 * time.Millisecond,
		"-153722867m16s": math.MinInt64,
	} {
		if got := Short(d); got != want {
			t.Errorf("short(%v): got %q, want %q", d, got, want)
		}
	}
}
