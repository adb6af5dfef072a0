package html

import (
	"cmp"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports/format"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// shownFailures bounds how many ways to fail the page shows.
const shownFailures = 20

// failuresView are all failures of a run, by how they failed.
type failuresView struct {
	Kinds []failureView
	// More is how many kinds are not shown.
	More int
	// Failed counts the requests that failed in all of the run, Of all of them.
	Failed, Of int
}

// A failureView is one way to fail.
type failureView struct {
	analysis.Failure
	// What names the failure for people.
	Class, What string
	Hops        []hop
	In          []failureIn
}

// A hop is a station on the way: State is passed, failed, or unreached.
type hop struct{ Name, State string }

// failureIn is how often it happened in a phase.
type failureIn struct {
	Phase, Anchor string
	Settled       analysis.Share
	// Meanwhile counts those of the transition.
	Meanwhile int
	Asked     string
}

func (p *page) failures() failuresView {
	v := failuresView{Failed: reports.Summarize(p.Report).Burned, Of: p.Report.Accounting.Requests}
	index := map[analysis.Failure]int{}
	for i, phase := range p.Report.Phases {
		o := phase.Observation
		for settled, w := range map[bool]analysis.Window{false: o.Transition, true: o.Settled} {
			for _, f := range w.Total.Failures {
				n := f.Count
				f.Count = 0
				k, ok := index[f]
				if !ok {
					k = len(v.Kinds)
					index[f] = k
					v.Kinds = append(v.Kinds, failureView{f, p.colors.flag(f.Key()), what(f), hops(f), nil})
					v.Kinds[k].Cause = upper(f.Cause)
				}
				kind := &v.Kinds[k]
				kind.Count += n
				j := slices.IndexFunc(kind.In, func(in failureIn) bool { return in.Anchor == anchor(i) })
				if j < 0 {
					j = len(kind.In)
					kind.In = append(kind.In, failureIn{Phase: phase.Name, Anchor: anchor(i), Asked: askedOf(phase, f)})
				}
				if settled {
					kind.In[j].Settled = analysis.NewShare(n, w.Total.Requests)
				} else {
					kind.In[j].Meanwhile += n
				}
			}
		}
	}
	slices.SortStableFunc(v.Kinds, func(a, b failureView) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(a.Key(), b.Key()), cmp.Compare(a.Hop, b.Hop),
			strings.Compare(a.Cause, b.Cause), strings.Compare(a.Version, b.Version),
			strings.Compare(a.Details, b.Details), strings.Compare(a.Subset, b.Subset))
	})
	v.More = max(len(v.Kinds)-shownFailures, 0)
	v.Kinds = v.Kinds[:len(v.Kinds)-v.More]
	return v
}

// what names a failure.
func what(f analysis.Failure) string {
	if f.Code == 0 {
		flagged := f.Flag != analysis.NoFlag && f.Flag != analysis.NotLogged
		return format.Join(" ", "no answer", f.GRPC, format.When(flagged, f.Flag))
	}
	return f.Key()
}

// askedOf is the share that a phase claimed of a kind of failure.
func askedOf(phase reports.Phase, f analysis.Failure) string {
	for _, v := range phase.Verdicts {
		if v.Claim != nil && v.Claim.Subject == f.Key() {
			return v.Claim.Asked()
		}
	}
	return ""
}

// hops are the stations of a request, up to the one where it failed and beyond.
func hops(f analysis.Failure) (all []hop) {
	way := []analysis.Hop{analysis.CallerHop, analysis.ClientHop, analysis.ServerHop, analysis.AppHop}
	if f.Hop == analysis.GateHop {
		way[1] = analysis.GateHop
	}
	state := "passed"
	for _, h := range way {
		if h == f.Hop {
			all, state = append(all, hop{string(h), "failed"}), "unreached"
			continue
		}
		all = append(all, hop{string(h), state})
	}
	return all
}
