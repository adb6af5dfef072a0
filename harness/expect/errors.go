package expect

import (
	"fmt"
	"strings"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// isError tells whether a status is an error: none at all, or one of 400 or above.
func isError(code int) bool { return code == 0 || code >= 400 }

// errorsIn counts the requests that met an error.
func errorsIn(c analysis.Counts) int {
	failed := 0
	for code, n := range c.Codes {
		if isError(code) {
			failed += n
		}
	}
	return failed
}

// listErrors lists the errors that were met, but for some.
func listErrors(c analysis.Counts, but func(analysis.Failure) bool) string {
	var all []string
	for _, f := range c.Failures {
		if isError(f.Code) && (but == nil || !but(f)) {
			all = append(all, fmt.Sprintf("%s × %s", f.Key(), format.Number(f.Count)))
		}
	}
	return strings.Join(all, ", ")
}
