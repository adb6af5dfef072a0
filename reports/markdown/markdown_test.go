package markdown

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"

	unsafe "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/net/html"

	"github.com/canarylab/canarylab/reports/internal/fixture"
	"github.com/canarylab/canarylab/reports/internal/golden"
)

func write(t *testing.T, run *reports.Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, run); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for _, name := range []string{"label-mismatch", "passed", "broken", "hostile", "empty", "detected", "schema-1"} {
		golden.Check(t, name+".md", []byte(write(t, fixture.Open(t, name))))
	}
}

// TestNothingBreaksOut reads the page with a reader of GitHub's Markdown that lets tags through, as GitHub does
// for harmless ones: hostile texts must not add anything to what the page is built of.
func TestNothingBreaksOut(t *testing.T) {
	for _, name := range []string{"hostile", "label-mismatch", "broken"} {
		page := write(t, fixture.Open(t, name))
		var b bytes.Buffer
		if err := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(
			unsafe.WithUnsafe(),
		)).Convert([]byte(page), &b); err != nil {
			t.Fatal(err)
		}
		doc, err := html.Parse(&b)
		if err != nil {
			t.Fatal(err)
		}
		own := []string{
			"html", "head", "body", "h3", "p", "strong", "em", "ul", "li", "table", "thead", "tbody", "tr", "th", "td",
			"details", "summary", "code", "pre",
		}
		// What GitHub makes of texts outside of code: mentions, references, pictures; and what no reader should
		// be sent.
		made := regexp.MustCompile(`@\w|#\d|GH-\d|:[a-z_]+:|https?://|www\.`)
		odd := regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f-\x9f\x{2028}-\x{202e}\x{2066}-\x{2069}\x{fffe}\x{ffff}]`)
		counts := map[string]int{}
		for n := range doc.Descendants() {
			switch n.Type {
			case html.ElementNode:
				counts[n.Data]++
				if !slices.Contains(own, n.Data) || len(n.Attr) > 0 {
					t.Errorf("%s: got an element %s %v", name, n.Data, n.Attr)
				}
			case html.CommentNode:
				t.Errorf("%s: got a comment %q", name, n.Data)
			case html.TextNode:
				if found := odd.FindString(n.Data); found != "" {
					t.Errorf("%s: got character %q in %q", name, found, n.Data)
				}
				inCode := false
				for p := n.Parent; p != nil; p = p.Parent {
					inCode = inCode || p.Data == "code"
				}
				if found := made.FindString(n.Data); found != "" && !inCode {
					t.Errorf("%s: got %q in the text %q", name, found, n.Data)
				}
			}
		}
		if own := strings.Count(page, "\n<details>"); counts["details"] != own || counts["h3"] != 1 ||
			counts["details"] == 0 {
			t.Errorf("%s: got %d folded parts and %d headings, want %d and 1", name, counts["details"], counts["h3"],
				own)
		}
		rows := strings.Count(page, "\n| ") // heads included
		if counts["tr"] != rows {
			t.Errorf("%s: got %d rows of tables, want %d", name, counts["tr"], rows)
		}
		// The reader cuts a row that is too long: so many cells must be written as are wanted.
		bars, names := regexp.MustCompile(`(\\.)|\|`), 0
		for i, line := range strings.Split(page, "\n") {
			if !strings.HasPrefix(line, "|") {
				names = 0
				continue
			}
			n := 0
			for _, found := range bars.FindAllString(line, -1) {
				if found == "|" {
					n++
				}
			}
			if names == 0 {
				names = n
			}
			if n != names {
				t.Errorf("%s, line %d: got %d bars, want %d: %s", name, i+1, n, names, line)
			}
		}
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"plain words, 5 % (4.1 to 5.8)": "plain words, 5 % (4.1 to 5.8)",
		"a|b":                           `a\|b`,
		`a\|b`:                          `a\\\|b`,
		"`x`":                           "\\`x\\`",
		"<b>&amp;":                      "&lt;b&gt;&amp;amp;",
		"@octocat":                      "@&#8203;octocat",
		"org/repo#2":                    "org/repo#&#8203;2",
		"http://x":                      "http:&#8203;//x",
		"www.x.com and GH-1":            "www&#8203;.x.com and GH&#8203;-1",
		"a\n\n# b\r\nc":                 "a #&#8203; b c",
		"1. x":                          `1\. x`,
		"- x":                           `\- x`,
		"=== x":                         `\=== x`,
		"\x1b[31mred":                   `�\[31mred`,
		"a\xffb":                        "a�b",
		"a\u202eb":                      "a�b",
		":tada: :no_entry: 06:01:02":    `:&#8203;tada: :&#8203;no\_entry: 06:01:02`,
		"1.31.0":                        "1.31.0",
		"":                              "",
	} {
		if got := text(in); got != want {
			t.Errorf("text(%q): got %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"x": "`x`", "a`b": "``a`b``", "`": "`` ` ``", "a|b": `<code>a\|b</code>`, "<i>": "`<i>`", "": "`  `",
	} {
		if got := code(in, true); got != want {
			t.Errorf("code(%q): got %q, want %q", in, got, want)
		}
	}
}

// TestFitsAComment has more of everything than a comment holds.
func TestFitsAComment(t *testing.T) {
	run := fixture.Open(t, "label-mismatch")
	r := run.Report
	for i := range 400 {
		p := r.Phases[1]
		p.Name = fmt.Sprintf("phase %d", i)
		r.Phases = append(r.Phases, p)
	}
	for _, change := range []func(){
		func() {},
		func() { r.Title, r.Scenario = strings.Repeat("|", 1<<20), strings.Repeat("@", 1<<20) },
		func() {
			for i := range 1000 {
				r.Accounting.Problems = append(r.Accounting.Problems, analysis.Problem{
					Text: fmt.Sprint(i, strings.Repeat("<", 1<<16)),
				})
			}
		},
	} {
		change()
		page := write(t, run)
		if n := utf8.RuneCountInString(page); n > MaxComment {
			t.Errorf("got %d characters, want %d at most", n, MaxComment)
		}
		if !strings.Contains(page, "and left out: ") {
			t.Error("what is left out is not said")
		}
		if strings.Count(page, "<details>") != strings.Count(page, "</details>") {
			t.Error("a folded part is cut")
		}
	}
	if page := write(t, fixture.Open(t, "label-mismatch")); utf8.RuneCountInString(page) > 10000 || strings.Contains(
		page, "left out",
	) {
		t.Errorf("got %d characters for a usual run, want less than 10,000", utf8.RuneCountInString(page))
	}
}

func TestSummary(t *testing.T) {
	var b bytes.Buffer
	err := Summary(&b, []reports.Summary{
		{
			Scenario: "label-mismatch", Claimed: "10 % of all requests with status 503 and flag -", Seen: "x | y",
			Outcome: reports.Pass, Took: 26400 * time.Millisecond, Rollbacks: []time.Duration{113 * time.Millisecond},
		},
		{Scenario: "a|b", Claimed: "<b>\n| c", Outcome: "odd"},
	})
	want := "| scenario | claimed | seen | verdict | rollback | took |\n|---|---|---|---|---|---|\n" +
		"| `label-mismatch` | 10 % of all requests with status 503 and flag - | x \\| y | pass | 113 ms | 26 s |\n" +
		"| <code>a\\|b</code> | &lt;b&gt; \\| c |  | odd |  | 0 s |\n"
	if err != nil || b.String() != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, &b, want)
	}
}

