package compare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// shares are the figures of a pair's claims about shares, and of failures that no claim is about.
func shares(base, other Side) (claimed, failed []*Figure) {
	for _, phase := range common(base, other) {
		both := slices.Concat(base, other)
		// exact has whether a claim says how large the share is.
		exact := map[subject]bool{}
		for _, p := range both.phase(phase) {
			for _, v := range p.Verdicts {
				if v.Claim != nil {
					s := subject{v.Claim.Cohort, v.Claim.Subject}
					exact[s] = exact[s] || v.Claim.Bound == ""
				}
			}
		}
		seen := map[subject]bool{}
		var here []*Figure
		for _, p := range both.phase(phase) {
			for _, v := range p.Verdicts {
				if v.Claim == nil {
					continue
				}
				if s := (subject{v.Claim.Cohort, v.Claim.Subject}); !seen[s] {
					seen[s] = true
					here = append(here, share(base, other, ShareKind, phase, s, exact[s]))
				}
			}
		}
		claimed = append(claimed, withoutMirrors(here)...)
		flags := map[string]int{}
		for _, c := range both.counts(phase, "") {
			maps.Copy(flags, c.Flags)
		}
		for _, flag := range slices.Sorted(maps.Keys(flags)) {
			if s := (subject{"", flag}); !seen[s] {
				failed = append(failed, share(base, other, FailureKind, phase, s, false))
			}
		}
	}
	return claimed, failed
}

// withoutMirrors leaves out the larger of two shares that are all requests together in every run of both sides:
// what the one says of a difference, the other says too, and to count it twice would make both harder to see.
func withoutMirrors(all []*Figure) (out []*Figure) {
	mirrored := func(a, b *Figure) bool {
		x, ok := a.estimate.(shareDifference)
		y, also := b.estimate.(shareDifference)
		if !ok || !also {
			return false
		}
		for _, side := range [][2]sample{{x.base, y.base}, {x.other, y.other}} {
			if len(side[0]) != len(side[1]) {
				return false
			}
			for i, run := range side[0] {
				if run.of != side[1][i].of || run.count+side[1][i].count != run.of {
					return false
				}
			}
		}
		return true
	}
	for i, f := range all {
		if !slices.ContainsFunc(all, func(g *Figure) bool {
			return g != f && mirrored(f, g) &&
				(*f.Base.Number > *g.Base.Number || *f.Base.Number == *g.Base.Number && slices.Index(all, g) > i)
		}) {
			out = append(out, f)
		}
	}
	return out
}

// A subject is what a share is of, as in reports.Claim.
type subject struct{ cohort, of string }

// String names it in a phase.
func (s subject) String() string {
	return format.Join(" of ", cmp.Or(s.of, "no version"), s.cohort)
}

// tally is how many of the counted requests are of the subject. A damaged report must not have more of them
// than there are.
func (s subject) tally(c analysis.Counts) tally {
	return tally{min(max(s.count(c), 0), c.Requests), c.Requests}
}

func (s subject) count(c analysis.Counts) int { return c.Of(s.of) }

// failure tells that the subject is a status of 400 or above, with or without a flag, and no version.
func (s subject) failure() bool {
	return analysis.IsStatus(s.of) && analysis.IsFailure(s.of)
}

// stopped tells that a phase of the side ended by a decision about the canary.
func (s Side) stopped(phase string) bool {
	for _, p := range s.phase(phase) {
		if p.Observation.Detection != nil {
			return true
		}
	}
	return false
}

// sample counts it in each run of a side.
func (s subject) sample(side Side, phase string) (all sample, moved []string) {
	for _, c := range side.counts(phase, s.cohort) {
		all = append(all, s.tally(c))
	}
	for r, p := range side.phase(phase) {
		if d := p.Observation.Settled.Of(s.cohort).Dispersion[s.of]; d.Moved() && d.Degrees > 0 {
			moved = append(moved, name(r))
		}
	}
	return all, moved
}

// share is the figure of one share. exact tells that a claim says how large it is: requests are drawn by a weight then,
// and runs differ by chance alone. Any other share depends on what nobody set, such as how fast the machine is.
func share(base, other Side, kind Kind, phase string, s subject, exact bool) *Figure {
	f := &Figure{Kind: kind, Phase: phase, Name: s.String(), Unit: Points, byLoad: s.byLoad()}
	b, movedB := s.sample(base, phase)
	o, movedO := s.sample(other, phase)
	f.Base, f.Other = shareValue(b), shareValue(o)
	if f.Base.N == 0 || f.Other.N == 0 {
		f.notJudged("no request was sent while the phase was settled")
		return f
	}
	d := shareDifference{b, o}
	f.estimate = d
	f.Difference = known(100 * d.estimate())
	moved := append(movedB, movedO...)
	single := len(b)+len(o) == 2
	switch {
	case single && len(moved) > 0:
		// Then requests are no draws of one share, and only other runs could tell how far chance goes.
		f.notJudged(fmt.Sprintf("the share did not keep still in %s, so that no interval around it means anything: "+
			"several runs of each side would tell", strings.Join(moved, " and ")))
	case single && s.failure() && (base.stopped(phase) || other.stopped(phase)):
		// Who waits for failures and stops has another share of them than who counts a thousand requests.
		f.notJudged("the phase ended when somebody had decided about the canary, on which the share of failures " +
			"depends: several runs of each side would tell")
	case d.still():
		f.Judgement = NotShown
	case single && !exact:
		// Three runs of circuit-breaker-overflow had 4.4, 4.5 and 5.8 % of 503 UO, with intervals that are apart.
		f.notJudged("no claim says how large it is, and one run of each does not tell how much it varies by itself: " +
			"several runs of each side would tell")
	}
	return f
}
