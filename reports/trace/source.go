package trace

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// A Source is a trace that is read line by line, as often as needed: one of a long run does not fit into memory.
type Source interface {
	// Lines hands every line to yield, in order. With facts it leaves out those that are about one request:
	// samples and log entries. yield may keep the line. Lines stops at an error of yield, and returns it.
	// truncated tells that the trace ends in the middle of a line, as it does when the program that wrote it
	// was killed.
	Lines(facts bool, yield func(*Line) error) (truncated bool, err error)
}

// FileSource reads the trace file at a path.
type FileSource string

// Lines implements Source. A line that is no Line is an error, which names it, counted from 1.
func (f FileSource) Lines(facts bool, yield func(*Line) error) (truncated bool, err error) {
	file, err := os.Open(string(f))
	if err != nil {
		return false, fmt.Errorf("read trace: %w", err)
	}
	defer func() { _ = file.Close() }()
	truncated, err = readLines(file, facts, yield)
	if err != nil {
		return truncated, fmt.Errorf("%s: %w", f, err)
	}
	return truncated, nil
}

// requestLines are how the lines of samples and log entries begin.
var requestLines = [][]byte{[]byte(`{"sample"`), []byte(`{"log"`)}

// maxLine is the longest line of a trace, in bytes. Lines of real runs have some hundred; what is longer than
// this is no trace, and is not read into memory to find that out.
const maxLine = 1 << 20

func readLines(r io.Reader, facts bool, yield func(*Line) error) (truncated bool, err error) {
	in := bufio.NewReaderSize(r, maxLine)
	for number := 1; ; number++ {
		b, err := in.ReadSlice('\n')
		last := errors.Is(err, io.EOF)
		if errors.Is(err, bufio.ErrBufferFull) {
			return false, fmt.Errorf("read trace: line %d is no line of a trace: it is longer than %d bytes", number,
				maxLine)
		}
		if err != nil && !last {
			return false, fmt.Errorf("read trace: line %d: %w", number, err)
		}
		if last && len(b) == 0 {
			return false, nil
		}
		if facts && !last && (bytes.HasPrefix(b, requestLines[0]) || bytes.HasPrefix(b, requestLines[1])) {
			continue
		}
		var l Line
		if err := json.Unmarshal(bytes.TrimSuffix(b, []byte("\n")), &l); err != nil {
			// The writer ends every line with a newline. This one was being written.
			if last {
				return true, nil
			}
			return false, fmt.Errorf("read trace: line %d is no line of a trace: %w", number, err)
		}
		if n := l.fields(); n != 1 {
			return false, fmt.Errorf("read trace: line %d is no line of a trace: want one of event, sample, log, "+
				"health, agent, pod, got %d of them", number, n)
		}
		l.modernize()
		if !facts || l.Sample == nil && l.Log == nil {
			if err := yield(&l); err != nil {
				return false, err
			}
		}
		if last {
			return false, nil
		}
	}
}
