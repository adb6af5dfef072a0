package analysis

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/canarylab/canarylab/reports/format"
)

// Spread is the least, the median (of an even number the lower of the two in the middle) and the greatest of at
// least one.
func Spread[T cmp.Ordered](all []T) (low, middle, high T) {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[0], sorted[(len(sorted)-1)/2], sorted[len(sorted)-1]
}

// SpreadInWords is the median of at least one, and the range: "12 (5 – 31)".
func SpreadInWords[T cmp.Ordered](all []T, show func(T) string) string {
	low, middle, high := Spread(all)
	return fmt.Sprintf("%s (%s)", show(middle), format.Range(show(low), show(high)))
}
