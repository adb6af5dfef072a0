package terminal

import "strings"

// asciiFor has what stands in for the characters that reports are made with. All but the comparisons are as
// wide as what they stand for.
var asciiFor = strings.NewReplacer(
	"✓", "+", "✗", "x", "—", "-", "–", "-", "─", "-", "━", "=", "·", "|", "×", "x", "≥", ">=", "≤", "<=", "≠", "#", "…",
	"~", "→", ">", "▲", "^", "│", "|",
	"▁", ".", "▂", ":", "▃", "-", "▄", "=", "▅", "+", "▆", "*", "▇", "#", "█", "@",
	"“", `"`, "”", `"`, "‘", "'", "’", "'", "µ", "u", "\u00a0", " ",
)

// toASCII is text without any character that is not ASCII: what has no stand-in becomes a question mark.
func toASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if r > 0x7e {
			return '?'
		}
		return r
	}, asciiFor.Replace(text))
}
