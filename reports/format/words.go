// Package format has the words and numbers that all reports share.
package format

import (
	"slices"
	"strings"
)

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

// Range is from the least to the greatest: "4.5 – 5.8".
func Range(low, high string) string { return low + " – " + high }

// Plural is a number with its noun.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}
