package expect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// A Proportion claims that a share of the requests met one thing. Make it with Share, Status or Flag.
type Proportion struct {
	// kind tells which of the following is counted.
	kind    kind
	version string
	code    int
	flag    string
	percent float64
	// bound is 1 where the claim is of percent or more, -1 where it is of percent or less, 0 where it is of percent.
	bound  int
	cohort string
}

type kind int

const (
	byVersion kind = iota
	byStatus
	byFlag
)

// Share claims that version answers percent of all requests. Envoy's own answers count among all requests: a canary
// that gets its 10 % as 503s has a share of 0. Claims of 0 and of 100 are exact: one stray request fails them.
func Share(version string, percent float64) Proportion {
	return Proportion{kind: byVersion, version: version, percent: percent}
}

// Status claims that percent of all requests end with the HTTP status code, whoever answered. Code 0 is no answer.
func Status(code int, percent float64) Proportion {
	return Proportion{kind: byStatus, code: code, percent: percent}
}

// Flag claims that percent of all requests end with the HTTP status code and with Envoy's response flag. Several flags,
// such as "UF,URX", must all be set; others may be set too. "-" is an error that the app answered by itself.
func Flag(code int, flag string, percent float64) Proportion {
	return Proportion{kind: byFlag, code: code, flag: flag, percent: percent}
}

// AtLeast makes it a claim of that share or more, for what nobody can foretell to the percent, such as how much an overloaded service
// refuses. It passes if what was seen contradicts every smaller share, and fails if it contradicts every greater one. Claim well less
// than half of what is foreseen, or see to it that more than Need requests are waited for: a share of just twice the bound is
// inconclusive in one run of a hundred.
func (p Proportion) AtLeast() Proportion {
	p.bound = 1
	return p
}

// AtMost makes it a claim of that share or less, the other way around.
func (p Proportion) AtMost() Proportion {
	p.bound = -1
	return p
}

// Of limits the claim to the requests of one cohort.
func (p Proportion) Of(cohort string) Proportion {
	p.cohort = cohort
	return p
}

// Cohort implements Expectation.
func (p Proportion) Cohort() string { return p.cohort }

// Need implements Expectation: see Margin, Power and Stray. A claim of a bound needs so many that a share of twice as much (or of
// half as much, for AtMost) passes with probability Power.
func (p Proportion) Need() int {
	if p.bound != 0 {
		return bounded(p.percent, p.bound)
	}
	return requests(p.percent)
}

// String implements Expectation.
func (p Proportion) String() string {
	var what string
	switch p.kind {
	case byVersion:
		what = "answered by " + p.version
	case byStatus:
		what = "with status " + strconv.Itoa(p.code)
		if p.code == 0 {
			what = "without an answer"
		}
	case byFlag:
		what = fmt.Sprintf("with status %d and flag %s", p.code, p.flag)
	}
	amount := strconv.FormatFloat(p.percent, 'f', -1, 64) + " %"
	switch {
	case p.percent == 0:
		amount = "none"
	case p.bound > 0:
		amount = "at least " + amount
	case p.bound < 0:
		amount = "at most " + amount
	}
	return fmt.Sprintf("%s of %s %s", amount, whose(p.cohort), what)
}

// Check implements Expectation.
func (p Proportion) Check(o analysis.Observation) reports.Verdict {
	counts := o.Settled.Of(p.cohort)
	n := counts.Requests
	count, unknown := p.count(counts)
	seen := analysis.NewShare(count, n)
	low, high := Region(n, p.percent/100)
	v := reports.Verdict{Want: p.String(), Saw: seen.String(), Claim: &reports.Claim{
		Cohort: p.cohort, Subject: p.subject(), Percent: p.percent, Seen: seen, Low: low, High: high,
	}}
	if p.bound != 0 {
		p.checkBound(&v, o, unknown)
		return v
	}
	moved, known := counts.Dispersion[p.subject()]
	if known && moved.Moved() {
		// What follows from a binomial distribution is not to be said of it.
		v.Saw = fmt.Sprintf("%s of %s (%s %% on the whole, and it moved)", format.Number(count), format.Number(n), format.Percent(seen.Percent))
	}
	why, few := tooFew(o, n, p.Need())
	switch {
	case n > 0 && (count > high || count+unknown < low):
		v.Outcome = reports.Fail
		v.Why = p.contradiction(n, low, high)
	case few:
		v.Outcome, v.Why = reports.Inconclusive, why
	case count < low || count+unknown > high:
		v.Outcome = reports.Inconclusive
		v.Why = fmt.Sprintf("the access log has no entry for %s requests with status %d, so that their flag is not known",
			format.Number(unknown), p.code)
	case known && moved.Moved():
		v.Outcome = reports.Inconclusive
		v.Why = fmt.Sprintf("the share did not keep still: its ups and downs have a chi-square of %.0f with %d degrees of freedom, which chance gives once in %.1g cases",
			moved.ChiSquare, moved.Degrees, 1/max(moved.P, 1e-300))
	default:
		v.Outcome = reports.Pass
	}
	return v
}

