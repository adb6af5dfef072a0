package compare

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/canarylab/canarylab/reports/format"
)

// upper makes a sentence's first letter large.
func upper(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// duration prints milliseconds.
func duration(ms float64) string {
	const century = 3e12
	return format.Short(time.Duration(math.Round(min(max(ms, -century), century) * float64(time.Millisecond))))
}

// signed prints a difference.
func signed(x float64, unit Unit) string {
	sign := "+"
	if x < 0 {
		sign = "-"
	}
	abs := math.Abs(x)
	switch unit {
	case Milliseconds:
		if abs < 0.005 {
			return "0 ms"
		}
		return sign + duration(abs)
	case Factor:
		return "× " + strconv.FormatFloat(x, 'f', 2, 64)
	}
	text := strconv.FormatFloat(abs, 'f', 1, 64)
	if abs < 1 {
		text = strconv.FormatFloat(abs, 'f', 2, 64)
	}
	if strings.Trim(text, "0.") == "" {
		return "0"
	}
	return sign + text
}

// span is an interval for people.
func span(low, high *float64, unit Unit) string {
	switch {
	case low == nil && high == nil:
		return "open"
	case low == nil:
		return "up to " + signed(*high, unit)
	case high == nil:
		return "from " + signed(*low, unit)
	}
	return signed(*low, unit) + " to " + signed(*high, unit)
}

// valueText is a value for a table: "9.1 % of 1,755", "133 ms".
func (f *Figure) valueText(v Value) string {
	return f.numberText(v) + format.When(f.isShare() && v.Number != nil, " of "+format.Number(v.N))
}

// numberText is a value without how many requests it is of: "9.1 %", "133 ms".
func (f *Figure) numberText(v Value) string {
	switch {
	case v.Number == nil:
		return "-"
	case f.isShare():
		return format.Percent(*v.Number) + " %"
	}
	return duration(*v.Number)
}

// rangeText is what bounds a value: "9.1 – 10.6", "133 ms – 274 ms".
func (f *Figure) rangeText(v Value) string {
	if v.Low == nil && v.High == nil {
		return ""
	}
	text := func(x *float64) string {
		switch {
		case x == nil:
			return "open"
		case f.isShare():
			return format.Percent(*x)
		}
		return duration(*x)
	}
	return text(v.Low) + " – " + text(v.High)
}

// confidenceText is a confidence in percent, with as many digits as keep it from looking like 100: "95 %", "99.82 %".
func confidenceText(c float64) string {
	digits := 2
	for rest := 1 - c; rest < 0.001 && digits < 8; digits++ {
		rest *= 10
	}
	text := strconv.FormatFloat(100*c, 'f', digits, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text + " %"
}

// Headline says in one sentence what came out for the pair.
func (p Pair) Headline() string {
	different, judged := len(p.Different()), len(p.Figures)-len(p.judged(NotJudged))
	against, figures := p.Other+" against "+p.Base+": ", format.Plural(judged, "figure", "figures")
	switch {
	case judged == 0:
		return against + "nothing could be judged."
	case different == 0:
		return against + "no difference that these data can show, in any of " + figures + "."
	case different == 1:
		return against + "1 of " + figures + " differs."
	}
	return fmt.Sprintf("%s%d of %s differ.", against, different, figures)
}

// namedFigures is how many of the figures that differ a Summary names.
const namedFigures = 3

// Summary names what differs, and says how much could not be judged. It is empty where there is neither.
func (p Pair) Summary() string {
	var named []string
	different := p.Different()
	for _, f := range different[:min(len(different), namedFigures)] {
		named = append(named, f.place()+": "+f.valueText(f.Base)+" → "+f.valueText(f.Other))
	}
	if more := len(different) - namedFigures; more > 0 {
		named = append(named, fmt.Sprintf("and %d more", more))
	}
	unjudged := len(p.judged(NotJudged))
	return format.Join(" ", format.When(len(named) > 0, "Different: "+strings.Join(named, "; ")+"."),
		format.When(unjudged > 0, format.Plural(unjudged, "figure", "figures")+" could not be judged."))
}

// place names a figure where it stands alone.
func (f *Figure) place() string { return format.Join(", ", f.Phase, f.Name) }

// method says how differences were told.
func (c *Comparison) method() string {
	var brackets, percentiles, medians, tested string
	for _, p := range c.Pairs {
		for _, f := range p.Figures {
			bracketed := f.estimate == nil && f.Confidence > 0
			if _, ok := f.estimate.(*shift); ok {
				medians = "The difference of several rollbacks is the median of all differences between one and " +
					"another."
			}
			if bracketed && f.Kind == RollbackKind {
				brackets = "Single rollbacks have 99 % brackets, by how precisely each was measured. Rollbacks of " +
					"one " +
					"setup lie apart by themselves: where brackets are apart, only several runs of each side could " +
					"tell."
			}
			if bracketed && f.Kind == LatencyKind {
				percentiles = "Percentiles of single runs have 99 % brackets, by how many requests there are. " +
					"Requests of one run share its slow moments, so that such brackets are too narrow: where they " +
					"are apart, only several runs of each side could tell."
			}
		}
	}
	if c.Judged > 0 {
		tested = fmt.Sprintf("%s tested. If no side differed from %s, the chance that any of them is shown as "+
			"different would be %g %% at most (Holm): for that each interval has %s, and one that leaves out zero "+
			"(or the factor 1) is a difference.", format.Plural(c.Judged, "figure was", "figures were"),
			c.Pairs[0].Base, 100*c.Risk, confidenceText(c.Confidence))
	}
	return format.Join(" ", tested, brackets, medians, percentiles)
}
