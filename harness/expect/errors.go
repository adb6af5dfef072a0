package expect

import (
	"fmt"
	"strings"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// errorsIn counts the requests that met an error.
func errorsIn(c analysis.Counts) int {
	failed := 0
	for code, n := range c.Codes {
		if loadgen.Failed(code) {
			failed += n
		}
	}
	return failed
}

// listErrors lists the errors that were met, but for some.
func listErrors(c analysis.Counts, but func(analysis.Failure) bool) string {
	var all []string
	for _, f := range c.Failures {
		if loadgen.Failed(f.Code) && (but == nil || !but(f)) {
			all = append(all, fmt.Sprintf("%s × %s", f.Key(), format.Number(f.Count)))
		}
	}
	return strings.Join(all, ", ")
}
