// Package html draws a run as one HTML file that needs nothing else: no network, no server, and no script to be
// read. Charts are SVG that is drawn here. All text goes through html/template, and a content security policy
// that names its own style and script by their hashes lets nothing else run: what a report says comes from
// outside.
package html

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
)

// File is the usual name of the page in a run's folder.
const File = "report.html"

var (
	//go:embed page.tmpl
	pageTemplate string
	//go:embed style.css
	style string
	//go:embed script.js
	script string
)

// document is parsed once: a mistake in it is one of this package's.
var document = template.Must(template.New("page").Funcs(template.FuncMap{
	"percent": format.Percent,
	"number":  format.Number,
	"short":   format.Short,
	"mark":    func(o reports.Outcome) string { return marks[o] },
}).Parse(pageTemplate + strings.TrimSpace(routingTemplate)))

// Write draws run.
func Write(w io.Writer, run *reports.Run) error {
	p := newPage(run)
	css := style + p.rules.String()
	// #nosec G203 -- both are this package's own, rules are numbers
	p.Style, p.Script = template.CSS(css), template.JS(script)
	p.Policy = Policy(css, script)
	var b bytes.Buffer
	if err := document.Execute(&b, p); err != nil {
		return fmt.Errorf("draw report.html: %w", err)
	}
	if _, err := visible.WriteString(w, strings.TrimLeft(b.String(), "\n")); err != nil {
		return fmt.Errorf("write report.html: %w", err)
	}
	return nil
}

// Policy is the content security policy of a page with one style sheet, and one script or none: it lets nothing else
// in, and nothing be fetched.
func Policy(css, js string) string {
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return format.Join("; ", "default-src 'none'", "style-src "+hash(css),
		format.When(js != "", "script-src "+hash(js)), "base-uri 'none'", "form-action 'none'")
}

// Style is the page's style sheet, for other pages that are to look like it.
func Style() string { return style }

// visible shows characters that would turn the text around them: a line of a manifest has to look like what it
// is. The page itself has none.
var visible = strings.NewReplacer(
	"\u061c", "⟦ALM⟧", "\u200e", "⟦LRM⟧", "\u200f", "⟦RLM⟧", "\u202a", "⟦LRE⟧", "\u202b", "⟦RLE⟧", "\u202c", "⟦PDF⟧",
	"\u202d", "⟦LRO⟧", "\u202e", "⟦RLO⟧", "\u2066", "⟦LRI⟧", "\u2067", "⟦RLI⟧", "\u2068", "⟦FSI⟧", "\u2069", "⟦PDI⟧",
)
