package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
)

var (
	//go:embed page.tmpl
	pageTemplate string
	//go:embed page.css
	pageStyle string
	//go:embed page.js
	pageScript string
)

// marks are what outcomes look like beside their color.
var marks = map[reports.Outcome]string{
	reports.Pass: "✓", reports.Inconclusive: "?", reports.Invalid: "!", reports.Fail: "✗",
}

// parsed is parsed once: a mistake in it is one of this package's.
var parsed = template.Must(template.New("page").Funcs(template.FuncMap{
	"number": format.Number,
	"mark":   func(o reports.Outcome) string { return marks[o] },
}).Parse(pageTemplate))

// A document is the page as it is served, before its figures.
type document struct {
	Panels []Panel
	Style  template.CSS
	// Scripts are the page's own, and that of each panel.
	Scripts []template.JS
	// policy lets these styles and scripts run and nothing else, and lets the page talk to its own server alone.
	policy string
}

// newDocument puts the parts of a page together.
func newDocument(panels []Panel) (*document, error) {
	style, scripts := pageStyle, []string{pageScript}
	for _, p := range panels {
		style += p.Style
		if p.Script != "" {
			scripts = append(scripts,
				fmt.Sprintf("canarylab.panel(%q, function (element, page) {\n%s\n});\n", p.Name, p.Script))
		}
	}
	scripts = append(scripts, "canarylab.start();\n")
	d := &document{Panels: panels, Style: template.CSS(style)} // #nosec G203 -- this program's own, as all scripts are
	var allowed []string
	for _, s := range scripts {
		if strings.Contains(strings.ToLower(s), "</script") {
			return nil, errors.New("serve a page: a script in it has the end of a script in it")
		}
		d.Scripts = append(d.Scripts, template.JS(s)) // #nosec G203
		allowed = append(allowed, hash(s))
	}
	d.policy = strings.Join([]string{
		"default-src 'none'", "style-src " + hash(style), "script-src " + strings.Join(allowed, " "),
		"connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
	}, "; ")
	return d, nil
}

// hash is how a content security policy names a style or a script.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// write writes the page with the figures of now.
func (d *document) write(w io.Writer, f *Face) error {
	var b bytes.Buffer
	if err := parsed.Execute(&b, struct {
		*document
		Face *Face
	}{d, f}); err != nil {
		return fmt.Errorf("draw the page: %w", err)
	}
	_, err := b.WriteTo(w)
	return err
}
