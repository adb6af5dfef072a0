package manifest

import "fmt"

// A Problem is one mistake in a manifest.
type Problem struct {
	// File is the name that the caller gave.
	File string
	// Line counts from 1. It is 0 for the file as a whole.
	Line int
	// Column counts from 1, in letters. It is 0 where only the line is known.
	Column int
	// Text says what is wrong and, if that is known, what is right.
	Text string
}

// Error is "label-mismatch/2-canary.yaml:14: unknown field spec.http[0].rout: did you mean route?". Editors jump to it.
func (p Problem) Error() string {
	switch {
	case p.Line == 0:
		return fmt.Sprintf("%s: %s", p.File, p.Text)
	case p.Column > 0:
		return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
}

// Parts takes joined errors apart. An error that is none is its own only part, and nil has none.
func Parts(err error) []error {
	if err == nil {
		return nil
	}
	many, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // the parts are wanted, not one that it wraps
	if !ok {
		return []error{err}
	}
	return many.Unwrap()
}
