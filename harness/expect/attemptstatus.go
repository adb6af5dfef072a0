package expect

import (
	"fmt"
	"strconv"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// AttemptStatus claims that percent of the attempts at the pods of version end with the HTTP status code there,
// whatever the callers got in the end. It is what the canary's own metrics show. Code 0 is an attempt that was given up
// before it had an answer.
func AttemptStatus(version string, code int, percent float64) attemptStatus {
	return attemptStatus{version, code, percent}
}

type attemptStatus struct {
	version string
	code    int
	percent float64
}

// Cohort implements Expectation.
func (attemptStatus) Cohort() string { return "" }

// least is how many attempts the claim needs: so many that half of the share, or one and a half times as much, is
// caught with probability Power. A claim of none or of all catches a tenth with probability 1-FalseAlarm.
func (a attemptStatus) least() int {
	if a.percent <= 0 || a.percent >= 100 {
		return showing(0.1)
	}
	p := a.percent / 100
	margin := min(p, 1-p) / 2
	n := 10
	for !tells(n, p, margin) {
		n += max(n/100, 1)
	}
	return n
}

// Need implements Expectation: enough that a version with a tenth of them has the attempts that it takes.
func (a attemptStatus) Need() int { return asked(a.least()) }

// String implements Expectation.
func (a attemptStatus) String() string {
	end := "end with status " + strconv.Itoa(a.code)
	if a.code == 0 {
		end = "are given up without an answer"
	}
	return fmt.Sprintf("%s of the attempts at pods of %s %s", amountOf(a.percent), a.version, end)
}

// Requires tells that attempts have to be counted.
func (attemptStatus) Requires() Requirement { return Requirement{Attempts: true} }

// Validate tells whether the claim makes sense.
func (a attemptStatus) Validate() error {
	if a.version == "" || a.code != 0 && (a.code < 100 || a.code > 599) || !(a.percent >= 0 && a.percent <= 100) {
		return fmt.Errorf("%q: name a version, a status or 0, and a share from 0 to 100 percent", a)
	}
	return nil
}

// Check implements Expectation.
func (a attemptStatus) Check(o analysis.Observation) reports.Verdict {
	seen := o.Settled.Total.Attempts[a.version]
	n, count := seen.Attempts, seen.Codes[a.code]
	low, high := Region(n, a.percent/100)
	share := analysis.NewShare(count, n)
	v := reports.Verdict{Kind: "attempt-status", Want: a.String(), Saw: share.String()}
	why, few := tooFewOf(o, "attempts are too few", n, a.least())
	switch {
	case n > 0 && (count < low || count > high):
		return fails(v, allowed(exactly(a.percent), low, high, n, "attempts"))
	case few:
		return unsure(v, why)
	}
	return passes(v)
}

func (a attemptStatus) offByHalf() (half Expectation, ok bool) {
	return attemptStatus{a.version, a.code, a.percent / 2}, a.percent > 0
}

// What the app answers an attempt does not depend on when the request was sent. Whether it is given up does.
func (a attemptStatus) rests(reports.Verdict, circumstances) footing {
	return footing{onTime: a.code == 0}
}

func (a attemptStatus) about() string { return a.version }

func (a attemptStatus) record() Record {
	return Record{Kind: "attempt-status", Version: a.version, Code: a.code, Percent: a.percent}
}

var _ = recorded("attempt-status", func(r Record) Expectation { return AttemptStatus(r.Version, r.Code, r.Percent) })
