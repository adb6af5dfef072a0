package training

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Timeline tells what happened in several missions that were played at once, in one order, counted from the first
// break.
func Timeline(seats []Seat) string {
	type moment struct {
		at        time.Time
		who, text string
	}
	var all []moment
	for _, s := range seats {
		e := s.Explanation
		if e.Broke.IsZero() {
			continue
		}
		add := func(after time.Duration, text string) {
			all = append(all, moment{e.Broke.Add(after), s.Namespace, text})
		}
		add(0, "it breaks: "+s.Mission)
		for _, one := range e.Effects {
			add(one.After, fmt.Sprintf("%s (before: %s; then: %s)", one.Write, one.Before, one.Then))
		}
		for _, m := range slices.Concat(e.Verdicts, e.Asked) {
			add(m.After, m.Text)
		}
	}
	if len(all) == 0 {
		return "Nothing was broken.\n"
	}
	slices.SortStableFunc(all, func(a, b moment) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	var b strings.Builder
	first := all[0].at.UTC().Format(time.TimeOnly + " MST")
	fmt.Fprintf(&b, "What happened, counted from the first break at %s:\n", first)
	for _, m := range all {
		fmt.Fprintf(&b, "%s  %-8s %s\n", after(m.at.Sub(all[0].at)), m.who, m.text)
	}
	for _, s := range seats {
		fmt.Fprintf(&b, "\n%s: %s, %s", s.Namespace, s.State(), cmp.Or(s.Explanation.Standing.Result.Text, s.Broken))
	}
	return b.String() + "\n"
}
