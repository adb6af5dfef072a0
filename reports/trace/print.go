package trace

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// LineKinds are what a line can be about: the names of a Line's fields.
func LineKinds() []string { return slices.Clone(kinds) }

// A Printer prints the lines of a trace for people and for jq, as they were recorded.
type Printer struct {
	// Kinds are those of the lines that are printed; none are all of LineKinds.
	Kinds []string
	// Idle, where it is there, is asked when all that was recorded so far is printed. It returns nil for a look at
	// whether there is more, and io.EOF for the end. Without it, and after a run's own end, nothing more is awaited.
	Idle func() error
}

// Print writes the lines of the trace file at path to w. truncated tells that the trace ends in the middle of a line,
// which is not printed. What a terminal would obey in a line is written as JSON has it, such as \u202e: it means the
// same.
func (p Printer) Print(w io.Writer, path string) (truncated bool, err error) {
	file, err := open(path)
	if err != nil {
		return false, fmt.Errorf("read trace: %w", err)
	}
	defer func() { _ = file.Close() }()
	out := bufio.NewWriterSize(w, maxRequestLine)
	if file.frames != nil && p.Idle != nil {
		file.frames.idle = func() error {
			if err := out.Flush(); err != nil {
				return err
			}
			return p.Idle()
		}
	}
	err = scan(file, func(b []byte, number int, last bool) error {
		b = bytes.TrimSuffix(b, []byte("\n"))
		if !json.Valid(b) {
			if truncated = last; last {
				return nil
			}
			return noLine(number, errors.New("it is no JSON"))
		}
		kind, err := kindOf(b)
		if err != nil {
			return noLine(number, err)
		}
		if len(p.Kinds) == 0 || slices.Contains(p.Kinds, kind) {
			if _, err := out.Write(append(spellOut(b), '\n')); err != nil {
				return err
			}
		}
		if p.Idle != nil && kind == "event" && isEnd(b) {
			return io.EOF // nothing follows
		}
		return nil
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return truncated || file.torn(), errors.Join(err, out.Flush())
}

// kindOf is the name of the one field of a line, which is JSON.
func kindOf(b []byte) (string, error) {
	for _, kind := range kinds {
		if rest, ok := bytes.CutPrefix(b, []byte(`{"`+kind)); ok && bytes.HasPrefix(rest, []byte(`":`)) {
			return kind, nil
		}
	}
	return "", fmt.Errorf("it does not begin with one of %s", strings.Join(kinds, ", "))
}

// isEnd tells of an event's line whether it is the run's End.
func isEnd(b []byte) bool {
	var l Line
	return json.Unmarshal(b, &l) == nil && l.Event != nil && l.Event.Kind == End
}

// spellOut writes the characters of a line that have no shape as JSON has them. Those below a space are between texts:
// within one JSON has them spelled out already.
func spellOut(b []byte) []byte {
	hidden := func(r rune) bool { return !unicode.IsGraphic(r) }
	if utf8.Valid(b) && bytes.IndexFunc(b, hidden) < 0 {
		return b
	}
	var out []byte
	for _, r := range string(b) {
		switch {
		case !hidden(r):
			out = utf8.AppendRune(out, r)
		case r < ' ':
			out = append(out, ' ')
		case r < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			high, low := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00 // UTF-16, as JSON has it
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
	}
	return out
}
