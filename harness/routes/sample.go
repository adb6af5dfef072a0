package routes

import (
	"regexp/syntax"
	"slices"
	"strings"
)

// samples returns texts that a regex matches in full, the plainest first; none if none was found. It is no
// complete search: what can't be built so is said, not guessed.
func samples(regex string) []string {
	re, err := syntax.Parse(regex, syntax.Perl)
	if err != nil {
		return nil
	}
	re = re.Simplify()
	var all []string
	for _, s := range []sampler{{}, {more: true}, {last: true}, {more: true, last: true}, {more: true, odd: true}} {
		text := s.text(re)
		if whole := compile(regex); whole != nil && whole.MatchString(text) && sendable(text) &&
			!slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// samples returns texts that meet a condition with a regex: those that can be a path, if it is of one.
func (c Condition) samples() []string {
	plain := samples(c.Value)
	if c.Of != OfPath {
		return plain
	}
	re := compile(c.Value)
	var all []string
	for _, s := range append(plain, "/", "/"+filler) {
		for _, path := range []string{s, "/" + s} {
			if re != nil && strings.HasPrefix(path, "/") && re.MatchString(path) && !strings.ContainsAny(path, "?#") &&
				!slices.Contains(all, path) {
				all = append(all, path)
			}
		}
	}
	return all
}

// sendable tells whether a text can be in a request: printable ASCII.
func sendable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// A sampler makes a text from a regex. more repeats what may be absent, last takes the last of several branches,
// odd takes another rune of each class.
type sampler struct{ more, last, odd bool }

func (s sampler) text(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCharClass:
		return string(s.rune(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		if s.odd {
			return "z"
		}
		return "a"
	case syntax.OpCapture, syntax.OpPlus:
		return s.text(re.Sub[0])
	case syntax.OpStar, syntax.OpQuest:
		if s.more {
			return s.text(re.Sub[0])
		}
		return ""
	case syntax.OpRepeat:
		n := re.Min
		if s.more && n == 0 {
			n = 1
		}
		return strings.Repeat(s.text(re.Sub[0]), n)
	case syntax.OpConcat:
		var b strings.Builder
		for _, sub := range re.Sub {
			b.WriteString(s.text(sub))
		}
		return b.String()
	case syntax.OpAlternate:
		if s.last {
			return s.text(re.Sub[len(re.Sub)-1])
		}
		return s.text(re.Sub[0])
	default: // anchors and empty matches
		return ""
	}
}

// rune picks a rune of a class: a letter or digit if it has one, so that nothing has to be escaped.
func (s sampler) rune(ranges []rune) rune {
	has := func(r rune) bool {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= r && r <= ranges[i+1] {
				return true
			}
		}
		return false
	}
	order := "a1bcdefghijklmnopqrstuvwxyz023456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.~/"
	if s.odd {
		order = "z9yxwvutsrqponmlkjihgfedcba876543210ZYXWVUTSRQPONMLKJIHGFEDCBA_-.~/"
	}
	for _, r := range order {
		if has(r) {
			return r
		}
	}
	if len(ranges) > 0 {
		return ranges[0]
	}
	return 'a'
}
