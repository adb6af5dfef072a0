package html

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Style is the page's style sheet, for other pages that are to look like it.
func Style() string { return style }

// ScriptlessPolicy is the content security policy of a page with one style sheet and no script: it lets nothing
// else in, and nothing be fetched.
func ScriptlessPolicy(css string) string {
	sum := sha256.Sum256([]byte(css))
	return strings.Join(
		[]string{
			"default-src 'none'", "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'",
			"base-uri 'none'", "form-action 'none'",
		},
		"; ",
	)
}
