package reports

import (
	"maps"
	"slices"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// A SplitRow holds what was asked of one cohort's share against what was observed.
type SplitRow struct {
	// Cohort is whose requests, empty for all of a window with several cohorts.
	Cohort string
	// Subject is a version, "" for no version, or a status such as "503", or a status and flag such as "503 UH".
	Subject string
	// Status tells that Subject is a status.
	Status bool
	Seen   analysis.Share
	// Claim is what was claimed of it, nil where nothing was. Outcome is that of the claim's verdict.
	Claim   *Claim
	Outcome Outcome
	// Moved tells that the share did not keep still, so that the interval means nothing.
	Moved bool
}

// SplitRows are a window's shares: of all and of each cohort, every version that answered or was asked to, and
// every status that was claimed.
func SplitRows(w analysis.Window, verdicts []Verdict, plan loadgen.Plan) []SplitRow {
	cohorts := analysis.CohortOrder(w.Cohorts, plan)
	if len(cohorts) > 1 {
		cohorts = slices.Insert(cohorts, 0, "")
	}
	var all []SplitRow
	for _, cohort := range cohorts {
		counts := w.Of(cohort)
		claimed := ClaimsOf(w, verdicts, cohort)
		subjects := slices.Collect(maps.Keys(counts.Versions))
		var statuses []string
		for subject := range claimed {
			if analysis.IsStatus(subject) {
				statuses = append(statuses, subject)
			} else if _, seen := counts.Versions[subject]; !seen {
				subjects = append(subjects, subject)
			}
		}
		slices.SortFunc(subjects, analysis.CompareVersions)
		slices.Sort(statuses)
		for _, subject := range append(subjects, statuses...) {
			n := counts.Of(subject)
			v := claimed[subject]
			all = append(all, SplitRow{
				Cohort: cohort, Subject: subject, Status: analysis.IsStatus(subject),
				Seen: analysis.NewShare(n, counts.Requests), Claim: v.Claim, Outcome: v.Outcome,
				Moved: counts.Moved(subject),
			})
		}
	}
	return all
}

// Asked is the claimed share for a table, empty where none was claimed.
func (s SplitRow) Asked() string {
	if s.Claim == nil {
		return ""
	}
	return s.Claim.Asked()
}

// Interval is the interval of the observed share for a table, or why there is none.
func (s SplitRow) Interval() string {
	switch {
	case s.Moved:
		return "it moved"
	case s.Seen.Of == 0:
		return ""
	}
	return format.Range(format.Percent(s.Seen.Low), format.Percent(s.Seen.High))
}

// ClaimsOf are the verdicts about a cohort's shares, by subject. The only cohort of a window and all of its
// requests are the same.
func ClaimsOf(w analysis.Window, verdicts []Verdict, cohort string) map[string]Verdict {
	_, here := w.Cohorts[cohort]
	same := len(w.Cohorts) == 1 && (here || cohort == "")
	out := map[string]Verdict{}
	for _, v := range verdicts {
		if v.Claim == nil {
			continue
		}
		if _, claimed := w.Cohorts[v.Claim.Cohort]; v.Claim.Cohort == cohort || same &&
			(claimed || v.Claim.Cohort == "") {
			out[v.Claim.Subject] = v
		}
	}
	return out
}
