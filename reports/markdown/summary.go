package markdown

import (
	"fmt"
	"io"
	"strings"

	"github.com/canarylab/canarylab/reports"
)

// Summary writes several runs as one table.
func Summary(w io.Writer, all []reports.Summary) error {
	b := &strings.Builder{}
	b.WriteString("| scenario | claimed | seen | verdict | rollback | took |\n|---|---|---|---|---|---|\n")
	for _, s := range all {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %.0f s |\n", code(s.Scenario, true), cell(s.Claimed), cell(s.Seen),
			cell(string(s.Outcome)), s.RollbackTimes(), s.Took.Seconds())
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	return nil
}
