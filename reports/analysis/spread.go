package analysis

import (
	"cmp"
	"slices"
)

// Spread is the least, the median (of an even number the lower of the two in the middle) and the greatest of at
// least one.
func Spread[T cmp.Ordered](all []T) (low, middle, high T) {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[0], sorted[(len(sorted)-1)/2], sorted[len(sorted)-1]
}
