package compare

import (
	"bytes"
	_ "embed" // the page's parts
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"

	"github.com/canarylab/canarylab/reports/html"
)

var (
	//go:embed page.tmpl
	pageTemplate string
	//go:embed style.css
	ownStyle string
)

var document = template.Must(
	template.New("comparison").Funcs(template.FuncMap{"class": func(j Judgement) string { return classes[j] }}).Parse(
		pageTemplate),
)

// classes are the style sheet's names of judgements.
var classes = map[Judgement]string{Different: "different", NotShown: "alike", NotJudged: "unjudged"}

// HTML draws a comparison as one file that needs nothing else: no network and no script. It looks like a run's
// report.html, whose style it has.
func HTML(w io.Writer, c *Comparison) error {
	v := newView(c)
	css := html.Style() + ownStyle
	data := struct {
		Policy string
		Style  template.CSS
		Title, Subtitle,
		Equal, Method string
		Outcomes        [][2]string
		Runs, Setup     gridView
		Sections        []sectionView
		Verdicts        [][2]string
		Warnings, Notes []string
		Several, Differ bool
	}{
		Policy: html.ScriptlessPolicy(css), Style: template.CSS(css), // #nosec G203 -- it is this program's own
		Title: v.title, Subtitle: v.subtitle, Equal: v.equal, Method: v.method, Verdicts: v.verdicts,
		Warnings: v.warnings, Notes: v.notes,
		Runs:    gridView{v.runs.head, v.runs.rows, v.runs.left},
		Setup:   gridView{v.setup.head, v.setup.rows, v.setup.left},
		Several: len(c.Pairs) > 1,
	}
	for i, s := range v.headlines {
		data.Outcomes = append(data.Outcomes, [2]string{s, v.summaries[i]})
	}
	for _, p := range c.Pairs {
		data.Differ = data.Differ || len(p.Different()) > 0
	}
	for _, s := range v.sections {
		data.Sections = append(data.Sections, newSectionView(s))
	}
	var b bytes.Buffer
	if err := document.Execute(&b, data); err != nil {
		return fmt.Errorf("draw comparison: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write comparison: %w", err)
	}
	return nil
}

type gridView struct {
	Head []string
	Rows [][]string
	// Left is how many columns are texts.
	Left int
}

type sectionView struct {
	Title, Base, Other, Unit string
	// Least and Most are the ends of the plots' scale, None is its middle.
	Least, None, Most string
	Groups            []groupView
	Nothing           bool
}

type groupView struct {
	Name string
	Rows []rowView
}

type rowView struct {
	Judgement                               Judgement
	Name, Base, Other, Difference, Interval string
	Details                                 []string
	// Plot is nil where there is no difference to draw.
	Plot *plot
}

// A plot is an interval with its estimate, in percent of the plot's width. The middle is no difference.
type plot struct {
	// From and Width are the interval, At the estimate. Bounded tells whether there is an interval.
	From, Width, At string
	Bounded         bool
}

func newSectionView(s section) sectionView {
	v := sectionView{Title: upper(s.title), Base: s.base, Other: s.other, Nothing: s.none}
	most, unit := 0.0, Unit("")
	each := func(do func(f *Figure)) {
		for _, g := range s.groups {
			for _, r := range g.rows {
				do(r.figure)
			}
		}
	}
	each(func(f *Figure) {
		unit = f.Unit
		for _, x := range []*float64{f.Difference, f.Low, f.High} {
			if x != nil {
				most = max(most, math.Abs(scaled(*x, f.Unit)))
			}
		}
	})
	if most == 0 {
		most = 1
	}
	switch v.Unit = string(unit); unit {
	case Factor:
		v.Least, v.None, v.Most = "× "+strconv.FormatFloat(math.Exp(-most), 'f', 2, 64), "× 1",
			"× "+strconv.FormatFloat(math.Exp(most), 'f', 2, 64)
	default:
		v.Least, v.None, v.Most = signed(-most, unit), "0", signed(most, unit)
	}
	for _, g := range s.groups {
		view := groupView{Name: g.name}
		for _, r := range g.rows {
			view.Rows = append(view.Rows, rowView{
				Judgement: r.figure.Judgement, Name: r.name, Base: r.base, Other: r.other, Difference: r.difference,
				Interval: r.interval, Details: r.details,
				Plot: newPlot(r.figure, most),
			})
		}
		v.Groups = append(v.Groups, view)
	}
	return v
}

// scaled puts a difference on a straight scale around 0.
func scaled(x float64, unit Unit) float64 {
	if unit == Factor {
		return math.Log(x)
	}
	return x
}

func newPlot(f *Figure, most float64) *plot {
	if f.Difference == nil {
		return nil
	}
	// A little room at both ends is for the dots.
	at := func(x float64) float64 { return 50 + 46*scaled(x, f.Unit)/most }
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }
	p := &plot{At: number(at(*f.Difference))}
	if f.Low == nil && f.High == nil {
		return p
	}
	from, to := 0.0, 100.0
	if f.Low != nil {
		from = at(*f.Low)
	}
	if f.High != nil {
		to = at(*f.High)
	}
	p.Bounded, p.From, p.Width = true, number(from), number(max(to-from, 0))
	return p
}
