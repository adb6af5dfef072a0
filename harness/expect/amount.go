package expect

import (
	"fmt"
	"strconv"

	"github.com/canarylab/canarylab/reports/format"
)

// allowed says which counts of n a claim of a share allows. amount is the share in percent, and what is counted.
func allowed(amount string, low, high, n int, what string) string {
	return fmt.Sprintf("a true share of %s %% gives %s to %s of %s %s in 19,999 of 20,000 runs", amount,
		format.Number(low), format.Number(high), format.Number(n), what)
}

// exactly writes a number without the zeros behind it.
func exactly(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// amountOf is a claimed share for people: "10 %", or "none".
func amountOf(percent float64) string {
	if percent == 0 {
		return "none"
	}
	return exactly(percent) + " %"
}
