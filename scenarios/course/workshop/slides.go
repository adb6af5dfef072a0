package workshop

import (
	"bytes"
	_ "embed" // the slides' parts
	"fmt"
	"html/template"
	"io"
	"strings"
	"unicode"

	"github.com/canarylab/canarylab/reports/html"
	"github.com/canarylab/canarylab/scenarios/course"
)

var (
	//go:embed slides.tmpl
	slidesTemplate string
	//go:embed slides.css
	slidesStyle string
	//go:embed slides.js
	slidesScript string
)

var document = template.Must(template.New("slides").Parse(slidesTemplate))

// A slide is one of the deck.
type slide struct {
	Number, Of int
	// Sort is what it is styled by: "cover", "brief", "ask", "why" or "learned".
	Sort string
	// Above is a line over the title.
	Above, Title string
	// Text is in sentences, Lines are what is typed, List what is to be seen.
	Text  string
	Lines []string
	List  []string
}

// Slides writes the slides of a path as one HTML file that needs nothing else: no network and no server.
func Slides(w io.Writer, path course.Path) error {
	all, err := scenes(path)
	if err != nil {
		return fmt.Errorf("make the slides of path %s: %w", path.Name, err)
	}
	deck := []slide{{Sort: "cover", Above: "canarylab", Title: path.Title, Text: path.About}}
	for _, s := range all {
		deck = append(deck, s.slides()...)
	}
	for i := range deck {
		deck[i].Number, deck[i].Of = i+1, len(deck)
	}
	// The report's sheet has the colors; they are one program's.
	css := html.Style() + slidesStyle
	var b bytes.Buffer
	if err := document.Execute(&b, struct {
		Title  string
		Policy string
		Style  template.CSS
		Script template.JS
		Slides []slide
	}{
		path.Title, html.Policy(css, slidesScript),
		template.CSS(css), template.JS(slidesScript), deck, // #nosec G203 -- they are this program's own
	}); err != nil {
		return fmt.Errorf("draw the slides of path %s: %w", path.Name, err)
	}
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("write the slides of path %s: %w", path.Name, err)
	}
	return nil
}

// What a slide has room for, at a size that is read from the back row: characters of a text, and lines of a list.
const (
	roomForText = 520
	roomForList = 5
	roomForLine = 150
)

// slides are those of a stop: the brief, the question with what there is to be seen, the cause, and what is learned.
func (s scene) slides() []slide {
	above := fmt.Sprintf("%d of %d: %s", s.Number, s.Of, s.Stop)
	brief := slide{Sort: "brief", Above: above, Title: s.Title, Text: beginning(s.Brief, roomForText), Lines: s.Do}
	if s.Kind == course.Mend && s.Why != "" {
		brief.Title = "Something breaks. Mend it."
	}
	ask := slide{Sort: "ask", Above: above, Title: s.Question}
	for _, see := range s.Sees[:min(len(s.Sees), roomForList)] {
		ask.List = append(ask.List, shortened(see, roomForLine))
	}
	all := []slide{brief, ask}
	if s.Why != "" {
		all = append(all, slide{Sort: "why", Above: above, Title: s.Title, Text: beginning(s.Why, roomForText)})
	}
	learned := slide{Sort: "learned", Above: above, Title: s.Learned}
	if s.Fix != "" {
		learned.Text = "Fix: " + beginning(s.Fix, roomForText)
	}
	return append(all, learned)
}

// beginning are the first sentences of a text, as many as have room, and at least one.
func beginning(text string, room int) string {
	end := 0
	for i := 1; i+1 < len(text); i++ {
		// A sentence ends before a capital.
		if text[i] == ' ' && strings.ContainsRune(".:?!", rune(text[i-1])) && unicode.IsUpper(rune(text[i+1])) {
			if end > 0 && i > room {
				return text[:end]
			}
			end = i
		}
	}
	if len(text) > room && end > 0 {
		return text[:end]
	}
	return text
}

// shortened is a line's beginning up to where one of its parts ends.
func shortened(text string, room int) string {
	for len(text) > room {
		i := strings.LastIndex(text, "; ")
		if i < 0 {
			break
		}
		text = text[:i]
	}
	return text
}
