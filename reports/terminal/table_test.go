package terminal

import (
	"fmt"
	"strings"
	"testing"
)

func TestWideTextsAreAligned(t *testing.T) {
	tb := &Table{Left: 2}
	tb.Row("from", "answered by", "n")
	for _, name := range []string{"plain", "日本語", "e\u0301e\u0301e\u0301", "👍🏽 ok", "ﾊﾝｶｸ", "한국어"} {
		tb.Row(name, "v1", "5")
	}
	// By hand: how many columns a terminal gives each name.
	widths := []int{4, 5, 6, 3, 5, 4, 6}
	for i, line := range tb.Lines(nil) {
		name := tb.Rows[i][0]
		rest := strings.TrimPrefix(line, name)
		spaces := len(rest) - len(strings.TrimLeft(rest, " "))
		if got := widths[i] + spaces; got != 8 {
			t.Errorf("%q: the next column begins at %d, want 8", line, got)
		}
	}
	for _, test := range []struct {
		text, want string
		width      int
	}{
		{"日本語日本語", "日本語…", 8}, {"日本語日", "日本語日", 8},
		{strings.Repeat("e\u0301", 9), strings.Repeat("e\u0301", 7) + "…", 8}, {"plain", "plain", 1},
	} {
		if got := Clip(test.text, test.width); got != test.want {
			t.Errorf("clip(%q, %d): got %q, want %q", test.text, test.width, got, test.want)
		}
	}
	for _, test := range []struct {
		text  string
		width int
		want  []string
	}{
		{"日本語 日本", 7, []string{"日本語", "日本"}}, {"aaaa bb", 7, []string{"aaaa bb"}},
		{"abcdefghij kl", 4, []string{"abcd", "efgh", "ij", "kl"}}, {"日本語", 1, []string{"日", "本", "語"}}, {"", 5, nil},
	} {
		if got := Wrap(test.text, test.width); fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("Wrap(%q, %d): got %q, want %q", test.text, test.width, got, test.want)
		}
	}
}
