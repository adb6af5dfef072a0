package format

import (
	"fmt"
	"math"
	"time"
)

// Milliseconds is d in milliseconds.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// FromMilliseconds is a duration of f milliseconds.
func FromMilliseconds(f float64) time.Duration {
	return time.Duration(math.Round(f * float64(time.Millisecond)))
}

// Short prints a duration with three digits that matter: "0.96 ms", "131 ms", "12.3 s", "2m05s".
func Short(d time.Duration) string {
	switch {
	case d < 0:
		// The smallest duration has no positive counterpart.
		return "-" + Short(-max(d, -math.MaxInt64))
	case d == 0:
		return "0 ms"
	case d < 9995*time.Microsecond:
		return fmt.Sprintf("%.2f ms", Milliseconds(d))
	case d < 99950*time.Microsecond:
		return fmt.Sprintf("%.1f ms", Milliseconds(d))
	case d < 999500*time.Microsecond:
		return fmt.Sprintf("%.0f ms", Milliseconds(d))
	case d < 9995*time.Millisecond:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < 59950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	s := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%dm%02ds", s/60, s%60)
}
