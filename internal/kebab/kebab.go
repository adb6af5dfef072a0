// Package kebab knows names in kebab case, such as beta-users.
package kebab

import "regexp"

var (
	kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	label = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
)

// Is tells whether name is in kebab case: lower-case letters and digits, with single dashes between them.
func Is(name string) bool { return kebab.MatchString(name) }

// IsLabel tells whether name is in kebab case and begins with a letter. Kubernetes takes such a name for a
// namespace, and also where it wants a DNS label (RFC 1035); the length is the caller's to judge.
func IsLabel(name string) bool { return label.MatchString(name) }