// TestManyRollbacks has the rollback methods of a run that uses each of them several times.
func TestManyRollbacks(t *testing.T) {
	run := fixture.Open(t, "label-mismatch")
	r := run.Report
	back := *r.Phases[2].Observation.Rollback
	r.Phases = nil
	for i := range 10 {
		k := back
		k.Method, k.Route = "by the route", time.Duration(i+1)*10*time.Millisecond
		if i >= 5 {
			// This one is not effective.
			k.Method, k.Chance, k.Failed = "by deleting it", 1, i
		}
		r.Phases = append(r.Phases, reports.Phase{
			Name: fmt.Sprint("back ", i), Observation: analysis.Observation{Rollback: &k},
		})
	}
	page := write(t, run)
	for _, want := range []string{
		"| by the route | 5 | 5 | 30.0 ms (10.0 ms – 50.0 ms) | 5 (5 – 5) | 0 (0 – 0) |",
		"| by deleting it | 5 | 0 | never seen to end | 7 (5 – 9) |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("got\n%s\nwant it with %s", page, want)
		}
	}
	r.Phases = r.Phases[4:6]
	if page := write(t, run); !strings.Contains(page, "| back 4 | by the route | 50.0 ms |") || !strings.Contains(
		page, "| back 5 | by deleting it | 60.0 ms, and nothing shows that it was the last |",
	) {
		t.Errorf("got\n%s\nwant each by itself", page)
	}
}

// TestALongRunShowsWhatFailed has more verdicts than a comment should have.
func TestALongRunShowsWhatFailed(t *testing.T) {
	run := fixture.Open(t, "passed")
	r := run.Report
	r.Phases = nil
	for i := range 200 {
		v := reports.Verdict{Want: fmt.Sprint("claim ", i), Saw: "something", Outcome: reports.Pass}
		if i%50 == 49 {
			v.Outcome = reports.Fail
		}
		r.Phases = append(r.Phases, reports.Phase{Name: "p", Verdicts: []reports.Verdict{v}})
	}
	page := write(t, run)
	for _, want := range []string{
		"| 50. p | claim 49 |", "| 200. p | claim 199 |", "196 more verdicts are in report.json: all of them passed.",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("got\n%s\nwant it with %s", page, want)
		}
	}
	for i := range r.Phases {
		r.Phases[i].Verdicts[0].Outcome = reports.Inconclusive
	}
	page, want := write(t, run), "140 more verdicts are in report.json: 140 of them did not pass."
	if !strings.Contains(page, want) {
		t.Errorf("got\n%s\nwant it with %s", page, want)
	}
}
