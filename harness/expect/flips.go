package expect

import (
	"fmt"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// Flips claims that of two requests in a row of one of the cohort's virtual users, two versions answer percent of the
// pairs. A split that deals out each request by itself flips 2w(1-w) of them, where the canary has the share w; one
// that goes by the user flips none. It is conclusive once it saw so many users, each with a pair at least.
func Flips(cohort string, users int, percent float64) flips { return flips{cohort, users, percent} }

type flips struct {
	cohort  string
	users   int
	percent float64
}

// Cohort implements Expectation.
func (f flips) Cohort() string { return f.cohort }

// Need implements Expectation. Users send in turns, so that within three turns each has sent both requests of a pair;
// and there are enough pairs for the share.
func (f flips) Need() int { return max(3*f.users, 2*f.pairs()+f.users) }

// pairs is how many the claim needs: as AttemptStatus, it tells half of its share from all of it.
func (f flips) pairs() int { return attemptStatus{percent: f.percent}.least() }

// String implements Expectation.
func (f flips) String() string {
	return fmt.Sprintf("%s of the pairs of requests in a row of one user of %s are answered by two versions, among %s "+
		"users or more", amountOf(f.percent), f.cohort, format.Number(f.users))
}

// Validate tells whether the claim makes sense.
func (f flips) Validate() error {
	if f.cohort == "" || f.users < 1 || !(f.percent >= 0 && f.percent <= 100) {
		return fmt.Errorf("%q: name a cohort, how many users, and a share from 0 to 100 percent", f)
	}
	return nil
}

// Requires tells that the cohort has to have so many users.
func (f flips) Requires() Requirement { return Requirement{Users: f.users} }

// Check implements Expectation.
func (f flips) Check(o analysis.Observation) reports.Verdict {
	u := usersOf(o, f.cohort)
	low, high := Region(u.Pairs, f.percent/100)
	v := reports.Verdict{Kind: "flips", Want: f.String(), Saw: fmt.Sprintf("%s; %s, %s of them with several versions",
		analysis.NewShare(u.Flips, u.Pairs), format.Plural(u.Seen, "user", "users"), format.Number(u.Mixed))}
	why, few := tooFewOf(o, "pairs are too few", u.Pairs, f.pairs())
	switch {
	case u.Pairs > 0 && (u.Flips < low || u.Flips > high):
		return fails(v, allowed(exactly(f.percent), low, high, u.Pairs, "pairs"))
	case f.percent == 0 && u.Mixed > 0:
		return fails(v, format.Plural(u.Mixed, "user", "users")+" got several versions")
	case few:
		return unsure(v, why)
	case u.Seen < f.users:
		return unsure(v, fmt.Sprintf("%s of %s users were answered", format.Number(u.Seen), format.Number(f.users)))
	}
	return passes(v)
}

// usersOf are the users of a cohort, as far as they were settled.
func usersOf(o analysis.Observation, cohort string) analysis.Users {
	if u := o.Settled.Of(cohort).Users; u != nil {
		return *u
	}
	return analysis.Users{}
}

func (f flips) offByHalf() (half Expectation, ok bool) {
	return flips{f.cohort, f.users, f.percent / 2}, f.percent > 0
}

// Which version a request gets is drawn by itself, or decided by its user, whenever it is sent.
func (flips) rests(reports.Verdict, circumstances) footing { return footing{} }

func (f flips) record() Record {
	return Record{Kind: "flips", Cohort: f.cohort, Users: f.users, Percent: f.percent}
}

var _ = recorded("flips", func(r Record) Expectation { return Flips(r.Cohort, r.Users, r.Percent) })
