package trace

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/canarylab/canarylab/loadgen"
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
	file, err := open(string(f))
	if err != nil {
		return false, fmt.Errorf("read trace: %w", err)
	}
	defer func() { _ = file.Close() }()
	truncated, err = readLines(file, facts, yield)
	if err != nil {
		return truncated, fmt.Errorf("%s: %w", f, err)
	}
	return truncated || file.torn(), nil
}

// requestLines are how the lines of samples and log entries begin.
var requestLines = [][]byte{[]byte(`{"sample"`), []byte(`{"log"`)}

// The longest lines of a trace, in bytes. Lines of real runs have some hundred, and the one with all that a run claims
// some ten thousand, or more by the body that it sends. What is longer is no trace, and is not read into memory to find
// that out.
const (
	maxLine        = 8 << 20
	maxRequestLine = 64 << 10
)

// Lines about requests have so many bytes on average, in every trace of more than a few of them: samples, the shortest
// that a run can write, have 180. What has shorter ones is no trace, and would take minutes to read by the millions.
const (
	leastRequestLine = 120
	fewRequestLines  = 100_000
)

// isRequest tells of a line, by how it begins, whether it is about one request.
func isRequest(line []byte) bool {
	return bytes.HasPrefix(line, requestLines[0]) || bytes.HasPrefix(line, requestLines[1])
}

func readLines(r io.Reader, facts bool, yield func(*Line) error) (truncated bool, err error) {
	err = scan(r, func(b []byte, number int, last bool) error {
		if facts && !last && isRequest(b) {
			return nil
		}
		var l Line
		if err := json.Unmarshal(bytes.TrimSuffix(b, []byte("\n")), &l); err != nil {
			// The writer ends every line with a newline. This one was being written.
			if truncated = last; last {
				return nil
			}
			return noLine(number, err)
		}
		if n := l.fields(); n != 1 {
			return noLine(number, fmt.Errorf("want one of %s, got %d of them", strings.Join(kinds, ", "), n))
		}
		if s := l.Sample; s != nil && s.Seq >= loadgen.MaxSeq {
			return noLine(number, fmt.Errorf("no plan has a request of number %d", s.Seq))
		}
		l.modernize()
		if facts && (l.Sample != nil || l.Log != nil) {
			return nil
		}
		return yield(&l)
	})
	return truncated && err == nil, err
}

// noLine is an error about a line, by its number.
func noLine(number int, why error) error {
	return fmt.Errorf("read trace: line %d is no line of a trace: %w", number, why)
}

// scan hands each line to yield, with its newline and its number, counted from 1. The last one may be what comes after
// the last newline. A line is valid until yield returns.
func scan(r io.Reader, yield func(b []byte, number int, last bool) error) error {
	in := lineReader{in: bufio.NewReaderSize(r, maxRequestLine)}
	requests, bytesOfThem := 0, 0
	for number := 1; ; number++ {
		b, err := in.next()
		last := errors.Is(err, io.EOF)
		if errors.Is(err, errTooLong) {
			return noLine(number, err)
		}
		if err != nil && !last {
			return fmt.Errorf("read trace: line %d: %w", number, err)
		}
		if last && len(b) == 0 {
			return nil
		}
		if isRequest(b) {
			requests, bytesOfThem = requests+1, bytesOfThem+len(b)
			if requests > fewRequestLines && bytesOfThem < leastRequestLine*requests {
				return fmt.Errorf("read trace: the %d lines about requests until line %d have %d bytes each: "+
					"those of a run have more", requests, number, bytesOfThem/requests)
			}
		}
		if err := yield(b, number, last); err != nil || last {
			return err
		}
	}
}

// errTooLong is wrapped where a line is longer than any of a run.
var errTooLong = errors.New("it is too long")

// A lineReader reads lines of bounded length.
type lineReader struct {
	in *bufio.Reader
	// long has the line that was read last if it did not fit into in's buffer.
	long []byte
}

// next returns a line with its newline, valid until the next call. The error is io.EOF for what comes after the last
// newline.
func (r *lineReader) next() ([]byte, error) {
	b, err := r.in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return b, err
	}
	if isRequest(b) {
		return nil, fmt.Errorf("%w: a request has %d bytes at most", errTooLong, maxRequestLine)
	}
	r.long = append(r.long[:0], b...)
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(r.long) > maxLine {
			return nil, fmt.Errorf("%w: it has more than %d bytes", errTooLong, maxLine)
		}
		b, err = r.in.ReadSlice('\n')
		r.long = append(r.long, b...)
	}
	return r.long, err
}
