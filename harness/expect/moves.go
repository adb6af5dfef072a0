package expect

import (
	"fmt"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// Moves claims what the phase's change does to the cohort's virtual users: percent of them were answered by the version
// from alone in the settled part of the phase before, and are answered by the version to alone now. Of a promotion to
// more users that is how many join; the other way around it is how many lose what they had. It is conclusive once it
// knows that of so many users.
func Moves(cohort string, users int, from, to string, percent float64) moves {
	return moves{cohort, users, from, to, percent}
}

type moves struct {
	cohort   string
	users    int
	from, to string
	percent  float64
}

// Cohort implements Expectation.
func (m moves) Cohort() string { return m.cohort }

// Need implements Expectation: users send in turns, and a few are missed where one phase ends and the next begins.
func (m moves) Need() int { return m.users + m.users/10 }

// String implements Expectation.
func (m moves) String() string {
	return fmt.Sprintf("%s of %s users or more of %s move from %s to %s", amountOf(m.percent), format.Number(m.users),
		m.cohort, m.from, m.to)
}

// Validate tells whether the claim makes sense.
func (m moves) Validate() error {
	if m.cohort == "" || m.users < 1 || m.from == "" || m.to == "" || !(m.percent >= 0 && m.percent <= 100) {
		return fmt.Errorf("%q: name a cohort, how many users, two versions, and a share from 0 to 100 percent", m)
	}
	return nil
}

// Requires tells that the cohort has to have so many users.
func (m moves) Requires() Requirement { return Requirement{Users: m.users} }

// Check implements Expectation.
func (m moves) Check(o analysis.Observation) reports.Verdict {
	u := usersOf(o, m.cohort)
	n, count := u.Both(), u.Moved(m.from, m.to)
	low, high := Region(n, m.percent/100)
	v := reports.Verdict{Kind: "moves", Want: m.String(), Saw: analysis.NewShare(count, n).String()}
	why, few := tooFewOf(o, "users are too few", n, m.users)
	switch {
	case n > 0 && (count < low || count > high):
		return fails(v, allowed(exactly(m.percent), low, high, n, "users"))
	case few:
		return unsure(v, why)
	}
	return passes(v)
}

func (m moves) offByHalf() (half Expectation, ok bool) {
	return moves{m.cohort, m.users, m.from, m.to, m.percent / 2}, m.percent > 0
}

// Which version a user gets does not depend on when a request is sent.
func (moves) rests(reports.Verdict, circumstances) footing { return footing{} }

func (m moves) record() Record {
	return Record{Kind: "moves", Cohort: m.cohort, Users: m.users, From: m.from, To: m.to, Percent: m.percent}
}

var _ = recorded("moves", func(r Record) Expectation { return Moves(r.Cohort, r.Users, r.From, r.To, r.Percent) })
