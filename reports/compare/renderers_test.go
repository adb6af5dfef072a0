package compare

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports/terminal"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	renderhtml "github.com/yuin/goldmark/renderer/html"

	xhtml "golang.org/x/net/html"

	"github.com/canarylab/canarylab/reports/html"
	"github.com/canarylab/canarylab/reports/internal/golden"
)

func TestMarkdownGolden(t *testing.T) {
	for name, c := range cases(t) {
		var b bytes.Buffer
		if err := Markdown(&b, c); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, name+".md", b.Bytes())
	}
}

// TestHTMLGolden leaves out the style sheet, which is a run's report's.
func TestHTMLGolden(t *testing.T) {
	for name, c := range cases(t) {
		var b bytes.Buffer
		if err := HTML(&b, c); err != nil {
			t.Fatal(err)
		}
		style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindSubmatch(b.Bytes())
		if style == nil || !bytes.Contains(style[1], []byte(html.Style())) {
			t.Fatalf("%s: there is no style sheet, or not a report's", name)
		}
		sum := sha256.Sum256(style[1])
		hash := base64.StdEncoding.EncodeToString(sum[:])
		doc := strings.ReplaceAll(strings.Replace(b.String(), string(style[1]), "STYLE", 1), hash, "HASH")
		// The template writes + in attributes as an entity.
		doc = strings.ReplaceAll(doc, strings.ReplaceAll(hash, "+", "&#43;"), "HASH")
		if !strings.Contains(doc, "'sha256-HASH'") && !strings.Contains(doc, "&#39;sha256-HASH&#39;") {
			t.Errorf("%s: the policy does not have the style sheet's hash", name)
		}
		golden.Check(t, name+".html", []byte(doc))
	}
}

// TestHostileTextsStayTexts looks at the elements and attributes that a parser finds, in the page and in what
// Markdown is rendered to.
func TestHostileTextsStayTexts(t *testing.T) {
	c := cases(t)["hostile"]
	var page, source, markdown, plain bytes.Buffer
	if err := errors.Join(HTML(&page, c), Markdown(&source, c), Text(&plain, c, terminal.Options{})); err != nil {
		t.Fatal(err)
	}
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(
		renderhtml.WithUnsafe(),
	)).Convert(source.Bytes(), &markdown); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(source.String(), "\n::"); n > 0 {
		t.Errorf("%d lines of the Markdown begin with a command of GitHub Actions", n)
	}
	for name, doc := range map[string]string{"page": page.String(), "Markdown": markdown.String()} {
		z := xhtml.NewTokenizer(strings.NewReader(doc))
		for {
			kind := z.Next()
			if kind == xhtml.ErrorToken {
				break
			}
			if kind != xhtml.StartTagToken && kind != xhtml.SelfClosingTagToken {
				continue
			}
			token := z.Token()
			switch token.Data {
			case "script", "img", "iframe", "object", "link":
				t.Errorf("%s: got an element %s", name, token)
			}
			for _, a := range token.Attr {
				if strings.HasPrefix(a.Key, "on") || strings.HasPrefix(
					a.Val, "javascript:",
				) || a.Key == "href" && !strings.HasPrefix(a.Val, "#") {
					t.Errorf("%s: got an attribute of %s", name, token)
				}
			}
		}
		if !strings.Contains(doc, "alert(1)") {
			t.Errorf("%s: the hostile text is not there at all", name)
		}
	}
	if strings.ContainsRune(plain.String(), 0x1b) {
		t.Error("a control character of a run reaches the terminal")
	}
}

func TestJSONIsWhole(t *testing.T) {
	for name, c := range cases(t) {
		b, err := json.Marshal(c)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var back Comparison
		if err := json.Unmarshal(b, &back); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(back.Pairs) != len(c.Pairs) || back.Found != c.Found || back.Confidence != c.Confidence {
			t.Errorf("%s: got %+v back", name, back)
		}
	}
}
