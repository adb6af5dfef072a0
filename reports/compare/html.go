package compare

import (
	"bytes"
	"cmp"
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

var document = template.Must(template.New("comparison").Funcs(template.FuncMap{
	"class": func(j Judgement) string { return looks[j].class },
	"sign":  func(j Judgement) string { return looks[j].sign },
	"upper": upper,
}).Parse(pageTemplate))

// HTML draws a comparison as one file that needs nothing else: no network and no script. It looks like a run's
// report.html, whose style it has.
func HTML(w io.Writer, c *Comparison) error {
	css := html.Style() + ownStyle
	data := struct {
		view
		Policy string
		Style  template.CSS
	}{newView(c), html.Policy(css, ""), template.CSS(css)} // #nosec G203 -- it is this program's own
	var b bytes.Buffer
	if err := document.Execute(&b, data); err != nil {
		return fmt.Errorf("draw comparison: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write comparison: %w", err)
	}
	return nil
}

// A plot is an interval with its estimate, in percent of the plot's width. The middle is no difference.
type plot struct {
	// From and Width are the interval, At the estimate. Bounded tells whether there is an interval.
	From, Width, At string
	Bounded         bool
}

// reach is how far from no difference the figures and their intervals are at most, on the scale of scaled.
func reach(figures []*Figure) float64 {
	most := 0.0
	for _, f := range figures {
		for _, x := range []*float64{f.Difference, f.Low, f.High} {
			if x != nil {
				most = max(most, math.Abs(scaled(*x, f.Unit)))
			}
		}
	}
	return cmp.Or(most, 1)
}

// scaleOf labels the ends and the middle of a scale.
func scaleOf(most float64, unit Unit) [3]string {
	if unit == Factor {
		return [3]string{signed(math.Exp(-most), unit), "× 1", signed(math.Exp(most), unit)}
	}
	return [3]string{signed(-most, unit), "0", signed(most, unit)}
}

// scaled puts a difference on a straight scale around 0.
func scaled(x float64, unit Unit) float64 {
	if unit == Factor {
		return math.Log(x)
	}
	return x
}

// newPlot is nil where there is no difference to draw.
func newPlot(f *Figure, most float64) *plot {
	if f.Difference == nil {
		return nil
	}
	// A little room at both ends is for the dots.
	at := func(x float64) float64 { return 50 + 46*scaled(x, f.Unit)/most }
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }
	from, to := 0.0, 100.0
	if f.Low != nil {
		from = at(*f.Low)
	}
	if f.High != nil {
		to = at(*f.High)
	}
	return &plot{number(from), number(max(to-from, 0)), number(at(*f.Difference)), f.Low != nil || f.High != nil}
}
