// Package format has the words and numbers that all reports share.
package format

import (
	"slices"
	"strings"
)

// IsAre is "is WHAT" or "are WHAT".
func IsAre(n int, what string) string {
	if n == 1 {
		return "is " + what
	}
	return "are " + what
}

// Join joins the texts that are not empty.
func Join(sep string, texts ...string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(texts), func(s string) bool { return s == "" }), sep)
}

// When is text if ok holds.
func When(ok bool, text string) string {
	if !ok {
		return ""
	}
	return text
}

// Named is "name value", empty without a value.
func Named(name, value string) string { return When(value != "", name+" "+value) }

// Plural is a number with its noun.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}
