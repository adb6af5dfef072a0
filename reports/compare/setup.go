package compare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/canarylab/canarylab/reports/format"

	"github.com/canarylab/canarylab/reports"
)

// settings sorts what the sides were set up with into what differs and what does not.
func (c *Comparison) settings(sides []Side) {
	for _, s := range []struct {
		name string
		of   func(*reports.Report) string
	}{
		{"scenario", func(r *reports.Report) string { return r.Scenario }},
		{"provider", func(r *reports.Report) string { return r.Setup.Provider }},
		{"cluster", func(r *reports.Report) string { return r.Setup.Cluster }},
		{"Kubernetes", func(r *reports.Report) string { return r.Setup.Kubernetes }},
		{"Istio", func(r *reports.Report) string { return r.Setup.Istio }},
		{"Envoy", func(r *reports.Report) string { return r.Setup.Envoy }},
		{"canarylab", func(r *reports.Report) string { return r.Setup.Canarylab }},
		{"kernel", func(r *reports.Report) string { return r.Setup.Kernel }},
		{"CPUs", func(r *reports.Report) string { return positive(r.Setup.CPUs) }},
		{"memory", func(r *reports.Report) string {
			return format.When(r.Setup.Memory > 0, fmt.Sprintf("%.1f GiB", float64(r.Setup.Memory)/(1<<30)))
		}},
		{"load", func(r *reports.Report) string { return reports.LoadInWords(r.Setup.Load) }},
		{"load agents", func(r *reports.Report) string { return positive(r.Setup.Load.Agents) }},
		{"cluster at the start", func(r *reports.Report) string {
			return map[bool]string{true: "was running", false: "was brought up"}[r.Setup.Reused]
		}},
	} {
		var values []string
		for _, side := range sides {
			values = append(values, side.values(s.of))
		}
		c.setting(s.name, values)
	}
	c.manifests(sides)
}

// setting adds a setting to those that differ, or with one value to those that do not.
func (c *Comparison) setting(name string, values []string) {
	if all := slices.Compact(slices.Clone(values)); len(all) > 1 {
		c.Differing = append(c.Differing, Setting{name, values})
	} else if all[0] != unknown {
		c.Equal = append(c.Equal, Setting{name, all})
	}
}

// positive is a count, empty where it is not known.
func positive(n int) string { return format.When(n != 0, strconv.Itoa(n)) }

// manifests compares the texts that were applied.
func (c *Comparison) manifests(sides []Side) {
	// texts has, for each side and path, the texts that its runs have, each once.
	texts := make([]map[string][]string, len(sides))
	paths := map[string]bool{}
	for i, side := range sides {
		texts[i] = map[string][]string{}
		for _, r := range side {
			for _, m := range r.Manifests() {
				paths[m.Path] = true
				have := texts[i][m.Path]
				if at, found := slices.BinarySearch(have, m.Text); !found {
					texts[i][m.Path] = slices.Insert(have, at, m.Text)
				}
			}
		}
		if len(texts[i]) == 0 {
			// There is nothing to compare: a folder without its manifests has a note.
			return
		}
	}
	values, differ := []string{format.Plural(len(texts[0]), "file", "files")}, false
	for _, theirs := range texts[1:] {
		var differing []string
		for _, path := range slices.Sorted(maps.Keys(paths)) {
			base, ok := texts[0][path]
			switch text, has := theirs[path]; {
			case ok && !has:
				differing = append(differing, "without "+path)
			case !ok && has:
				differing = append(differing, "also "+path)
			case !slices.Equal(text, base):
				differing = append(differing, "another "+path)
			}
		}
		differ = differ || len(differing) > 0
		values = append(values, cmp.Or(strings.Join(differing, ", "), "the same"))
	}
	if !differ {
		values = values[:1]
	}
	c.setting("manifests", values)
}

// notes say what a reader has to know of the runs.
func (c *Comparison) notes(sides []Side) {
	note := c.note
	warn := func(format string, args ...any) { c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...)) }
	for i, side := range sides {
		for _, r := range side {
			who := letter(i) + ", " + name(r)
			if r.Report.Broken != "" {
				warn("%s broke off: %s", who, r.Report.Broken)
			}
			switch r.Report.Outcome {
			case reports.Invalid:
				if r.Report.Accounting.Balanced() {
					warn("%s is invalid, as verdicts of it are void.", who)
					break
				}
				why := "its requests are not all accounted for"
				if r.Report.Accounting.Void() {
					why = "the machine did not keep up or its clock moved"
				}
				warn("%s is invalid, as %s: its figures are not to be trusted, nor are differences from them.",
					who, why)
			case reports.Inconclusive:
				warn("%s is inconclusive.", who)
			}
			c.shakenNotes(who, r.Report)
			for _, p := range r.Problems {
				warn("%s: %s", who, p)
			}
		}
		if i == 0 {
			continue
		}
		for _, r := range side {
			if slices.ContainsFunc(sides[0], func(b *reports.Run) bool { return same(b, r) }) {
				warn("%s and %s have the same run, %s: it can't differ from itself.", letter(0), letter(i), name(r))
			}
		}
		if a, b := rate(sides[0][0]), rate(side[0]); a != b && c.Mismatch == "" {
			warn("%s was played at %s requests a second and %s at %s: figures that depend on the load are not judged. "+
				"--rate plays both at one.", letter(0), a, letter(i), b)
		}
		base := sides[0][0].Report.Setup.About
		about := side[0].Report.Setup.About
		for _, s := range lacking(about, base) {
			note("%s, not %s: %s", letter(i), letter(0), s)
		}
		for _, s := range lacking(base, about) {
			note("%s, not %s: %s", letter(0), letter(i), s)
		}
	}
	if c.Mismatch == "" {
		c.power(sides)
	}
	only := func(side, other string, phases []string) {
		if n := len(phases); n > 0 {
			names := strings.Join(phases, ", ")
			note("%s has %s that %s lacks: %s.", side, format.Plural(n, "phase", "phases"), other, names)
		}
	}
	for _, p := range c.Pairs {
		only(p.Base, p.Other, p.OnlyBase)
		only(p.Other, p.Base, p.OnlyOther)
	}
}

func (c *Comparison) note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

// power says what so many runs can't tell.
func (c *Comparison) power(sides []Side) {
	note, single := c.note, 0
	for _, side := range sides {
		if len(side) == 1 {
			single++
		}
	}
	switch {
	case single == len(sides):
		note("There is one run of each: a difference is one between these runs. What changes from run to run by " +
			"itself is not in the intervals; give several runs of each side for that.")
	case single > 0:
		note("Some sides have one run only: how much runs differ by themselves is known from the others alone.")
	}
	for i, side := range sides[1:] {
		if n := len(side) + len(sides[0]); n > 2 && n < 5 {
			note("%s and %s have %d runs together: how much runs differ by themselves is hardly known from so few, "+
				"and intervals are very wide. Three of each side are a good start.", letter(0), letter(i+1), n)
		}
	}
	if n := len(c.Differing); n > 1 {
		note("The setups differ in %d things, and the figures can't tell which of them a difference comes from.", n)
	}
}
