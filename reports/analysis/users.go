package analysis

import (
	"cmp"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/loadgen"
)

// Users are a cohort's virtual users in the settled part of a phase, by the versions that answered them.
type Users struct {
	// Seen counts users whom a version answered, and Mixed those of them whom several did.
	Seen  int `json:"seen"`
	Mixed int `json:"mixed"`
	// Pairs counts two requests in a row of one user that versions answered, and Flips those of them that two
	// versions answered. Pairs have no request in common, so that where each request is dealt out by itself, each
	// flips by itself too: with probability 2w(1-w) where a version has the share w and another one the rest.
	Pairs int `json:"pairs"`
	Flips int `json:"flips"`
	// Moves counts the users whom one version answered in the settled part of the phase before, and one in this, by
	// both. Nil in the first phase.
	Moves []Move `json:"moves,omitempty"`
}

// A Move is what became of some users from one phase to the next: a version answered them before, and one does now,
// which may be the same.
type Move struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Users int    `json:"users"`
}

// Both is how many users there are of whom it is known what became of them.
func (u Users) Both() int {
	n := 0
	for _, m := range u.Moves {
		n += m.Users
	}
	return n
}

// Moved is how many of them went from one version to another one.
func (u Users) Moved(from, to string) int {
	for _, m := range u.Moves {
		if m.From == from && m.To == to {
			return m.Users
		}
	}
	return 0
}

// users are Users in the making.
type users struct {
	Users
	cohort loadgen.Cohort
	// names are the versions, and by has the number of the one that answered each user, counted from 1: 0 for none, and
	// several for several.
	names []string
	by    []uint8
	// open has the first half of each pair of which the other is not known yet.
	open map[pair]uint8
}

// A pair is the user's requests number 2n and 2n+1.
type pair struct {
	user int
	n    uint64
}

const (
	// several stands for more than one version.
	several = 255
	// maxVersions bounds the versions that are told apart. A story has three at most.
	maxVersions = 100
)

// newUsers is nil for a cohort without users.
func newUsers(c loadgen.Cohort, memory *budget) *users {
	if c.Users == 0 {
		return nil
	}
	memory.take(c.Users)
	return &users{cohort: c, by: make([]uint8, c.Users), open: map[pair]uint8{}}
}

// add takes a request of the cohort. They come in any order.
func (u *users) add(s *loadgen.Sample, memory *budget) {
	if s.Version == "" {
		return
	}
	version := u.number(s.Version)
	user, turn := u.cohort.User(s.Seq)
	switch u.by[user] {
	case version, several:
	case 0:
		u.Seen++
		u.by[user] = version
	default:
		u.Mixed++
		u.by[user] = several
	}
	p := pair{user, turn / 2}
	other, known := u.open[p]
	if !known {
		u.open[p] = version
		memory.take(mapEntry)
		return
	}
	delete(u.open, p)
	memory.take(-mapEntry)
	u.Pairs++
	if other != version {
		u.Flips++
	}
}

// number is that of a version. Those beyond maxVersions share one.
func (u *users) number(version string) uint8 {
	i := slices.Index(u.names, version)
	if i < 0 && len(u.names) < maxVersions {
		u.names = append(u.names, version)
		i = len(u.names) - 1
	}
	return uint8(i + 1) // -1 is 0 only where there are maxVersions of them, which no run has
}

// moved says what became of each user since before.
func (u *users) moved(before *users) {
	type way struct{ from, to uint8 }
	ways := map[way]int{}
	for user, to := range u.by {
		if user >= len(before.by) || to == 0 || to == several {
			continue
		}
		if from := before.by[user]; from != 0 && from != several {
			ways[way{from, to}]++
		}
	}
	for w, n := range ways {
		u.Moves = append(u.Moves, Move{before.names[w.from-1], u.names[w.to-1], n})
	}
	slices.SortFunc(u.Moves, func(a, b Move) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To))
	})
}

// moved says of the cohorts with users what became of each since the phase before.
func (t *tally) moved(before *tally) {
	for name, c := range t.settled.cohorts {
		if b := before.settled.cohorts[name]; c.users != nil && b != nil && b.users != nil {
			c.users.moved(b.users)
		}
	}
}
