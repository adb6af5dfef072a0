package text

import (
	"cmp"
	"io"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
)

// WriteSummaries prints runs for a terminal, width columns wide (0 means 100).
func WriteSummaries(w io.Writer, all []reports.Summary, o Options) error {
	p, all := newPage(o), format.PrintableCopy(all)
	name := 0
	for _, s := range all {
		name = max(name, terminal.Cells(s.Scenario))
	}
	for _, s := range all {
		sign := signs[s.Outcome]
		facts := format.Join(" · ", string(s.Outcome), format.Named("rollback", s.RollbackTimes()),
			format.Plural(s.Burned, "failed request", "failed requests"), format.Short(s.Took))
		p.Line("%s %s  %s", p.Paint(sign.color, cmp.Or(sign.mark, "!")),
			p.Paint(terminal.Bold, terminal.Pad(s.Scenario, name)), facts)
		p.Para("    claimed  ", "", s.Claimed)
		p.Para("    seen     ", "", s.Seen)
	}
	_, err := w.Write(p.Bytes())
	return err
}
