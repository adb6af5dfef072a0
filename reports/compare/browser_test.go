package compare

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/canarylab/canarylab/reports/html/browser"
	browsing "github.com/canarylab/canarylab/reports/html/browser/view"
)

// TestPagesInABrowser opens pages at a phone's, a tablet's and a desktop's width, in light and dark: nothing of
// a run's texts runs, everything is drawn with the style sheet, and no page is wider than its window. It is
// skipped where there is no browser.
func TestPagesInABrowser(t *testing.T) {
	tab := browsing.Start(t)
	all := cases(t)
	for _, name := range []string{"worse", "gates", "three", "foreign", "hostile"} {
		c := all[name]
		var b bytes.Buffer
		if err := HTML(&b, c); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), name+".html")
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		for width, scheme := range map[int64]string{390: "light", 820: "dark", 1440: "light"} {
			if err := browser.Open(tab, "file://"+file, width, scheme); err != nil {
				t.Fatal(err)
			}
			for what, script := range map[string]string{
				"elements that a comparison does not have": `document
					.querySelectorAll("script,img,iframe,object,embed,form,base,link").length`,
				"attributes that run something": `[...document.querySelectorAll("*")]
					.flatMap(e => [...e.attributes]).filter(a => a.name.startsWith("on") || a.name === "style"
						|| /^\s*javascript:/i.test(a.value)).length`,
				"pixels beyond the window": `Math.max(document.documentElement.scrollWidth - innerWidth, 0)`,
				"sections without the style sheet": `[...document.querySelectorAll("section")]
					.filter(s => getComputedStyle(s).borderRadius === "0px").length`,
				"plots without a dot in them": `[...document.querySelectorAll(".c-plot svg")].filter(s => {
					const d = s.querySelector(".pt"), b = s.getBoundingClientRect();
					if (!d) return false;
					const c = d.getBoundingClientRect();
					return c.width < 4 || c.left < b.left - 1 || c.right > b.right + 1 }).length`,
			} {
				n, err := chromedp.Run(tab, chromedp.Evaluate[int](script))
				if err != nil {
					t.Fatalf("%s: %s: %v", name, what, err)
				}
				if n > 0 {
					t.Errorf("%s, %d pixels wide: got %d %s", name, width, n, what)
				}
			}
		}
	}
}
