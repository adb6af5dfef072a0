package reports

// StoryArg is a run's scenario as the command line takes it: by its name, or, where it is none of the catalogue, by a
// folder of that name, wherever that was.
func StoryArg(r *Report) string {
	if r.Setup.FromFolder {
		return "./" + r.Scenario
	}
	return r.Scenario
}
