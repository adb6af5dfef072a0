package reports

import (
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// A Summary is a run in one line.
type Summary struct {
	Scenario string  `json:"scenario"`
	Outcome  Outcome `json:"outcome"`
	// Claimed and Seen are the story's point: the first claim about the phase that is marked as such, or about
	// the one that breaks, or about the last one. Where the run does not pass, it is the first verdict that
	// does not.
	Claimed string `json:"claimed"`
	Seen    string `json:"seen"`
	// Rollbacks are the route times of the run's rollbacks that were effective, in order. Burned counts the
	// requests that failed in all of the run: the sum of its phases' Failures, and Accounting.OutsideFailed.
	Rollbacks []time.Duration `json:"rollbacksNs,omitempty"`
	Burned    int             `json:"burned"`
	Took      time.Duration   `json:"tookNs"`
	// Dir is the run's folder.
	Dir string `json:"dir,omitempty"`
}

// Summarize makes a report's Summary, without Dir.
func Summarize(r *Report) Summary {
	s := Summary{Scenario: r.Scenario, Outcome: r.Outcome, Took: r.Took}
	_, v, _ := Point(r)
	s.Claimed, s.Seen = v.Want, v.Saw
	if r.Broken != "" {
		s.Seen = r.Broken
	} else if r.Outcome == Invalid && !r.Accounting.Balanced() {
		s.Claimed, s.Seen = "every request is accounted for", said(r).String()
	}
	s.Burned = r.Accounting.OutsideFailed
	for _, p := range r.Phases {
		s.Burned += p.Failed().Sum()
		if b := p.Observation.Rollback; b != nil && b.Recovered() {
			s.Rollbacks = append(s.Rollbacks, b.Route)
		}
	}
	return s
}

// Point is the verdict that a run comes to, which is what a Summary shows, with its phase's name. It is not ok
// where there is none.
func Point(r *Report) (phase string, v Verdict, ok bool) {
	rank := 0
	for _, p := range r.Phases {
		// Proofs come first; claims about requests say more.
		main := slices.IndexFunc(p.Verdicts, func(v Verdict) bool { return !v.Proof })
		for i, candidate := range p.Verdicts {
			n := 0
			switch {
			case candidate.Outcome != Pass:
				n = 4
			case i != max(main, 0):
				continue
			case p.Point:
				n = 3
			case p.Breaks:
				n = 2
			default:
				n = 1
			}
			// The first of a rank counts, and the last of those that are nothing special.
			if n > rank || n == 1 && rank == 1 {
				rank, phase, v = n, p.Name, candidate
			}
		}
	}
	return phase, v, rank > 0
}

// RollbackTimes are the rollback times for a table: the median and the range where there are more than three.
func (s Summary) RollbackTimes() string {
	var all []string
	for _, d := range s.Rollbacks {
		all = append(all, format.Short(d))
	}
	if len(all) > 3 {
		return analysis.SpreadInWords(s.Rollbacks, format.Short)
	}
	return strings.Join(all, ", ")
}
