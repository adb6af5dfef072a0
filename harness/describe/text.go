package describe

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
)

const (
	// leastWidth is what names and texts side by side need.
	leastWidth = 72
	// most is how wide lines get where nothing else is asked for, and at most: longer ones are hard to read.
	most = 100
)

// Text tells a scenario on one screen, in lines of width columns: 0 is 100, which is also the most.
func Text(w io.Writer, d Description, width int) error {
	t := &teller{width: max(min(cmp.Or(width, most), most), leastWidth)}
	t.para("", d.Name+": "+d.Title)
	t.gap()
	t.para("      ", d.Story)
	t.gap()
	t.para("why   ", d.Cause)
	t.para("      ", d.Source)
	lead := "see   "
	for _, see := range d.See {
		t.para(lead, see)
		lead = "      "
	}
	t.para("fix   ", d.Fix)
	t.para("back  ", d.Back)
	t.para("load  ", method(d.Load)+" "+d.Load.URL+": "+strings.Join(cohorts(d.Load), "; "))
	t.gap()
	// Who decides is a long text, and often the same one.
	decides, odds := map[string]int{}, map[string]int{}
	again := func(told map[string]int, text string, phase int) string {
		if first, ok := told[text]; ok && text != "" {
			return fmt.Sprintf("the same as in phase %d", first)
		}
		told[text] = phase
		return text
	}
	for i, p := range d.Phases {
		t.para(fmt.Sprintf("%2d ", i+1), head(p))
		t.para("   awaits  ", strings.Join(p.Awaits, "; "))
		t.para("   until   ", again(decides, p.Until, i+1))
		t.para("   odds    ", again(odds, p.Odds, i+1))
		t.para("   proves  ", strings.Join(p.Proves, "; "))
		t.para("   claims  ", strings.Join(p.Claims, "; "))
	}
	if d.Repeated > 0 {
		t.para("   ", repeated(d.Repeated))
	}
	_, err := io.WriteString(w, t.String())
	return err
}

// repeated says that there are more phases.
func repeated(n int) string {
	if n == 1 {
		return "and 1 more phase, which repeats one of these"
	}
	return fmt.Sprintf("and %d more phases, which repeat these", n)
}

// head is a phase's name, what it is in the story, and what it does.
func head(p Phase) string {
	text := p.Name
	if role := p.role(); role != "" {
		text += " (" + role + ")"
	}
	if p.Does != "" {
		text += ": " + p.Does
	}
	return text
}

// A teller is a description being printed.
type teller struct {
	strings.Builder
	width int
}

// para prints a paragraph after its lead, and nothing for an empty one.
func (t *teller) para(lead, text string) {
	for _, line := range terminal.Wrap(format.Printable(text), t.width-len(lead)) {
		fmt.Fprintf(t, "%s%s\n", lead, line)
		lead = strings.Repeat(" ", len(lead))
	}
}

func (t *teller) gap() { t.WriteString("\n") }
