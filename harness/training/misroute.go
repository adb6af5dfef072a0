package training

import (
	"cmp"
	"strings"

	"github.com/canarylab/canarylab/harness/expect"
)

// inPlaceOf is in the kind of a request that was answered well, and by another version than all of its cohort are to
// get. Such a request is misrouted.
const inPlaceOf = " in place of "

// misroute is the kind of a request that one version answered and another was to answer.
func misroute(by, asked string) string { return cmp.Or(by, "nobody known") + inPlaceOf + asked }

func isMisroute(kind string) bool { return strings.Contains(kind, inPlaceOf) }

// only is the version that is to have all requests of a cohort, empty where several share them.
func (g Goal) only(cohort string) string {
	for _, a := range g.Asked {
		if a.Percent == 100 && (a.Cohort == cohort || a.Cohort == "") {
			return a.Version
		}
	}
	return ""
}

// deprives tells whether the break keeps the canary from callers all of whom are to get it. The other breaks that
// misroute give it to callers none of whom are to.
func (g Goal) deprives() bool { return g.Break.Misroutes && g.only(g.Break.Cohort) == g.Canary }

// about tells whether the break is about the callers of a cohort.
func (h Hurt) about(cohort string) bool { return h.Cohort == "" || h.Cohort == cohort }

// judged is an answer as the judge counts it. Where the break misroutes, a misrouted request is like one that failed:
// one that the canary answered and was not to, whoever sent it, and one of the break's callers that any other version
// answered. Others who lack the canary were rolled back at most, and a rollback hurts nobody.
func (g Goal) judged(a Answer) Answer {
	if !g.Break.Misroutes || a.Kind != "" {
		return a
	}
	only := g.only(a.Cohort)
	if only != "" && a.Version != only && (a.Version == g.Canary || g.Break.about(a.Cohort)) {
		a.Kind = misroute(a.Version, only)
	}
	return a
}

// each has what is asked of all callers, all of it of one version, asked of each of them: such a goal is about which
// callers are misrouted.
func (g Goal) each() (asked []Asked) {
	for _, a := range g.Asked {
		if a.Cohort != "" || a.Percent != 100 {
			asked = append(asked, a)
			continue
		}
		for _, c := range g.Callers {
			asked = append(asked, Asked{Version: a.Version, Percent: a.Percent, Cohort: c.Name})
		}
	}
	return asked
}

// misroutes is how a break misroutes, by the first claim of a share that contradicts what all of a cohort are to get.
// Its percentage is of that cohort.
func (g Goal) misroutes(claims []expect.Record) (Hurt, bool) {
	for _, r := range claims {
		only := g.only(r.Cohort)
		if r.Kind != "share" || r.Bound < 0 || only == "" {
			continue
		}
		percent, by := cmp.Or(r.Foreseen, r.Percent), r.Version
		if by == only {
			percent, by = 100-percent, g.other(only)
		}
		if percent > 0 {
			return Hurt{Kind: misroute(by, only), Percent: percent, Cohort: r.Cohort, Misroutes: true}, true
		}
	}
	return Hurt{}, false
}

// other is the version beside one.
func (g Goal) other(version string) string {
	for _, a := range g.Asked {
		if a.Version != version {
			return a.Version
		}
	}
	return ""
}

// meets says in a few words what callers meet, such as "fail with 503 UH, or get v2 in place of v1".
func meets(kinds []Kind) string { return inWords(kinds, "fail with ", "get ") }

// met says the same of what was.
func met(kinds []Kind) string { return inWords(kinds, "failed with ", "got ") }

func inWords(kinds []Kind, fail, get string) string {
	var failed, misrouted []Kind
	for _, k := range kinds {
		if isMisroute(k.Name) {
			misrouted = append(misrouted, k)
		} else {
			failed = append(failed, k)
		}
	}
	var parts []string
	if len(failed) > 0 {
		parts = append(parts, fail+names(failed))
	}
	if len(misrouted) > 0 {
		parts = append(parts, get+names(misrouted))
	}
	return strings.Join(parts, ", or ")
}
