package expect

import "github.com/canarylab/canarylab/reports/analysis"

// Share claims that version answers percent of all requests. Envoy's own answers count among all requests: a canary
// that gets its 10 % as 503s has a share of 0. Claims of 0 and of 100 are exact: one stray request fails them.
func Share(version string, percent float64) proportion {
	return proportion{property: answeredBy(version), percent: percent}
}

// answeredBy is the property of a request that a version answered.
type answeredBy string

func (version answeredBy) String() string                     { return "answered by " + string(version) }
func (answeredBy) kind() string                               { return "share" }
func (version answeredBy) subject() string                    { return string(version) }
func (version answeredBy) count(c analysis.Counts) (int, int) { return c.Versions[string(version)], 0 }
func (answeredBy) doubt() string                              { return "" }
func (version answeredBy) request() request                   { return request{version: string(version)} }
func (answeredBy) adds() bool                                 { return true }

func (version answeredBy) lacks() string {
	if version == "" {
		return "a version"
	}
	return ""
}

func (version answeredBy) moved(f analysis.Failure) (gave, kept bool) {
	return false, mayReach(f, string(version))
}
func (answeredBy) spared(percent float64) bool { return percent > 0 }

func (version answeredBy) describe(r *Record) { r.Version = string(version) }

var _ = recorded("share", func(r Record) Expectation { return Share(r.Version, r.Percent).as(r) })
