package reports

import "github.com/canarylab/canarylab/reports/format"

// Failed counts the requests of a phase that failed, by loadgen.Failed: those that were sent while its change was on
// its way, and those that were sent once it had arrived. All formats show both.
type Failed struct{ Transition, Settled int }

// Failed counts the phase's failed requests.
func (p Phase) Failed() Failed {
	o := p.Observation
	return Failed{o.Transition.Total.Failed.Count, o.Settled.Total.Failed.Count}
}

// Sum is all of them.
func (f Failed) Sum() int { return f.Transition + f.Settled }

// String is both for a table, such as "8 + 0"; "none" where there is none.
func (f Failed) String() string {
	if f == (Failed{}) {
		return "none"
	}
	return format.Number(f.Transition) + " + " + format.Number(f.Settled)
}

// FailedInWords says what a run's failed requests add up to, below a table that has Failed for each phase. It is empty
// where none failed.
func FailedInWords(r *Report) string {
	all := Summarize(r).Burned
	if all == 0 {
		return ""
	}
	text := "failed: while the change arrived + once it had; " + format.Number(all) + " in all"
	if n := r.Accounting.OutsideFailed; n > 0 {
		text += ", " + format.Number(n) + " of them outside of every phase"
	}
	return text
}
