// Package kebab knows names in kebab case, such as beta-users.
package kebab

import (
	"regexp"
	"strings"
)

var (
	kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	label = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
)

// Is tells whether name is in kebab case: lower-case letters and digits, with single dashes between them.
func Is(name string) bool { return kebab.MatchString(name) }

// IsLabel tells whether name is in kebab case and begins with a letter. Kubernetes takes such a name for a
// namespace, and also where it wants a DNS label (RFC 1035); the length is the caller's to judge.
func IsLabel(name string) bool { return label.MatchString(name) }

// others are the characters that a name in kebab case does not have.
var others = regexp.MustCompile(`[^a-z0-9]+`)

// Of makes a name in kebab case of a text. It is empty where the text has no letter and no digit.
func Of(text string) string {
	return strings.Trim(others.ReplaceAllString(strings.ToLower(text), "-"), "-")
}
