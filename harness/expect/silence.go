package expect

import (
	"fmt"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// A Silence claims that a version is left alone. Make it with Untouched.
type Silence struct{ version string }

// Untouched claims that no request reaches version while the phase is settled: no caller got an answer from it, and
// where its counter was read at both ends, it did not move by more than the requests that were under way to it when the phase settled. The
// counter also shows requests whose answers were lost.
func Untouched(version string) Silence { return Silence{version: version} }

// Cohort implements Expectation.
func (Silence) Cohort() string { return "" }

// Need implements Expectation: enough to see a version that gets 1 % of the requests.
func (Silence) Need() int { return requests(0) }

// String implements Expectation.
func (s Silence) String() string { return "no request reaches " + s.version }

// Check implements Expectation.
func (s Silence) Check(o analysis.Observation) reports.Verdict {
	counts := o.Settled.Total
	answers := counts.Versions[s.version]
	received, read := o.Received[s.version]
	v := reports.Verdict{Want: s.String()}
	v.Saw = fmt.Sprintf("%s answers from it to %s requests", format.Number(answers), format.Number(counts.Requests))
	if read {
		v.Saw += fmt.Sprintf(", its own counter moved by %s", format.Number(int(received)))
	}
	underWay := o.UnderWay[s.version]
	if underWay > 0 {
		v.Saw += fmt.Sprintf(" (%s sent before were not done when it was read)", format.Number(underWay))
	}
	why, few := tooFew(o, counts.Requests, s.Need())
	switch {
	case answers > 0:
		v.Outcome, v.Why = reports.Fail, s.version+" answered requests"
	case received > uint64(underWay):
		v.Outcome, v.Why = reports.Fail, s.version+" received requests that it was not seen to answer"
	case few:
		v.Outcome, v.Why = reports.Inconclusive, why
	default:
		v.Outcome = reports.Pass
	}
	return v
}
