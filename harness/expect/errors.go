package expect

import (
	"fmt"
	"strings"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// failed counts the requests that failed.
func failed(c analysis.Counts) int { return c.Failed.Count }

// failures counts the failures that are of a sort.
func failures(c analysis.Counts, of func(analysis.Failure) bool) int {
	n := 0
	for _, f := range c.Failures {
		if of(f) {
			n += f.Count
		}
	}
	return n
}

// listErrors lists the errors that were met, but for some.
func listErrors(c analysis.Counts, but func(analysis.Failure) bool) string {
	var all []string
	for _, f := range c.Failures {
		if f.Failed() && (but == nil || !but(f)) {
			all = append(all, fmt.Sprintf("%s × %s", f.Key(), format.Number(f.Count)))
		}
	}
	return strings.Join(all, ", ")
}
