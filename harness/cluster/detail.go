package cluster

// A Detailer is a Progress that also wants to know what a running step is at, such as the package that is being
// compiled.
type Detailer interface {
	// Detail replaces what was last said of the step.
	Detail(step, text string)
}
