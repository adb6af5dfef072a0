package html

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// The style sheet has so many colors for versions and patterns for failures. What is more shares the last of them.
const (
	versionColors = 5
	failurePaints = 4
)

// A palette gives every version and every way to fail one look, the same all over the page.
type palette struct {
	versions map[string]string
	flags    map[string]string
	// causes has the meaning of a flag in a few words, where the report has one.
	causes map[string]string
}

func newPalette(r *reports.Report) *palette {
	p := &palette{versions: map[string]string{}, flags: map[string]string{}, causes: map[string]string{}}
	versions, flags := map[string]bool{}, map[string]int{}
	for _, phase := range r.Phases {
		o := phase.Observation
		for _, w := range []analysis.Window{o.Transition, o.Settled} {
			for v := range w.Total.Versions {
				versions[v] = true
			}
			for f, n := range w.Total.Flags {
				flags[f] += n
			}
			for _, f := range w.Total.Failures {
				if short, _, _ := strings.Cut(f.Cause, ":"); p.causes[f.Key()] == "" {
					p.causes[f.Key()] = short
				}
			}
		}
	}
	if r.Timeline != nil {
		for _, s := range r.Timeline.Series {
			if s.Flag == "" {
				versions[s.Version] = true
			} else if _, known := flags[s.Flag]; !known {
				flags[s.Flag] = s.Total()
			}
		}
	}
	for _, c := range r.Curves {
		versions[c.Version] = true
	}
	delete(versions, "")
	for i, v := range slices.SortedFunc(maps.Keys(versions), analysis.CompareVersions) {
		p.versions[v] = fmt.Sprintf("v%d", min(i, versionColors))
	}
	byCount := slices.SortedFunc(maps.Keys(flags), func(a, b string) int {
		return cmp.Or(flags[b]-flags[a], strings.Compare(a, b))
	})
	for i, f := range byCount {
		p.flags[f] = fmt.Sprintf("e%d", min(i, failurePaints-1))
	}
	return p
}

// version is the class of a version's marks.
func (p *palette) version(name string) string { return cmp.Or(p.versions[name], "vx") }

// flag is the class of a failure's marks.
func (p *palette) flag(key string) string { return cmp.Or(p.flags[key], "e0") }

// subject is the class of what a claim is about.
func (p *palette) subject(row reports.SplitRow) string {
	switch {
	case !row.Status:
		return p.version(row.Subject)
	case row.Subject < "400" && row.Subject != "0":
		return "vx"
	}
	return p.flag(row.Subject)
}

// series is the class of a timeline's series.
func (p *palette) series(s analysis.Series) string {
	if s.Flag == "" {
		return p.version(s.Version)
	}
	return p.flag(s.Flag)
}
