package reports

import "github.com/canarylab/canarylab/reports/format"

// APIFlag has a run's scenario played by the API that it was played by, empty for its own.
func APIFlag(r *Report) string { return format.When(r.Setup.API != "", " --api gateway") }

// StoryArg is a run's scenario as the command line takes it: by its name, or, where it is none of the catalogue, by a
// folder of that name, wherever that was.
func StoryArg(r *Report) string {
	if r.Setup.FromFolder {
		return "./" + r.Scenario
	}
	return r.Scenario
}