// checkBound judges a claim of a bound. Whether the share kept still does not matter to it.
func (p Proportion) checkBound(v *reports.Verdict, o analysis.Observation, unknown int) {
	c := v.Claim
	n, count, low, high := c.Seen.Of, c.Seen.Count, c.Low, c.High
	amount := strconv.FormatFloat(p.percent, 'f', -1, 64)
	c.Bound = reports.AtLeast
	c.Low, c.High = high+1, n
	// The counts that contradict the claim, and the word for the shares that its truth excludes.
	contradicts, other := count+unknown < low, "less"
	if p.bound < 0 {
		c.Bound = reports.AtMost
		c.Low, c.High = 0, low-1
		contradicts, other = count > high, "more"
	}
	why, few := tooFew(o, n, p.Need())
	switch {
	case n > 0 && contradicts:
		v.Outcome = reports.Fail
		v.Why = fmt.Sprintf("a true share of %s %% gives %s to %s of %s requests in 19,999 of 20,000 runs", amount, format.Number(low), format.Number(high), format.Number(n))
	case few:
		v.Outcome, v.Why = reports.Inconclusive, why
	case count < c.Low || count+unknown > c.High:
		v.Outcome = reports.Inconclusive
		v.Why = fmt.Sprintf("a share of %s %% or %s is not excluded by so many", amount, other)
	default:
		v.Outcome = reports.Pass
	}
}

// Validate tells whether the claim makes sense.
func (p Proportion) Validate() error {
	switch {
	case p.bound != 0 && (p.percent <= 0 || p.percent >= 100):
		return fmt.Errorf("%q: a bound lies between 0 and 100 percent", p)
	case !(p.percent >= 0 && p.percent <= 100): // not a number is neither
		return fmt.Errorf("%q: a share is from 0 to 100 percent", p)
	case p.kind == byVersion && p.version == "":
		return fmt.Errorf("%q: name a version", p)
	case p.kind == byFlag && p.flag == "":
		return fmt.Errorf("%q: name a flag, or - for none", p)
	}
	return nil
}

// contradiction says what the claim would have allowed.
func (p Proportion) contradiction(n, low, high int) string {
	switch {
	case p.percent <= 0:
		return "not one was allowed"
	case p.percent >= 100:
		return "every one was wanted"
	}
	return fmt.Sprintf("a true share of %s %% gives %s to %s of %s requests in 19,999 of 20,000 runs",
		strconv.FormatFloat(p.percent, 'f', -1, 64), format.Number(low), format.Number(high), format.Number(n))
}

// subject is the claim's key among Counts.
func (p Proportion) subject() string {
	switch p.kind {
	case byVersion:
		return p.version
	case byStatus:
		return strconv.Itoa(p.code)
	default:
		return fmt.Sprintf("%d %s", p.code, analysis.FlagSet(flagList(p.flag)))
	}
}

// count is how many requests met what is claimed, and how many may have: those whose flag is not known.
func (p Proportion) count(c analysis.Counts) (count, unknown int) {
	switch p.kind {
	case byVersion:
		return c.Versions[p.version], 0
	case byStatus:
		return c.Codes[p.code], 0
	}
	for _, f := range c.Failures {
		switch {
		case f.Code != p.code:
		case hasFlags(f.Flag, p.flag):
			count += f.Count
		case f.Flag == analysis.NotLogged:
			unknown += f.Count
		}
	}
	return count, unknown
}

// hasFlags tells whether the set of flags has all the wanted ones.
func hasFlags(set, wanted string) bool {
	flags := strings.Split(set, ",")
	for _, flag := range flagList(wanted) {
		if !slices.Contains(flags, flag) {
			return false
		}
	}
	return true
}

// flagList takes "UF, URX" apart.
func flagList(flags string) []string {
	list := strings.Split(flags, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}
