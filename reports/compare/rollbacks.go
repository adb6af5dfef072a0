package compare

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/canarylab/canarylab/reports/format"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// rollbackKey tells which rollbacks of both sides are held against each other: those of one phase, or all that
// were done in the same way where a run repeats them.
type rollbackKey struct{ phase, method string }

// rollbacks has the side's rollbacks by key, a list for each run.
func (s Side) rollbacks() (keys []rollbackKey, by map[rollbackKey][][]*analysis.Rollback) {
	by = map[rollbackKey][][]*analysis.Rollback{}
	for i, r := range s {
		repeated := slices.ContainsFunc(r.Report.Phases, func(p reports.Phase) bool {
			return p.Repeat && p.Observation.Rollback != nil
		})
		for _, p := range r.Report.Phases {
			b := p.Observation.Rollback
			if b == nil {
				continue
			}
			key := rollbackKey{phase: p.Name}
			if repeated {
				key = rollbackKey{method: b.Method}
			}
			if by[key] == nil {
				keys = append(keys, key)
				by[key] = make([][]*analysis.Rollback, len(s))
			}
			by[key][i] = append(by[key][i], b)
		}
	}
	return keys, by
}

// rollbackFigures are the rollbacks that both sides have.
func rollbackFigures(base, other Side) (all []*Figure) {
	keys, baseBy := base.rollbacks()
	_, otherBy := other.rollbacks()
	for _, key := range keys {
		if otherBy[key] != nil {
			all = append(all, rollback(key, baseBy[key], otherBy[key]))
		}
	}
	return all
}

// times are a side's rollbacks of one key.
type times struct {
	// values has a time for each rollback, or the median of each run where there are several of both.
	values []float64
	// only is the rollback of a side that has one.
	only *analysis.Rollback
	// resolution is the mean of how far apart affected requests were.
	resolution float64
	n, runs    int
	// blank says why there are no times.
	blank string
}

func newTimes(runs [][]*analysis.Rollback) (t times) {
	endless := 0
	var perRun [][]float64
	for _, run := range runs {
		var values []float64
		for _, r := range run {
			t.n++
			t.only = r
			if !r.Known() {
				t.blank = "no request was affected before it, so that there was nothing to time"
			} else if !r.Recovered() {
				endless++
			}
			values = append(values, format.Milliseconds(r.Route))
			t.resolution += format.Milliseconds(r.Resolution)
		}
		if len(values) > 0 {
			t.runs++
			perRun = append(perRun, values)
		}
	}
	t.resolution /= float64(t.n)
	if endless > 0 {
		t.blank = fmt.Sprintf("%d of %d had no end that could be seen", endless, t.n)
	}
	if t.runs == 1 {
		t.values = perRun[0]
	} else {
		for _, values := range perRun {
			t.values = append(t.values, median(values))
		}
	}
	if t.n > 1 {
		t.only = nil
	}
	return t
}

func (t times) value() Value {
	v := Value{N: t.n, Runs: t.runs}
	switch {
	case t.blank != "":
		v.Detail = t.blank
	case t.only != nil:
		v.Number, v.Low = known(format.Milliseconds(t.only.Route)), known(format.Milliseconds(t.only.Low))
		if t.only.High > 0 {
			v.High = known(format.Milliseconds(t.only.High))
		}
	default:
		v.Number, v.Low, v.High = known(median(t.values)), known(slices.Min(t.values)), known(slices.Max(t.values))
	}
	if t.only != nil {
		v.Detail = format.Join("; ", v.Detail, t.only.Cost())
	}
	return v
}

// bracket is that of the only rollback.
func (t times) bracket() bracket {
	return bracket{format.Milliseconds(t.only.Low), format.Milliseconds(t.only.High)}
}

func rollback(key rollbackKey, base, other [][]*analysis.Rollback) *Figure {
	b, o := newTimes(base), newTimes(other)
	f := &Figure{
		Kind: RollbackKind, Phase: key.phase, Name: key.method, Unit: Milliseconds, Base: b.value(), Other: o.value(),
	}
	if key.phase != "" {
		f.Name = "rollback time"
	}
	switch {
	case b.blank != "" && b.blank == o.blank:
		f.notJudged("of both: " + b.blank)
	case b.blank != "":
		f.notJudged("of the first: " + b.blank)
	case o.blank != "":
		f.notJudged("of the second: " + o.blank)
	case b.only != nil && o.only != nil:
		f.Difference = known(format.Milliseconds(o.only.Route - b.only.Route))
		f.bracketed(b.bracket(), o.bracket())
	default:
		s := newShift(b.values, o.values, math.Abs(o.resolution-b.resolution))
		f.Difference = known(s.estimate())
		if s.least() <= Risk {
			f.estimate = s
			break
		}
		f.P = known(pValue(s))
		f.notJudged(fmt.Sprintf("%d and %d are too few: of sides that are alike, %s in 100 lie as far apart as can be",
			len(b.values), len(o.values), strconv.FormatFloat(100*s.least(), 'g', 2, 64)))
	}
	return f
}
