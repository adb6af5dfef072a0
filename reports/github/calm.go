package github

import (
	"bytes"
	"io"
)

// Calm keeps texts that are printed to the log of a job from being taken for commands to it: a run's texts come
// from outside, and one may begin a line. Elsewhere it is w itself. What is written at once has to end with a
// line.
func Calm(w io.Writer, getenv func(string) string) io.Writer {
	if getenv(actionsVar) != "true" {
		return w
	}
	return calm{w}
}

type calm struct{ w io.Writer }

// Write puts a dot before each line that begins as a command does; blanks before it do not count.
func (c calm) Write(b []byte) (int, error) {
	var out bytes.Buffer
	for line := range bytes.Lines(b) {
		rest := bytes.TrimLeft(line, " \t")
		if bytes.HasPrefix(rest, []byte("::")) || bytes.HasPrefix(rest, []byte("##[")) {
			out.Write(line[:len(line)-len(rest)])
			out.WriteString("· ")
			line = rest
		}
		out.Write(line)
	}
	if _, err := c.w.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(b), nil
}
