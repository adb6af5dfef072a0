package judge

import (
	"encoding/json"
	"fmt"

	"github.com/canarylab/canarylab/reports"
)

// Unseen is the report of a run of which nothing was seen yet, by the draft in its trace (the Data of a trace.Draft):
// its phases, with all that is claimed.
func Unseen(draft json.RawMessage) (*reports.Report, error) {
	var d Draft
	if err := json.Unmarshal(draft, &d); err != nil {
		return nil, fmt.Errorf("read a draft of a report: %w", err)
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("read a draft of a report: it is of no run: %w", err)
	}
	return d.Unseen(), nil
}
