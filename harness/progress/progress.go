// Package progress is how a long operation tells what it is at, and how it is watched.
package progress

import "time"

// Progress is told what a long operation is at. Steps may overlap.
type Progress interface {
	// Step starts a step and returns the function that ends it, with the error that it ended in, if any.
	Step(name string) (done func(err error))
}

// A Detailer is a Progress that also wants to know what a running step is at, such as the package that is being
// compiled.
type Detailer interface {
	// Detail replaces what was last said of the step.
	Detail(step, text string)
}

// Begin starts a step of p, which may be nil: then nobody is told.
func Begin(p Progress, name string) (done func(err error)) {
	if p == nil {
		return func(error) {}
	}
	return p.Step(name)
}

// Detail tells p what a step is at, if p wants to know. It may be nil.
func Detail(p Progress, step, text string) {
	if d, ok := p.(Detailer); ok {
		d.Detail(step, text)
	}
}

// A Step is one finished step of a bring-up. Start and Took are relative to the bring-up's beginning.
type Step struct {
	Name  string        `json:"name"`
	Start time.Duration `json:"startNs"`
	Took  time.Duration `json:"tookNs"`
}

// Prefixed tells p of steps whose names begin with a prefix: of several runs at once, each has one. p may be nil.
func Prefixed(p Progress, prefix string) Progress { return prefixed{p, prefix} }

type prefixed struct {
	to     Progress
	prefix string
}

// Step implements Progress.
func (p prefixed) Step(name string) func(error) { return Begin(p.to, p.prefix+name) }

// Detail implements Detailer.
func (p prefixed) Detail(step, text string) { Detail(p.to, p.prefix+step, text) }
