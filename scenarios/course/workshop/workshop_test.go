package workshop

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/canarylab/canarylab/reports/html/browser"
	"github.com/canarylab/canarylab/reports/html/browser/screen"
	"github.com/canarylab/canarylab/scenarios/course"
)

func TestNotesTellEveryStop(t *testing.T) {
	for _, path := range course.All() {
		var b bytes.Buffer
		if err := Markdown(&b, path); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(b.String()), " ")
		for i, s := range path.Stops {
			wants := []string{
				fmt.Sprintf("## %d. %s", i+1, s), "**Ask:** " + s.Question, "**They have learned:** " + s.Learned,
			}
			if s.Kind == course.Mend {
				wants = append(wants, s.Command())
			} else {
				wants = append(wants, "canarylab demo "+s.Story, "**They should see:**")
			}
			for _, want := range wants {
				if !strings.Contains(text, want) {
					t.Errorf("%s: the notes do not say %q", path.Name, want)
				}
			}
		}
		for line := range strings.Lines(b.String()) {
			if utf8.RuneCountInString(line) > 101 && !strings.Contains(line, "`") {
				t.Errorf("%s: a line of %d columns: %s", path.Name, utf8.RuneCountInString(line), line)
			}
		}
	}
}

// Whoever is to mend something does not read before what it is.
func TestSlidesTellAMissionOnlyAfterItsQuestion(t *testing.T) {
	for _, path := range course.All() {
		all, err := scenes(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			deck := s.slides()
			told := slices.IndexFunc(deck, func(d slide) bool { return d.Title == s.Title })
			asked := slices.IndexFunc(deck, func(d slide) bool { return d.Title == s.Question })
			if secret := s.Kind == course.Mend && s.Story != course.GameDay; secret && told < asked || asked < 0 {
				t.Errorf("%s: the title is on slide %d, the question on %d", s, told, asked)
			}
		}
	}
}

func TestBeginning(t *testing.T) {
	for _, test := range []struct {
		text string
		room int
		want string
	}{
		{"One. Two. Three.", 100, "One. Two. Three."},
		{"One. Two. Three.", 10, "One. Two."},
		{"One. Two. Three.", 1, "One."},
		{"One is v2.0 or e.g. this, and Two. Three.", 36, "One is v2.0 or e.g. this, and Two."},
		{"no end in sight", 3, "no end in sight"},
		{"", 3, ""},
	} {
		if got := beginning(test.text, test.room); got != test.want {
			t.Errorf("%q in %d: got %q, want %q", test.text, test.room, got, test.want)
		}
	}
}

// deck writes a path's slides to a file and returns its address.
func deck(t *testing.T, path course.Path) string {
	t.Helper()
	var b bytes.Buffer
	if err := Slides(&b, path); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), path.Name+".html")
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return "file://" + file
}

// window sets the size of the window.
func window(t *testing.T, v *screen.Viewer, width, height int64) {
	t.Helper()
	size := emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600,
	}
	if _, err := chromedp.Call(v.Tab, emulation.SetDeviceMetricsOverride, size); err != nil {
		t.Fatal(err)
	}
}

// Scripts that look at slides.
const (
	// tall lists slides that have no room in the window, cut those whose content leaves them.
	tall = `slides.filter(s => s.getBoundingClientRect().height > innerHeight + 1).map(s => s.id)`
	cut  = `slides.filter(s => [...s.children].some(e => { const b = e.getBoundingClientRect(),
		a = s.getBoundingClientRect(); return b.top < a.top - 1 || b.bottom > a.bottom + 1 || b.right > a.right + 1 ||
		e.scrollWidth > e.clientWidth + 1; })).map(s => s.id)`
	// small lists texts that nobody reads from the back row: less than a fortieth of the window's height.
	small = `[...document.querySelectorAll(".slide *")].filter(e => !e.matches(".number, .above") &&
		parseFloat(getComputedStyle(e).fontSize) < innerHeight / 40)
		.map(e => e.tagName + " " + e.textContent.slice(0, 30))`
	at = `slides[shown()].id`
)

func TestSlidesInBrowser(t *testing.T) {
	v := screen.NewViewer(t)
	for _, path := range course.All() {
		t.Run(path.Name, func(t *testing.T) {
			v.Open(t, deck(t, path), 1920, "light")
			n := screen.Ask[int](t, v, `slides.length`)
			for _, scheme := range []string{"light", "dark"} {
				for _, size := range [][2]int64{{1920, 1080}, {1280, 720}, {1024, 768}, {390, 844}} {
					if err := browser.Look(v.Tab, size[0], scheme); err != nil {
						t.Fatal(err)
					}
					window(t, v, size[0], size[1])
					scripts := map[string]string{
						"are wider than the window": screen.Overflowing(".none"), "are too pale": screen.Pale("script"),
						"are cut": cut,
					}
					if size[0] > 600 {
						scripts["have no room"], scripts["are too small"] = tall, small
					}
					for what, script := range scripts {
						if got := screen.Ask[[]string](t, v, script); len(got) > 0 {
							t.Errorf("%v %s: %s: %q", size, scheme, what, got)
						}
					}
				}
			}
			window(t, v, 1920, 1080)
			last := fmt.Sprintf("s%d", n)
			for _, press := range [][2]string{
				{"ArrowRight", "s2"}, {"ArrowDown", "s3"}, {"ArrowLeft", "s2"}, {"End", last}, {"PageDown", last},
				{"ArrowUp", fmt.Sprintf("s%d", n-1)}, {"Home", "s1"}, {"PageUp", "s1"}, {" ", "s2"},
			} {
				v.Press(t, press[0])
				v.Await(t, fmt.Sprintf(`%s === %q`, at, press[1]))
			}
			// Who scrolls goes on from there.
			screen.Ask[bool](t, v, `slides[4].scrollIntoView({behavior: "instant"}), true`)
			v.Press(t, "ArrowRight")
			v.Await(t, at+` === "s6"`)
			yes := true
			printed, err := chromedp.Call(v.Tab, page.PrintToPDF, page.PrintToPDFParams{
				PreferCSSPageSize: &yes, PrintBackground: &yes,
			})
			if err != nil {
				t.Fatal(err)
			}
			if pages := bytes.Count(printed.Data, []byte("/Type /Page\n")); pages != n {
				t.Errorf("%d slides are printed on %d pages", n, pages)
			}
			v.Quiet(t)
		})
	}
}
