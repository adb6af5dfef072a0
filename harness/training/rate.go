package training

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// A pace is how soon the judge is to be sure: that nobody is hurt, and that the versions have their shares.
type pace struct{ clean, shares time.Duration }

var (
	// usual is the pace of a class: as quick as ever to say that nobody is hurt, and within the longest window sure of
	// every share. A share of half of the requests takes more requests than any other.
	usual = pace{clean[0], clean[len(clean)-1]}
	// slowest is the pace that takes the longest window for everything.
	slowest = pace{clean[len(clean)-1], clean[len(clean)-1]}
)

const (
	// spare is what part of the requests that are due is counted on: windows end with slots, and some are late.
	spare = 0.95
	// unlucky is how far from what is expected a count may be for the judge to be sure all the same, in standard
	// deviations: about one window in twenty is worse, and the next one is looked at a quarter of a second later.
	unlucky = 2
	// rounded is what rates are rounded up to.
	rounded = 10
)

// ErrRate is wrapped where a mission can't be played at a rate.
var ErrRate = errors.New("the mission can't be played at this rate")

// AtRate is the mission with another rate of its load, in requests a second of all callers together.
func (m Mission) AtRate(rate int) Mission {
	m.Story = m.Story.AtRate(rate)
	return m
}

// FixedRate tells that the mission is about its load, and is played at the story's own rate alone.
func (m Mission) FixedRate() bool {
	return m.Story.LowestRate == m.Story.Rate() || m.Story.Load.Shape != nil
}

// ClassRate is the rate at which the mission is played beside others, and the lowest for one that is played alone: the
// lowest one at which the judge says as soon as ever that nobody is hurt, and is sure of the shares within its longest
// window.
func (m Mission) ClassRate() (int, error) { return m.lowest(usual) }

// RateFor is the rate at which the mission is played beside others where asked is wanted, zero for ClassRate. It is the
// story's own where that is fixed, or lower. The error wraps ErrRate where the judge would not be sure even in its
// longest window.
func (m Mission) RateFor(asked int) (int, error) {
	own := m.Story.Rate()
	switch {
	case m.FixedRate():
		return own, nil
	case asked == 0:
		return m.ClassRate()
	}
	least, err := m.lowest(slowest)
	if err == nil && asked < least {
		err = fmt.Errorf("%w: below %d requests a second the judge is never sure of its shares, got %d", ErrRate,
			least, asked)
	}
	return min(asked, own), err
}

// lowest is the lowest rate at which the judge keeps to a pace. It is the story's own where that is too low for it.
func (m Mission) lowest(p pace) (int, error) {
	own := m.Story.Rate()
	if m.FixedRate() {
		return own, nil
	}
	g, err := m.Goal()
	if err != nil {
		return 0, err
	}
	rate := sort.Search(own, func(rate int) bool { return g.keeps(float64(rate)/float64(own), p) })
	rate = (max(rate, m.Story.LowestRate) + rounded - 1) / rounded * rounded
	return min(rate, own), nil
}

// keeps tells whether the judge keeps to a pace at a part of the goal's rates.
func (g Goal) keeps(part float64, p pace) bool {
	total := 0.0
	for _, c := range g.Callers {
		if c.Rate*part*p.clean.Seconds()*spare < leastCohort {
			return false
		}
		total += c.Rate * part
	}
	hurt := int(total * soon.Seconds() * spare)
	if total*p.clean.Seconds()*spare < leastClean || hurt < leastFew {
		return false
	}
	if !above(int(float64(hurt)*g.Break.Percent/100), hurt, stray) {
		return false
	}
	for _, a := range g.Asked {
		of := total
		for _, c := range g.Callers {
			if c.Name == a.Cohort {
				of = c.Rate * part
			}
		}
		if !surelyRight(int(of*p.shares.Seconds()*spare), a.Percent) {
			return false
		}
	}
	return true
}

// surelyRight tells whether so many requests of a share that is as asked for show that it is, also with bad luck.
func surelyRight(of int, percent float64) bool {
	share := percent / 100
	expected, luck := share*float64(of), unlucky*math.Sqrt(share*(1-share)*float64(of))
	return isRight(int(math.Round(expected-luck)), of, percent) && isRight(int(math.Round(expected+luck)), of, percent)
}

// ThroughGateway tells that callers of the mission come in through the ingress gateway. The Gateway objects of all
// namespaces bind to it, so that two of one host answer for each other: one learner at a time can have such a mission.
func (m Mission) ThroughGateway() bool {
	return slices.Contains(m.Story.Load.Entries(), loadgen.Gateway)
}

// Deal gives each of n learners one of the missions, in turn.
func Deal(missions []Mission, n int) []Mission {
	dealt := make([]Mission, n)
	for i := range dealt {
		dealt[i] = missions[i%len(missions)]
	}
	return dealt
}
