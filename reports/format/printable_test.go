package format

import (
	"testing"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"":                "",
		"plain, λ, 日本":    "plain, λ, 日本",
		"a\n\tb":          "a\n\tb",
		"\x1b[31mred":     `\x1b[31mred`,
		"\u009b31m":       `\u009b31m`,
		"\u202egnp.exe":   `\u202egnp.exe`,
		"\xff\xc3(":       `\xff\xc3(`,
		"\U000e0041":      `\U000e0041`,
		"real \ufffd one": "real \ufffd one",
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
