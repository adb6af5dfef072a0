package workshop

import (
	"fmt"
	"io"
	"strings"

	"github.com/canarylab/canarylab/harness/describe"
	"github.com/canarylab/canarylab/scenarios/course"
)

// Markdown writes a trainer's notes for a path: for each stop what it shows, what to say and to do, what there is to be
// seen, a question with its answer, and what is learned.
func Markdown(w io.Writer, path course.Path) error {
	all, err := scenes(path)
	if err != nil {
		return fmt.Errorf("make the notes for path %s: %w", path.Name, err)
	}
	n := &notes{}
	n.line("# %s", describe.Prose(path.Title))
	n.text(path.About)
	n.text("Before: canarylab up, once, on each machine; the first one builds everything. Whoever mends has a second " +
		"terminal, with canarylab shell.")
	for _, s := range all {
		n.scene(s)
	}
	_, err = io.WriteString(w, n.String())
	return err
}

// notes are Markdown that is being written.
type notes struct{ strings.Builder }

func (n *notes) line(text string, args ...any) { fmt.Fprintf(n, text+"\n", args...) }

// text writes a paragraph, and nothing for an empty one.
func (n *notes) text(text string) { n.paragraph("", text) }

// paragraph writes one that begins with a word in bold.
func (n *notes) paragraph(lead, text string) {
	if text == "" {
		return
	}
	if lead != "" {
		lead = "**" + lead + "** "
	}
	n.line("\n%s", describe.Wrap("", lead+describe.Prose(text)))
}

// scene writes a stop.
func (n *notes) scene(s scene) {
	n.line("\n## %d. %s", s.Number, describe.Prose(s.String()))
	n.paragraph("It shows:", s.Title+".")
	n.paragraph("It takes", s.Takes)
	n.paragraph("Say:", s.Brief)
	n.line("\n**Do:**\n\n```\n%s\n```", strings.Join(s.Do, "\n"))
	if len(s.Sees) > 0 {
		n.line("\n**They should see:**\n")
		for _, see := range s.Sees {
			n.line("%s", describe.Wrap("- ", describe.Prose(see)))
		}
	}
	n.paragraph("Ask:", s.Question)
	n.paragraph("Why:", s.Why)
	n.paragraph("Fix:", s.Fix)
	if len(s.Look) > 0 {
		n.line("\n**Where to look**, in a canarylab shell:\n\n%s", strings.TrimSuffix(describe.Commands(s.Look), "\n"))
	}
	n.paragraph("They have learned:", s.Learned)
}
