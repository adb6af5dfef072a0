package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
)

// Ends is what is seen of a trace by a look at its ends.
type Ends struct {
	// Cut tells that the trace ends in the middle of a line. IDs are those of its first and its last request.
	Cut bool
	IDs []string
}

// endSize is how much of each end of a trace is looked at, in bytes: some hundred lines.
const endSize = 128 << 10

// LookAt looks at both ends of the trace file at path.
func LookAt(path string) (e Ends, err error) {
	t, err := open(path)
	if err != nil {
		return e, err
	}
	defer func() { _ = t.Close() }()
	begin, end, torn, err := t.ends()
	if err != nil {
		return e, err
	}
	first, last := bytes.Split(begin, []byte("\n")), bytes.Split(end, []byte("\n"))
	e.Cut = torn || len(last[len(last)-1]) > 0
	slices.Reverse(last)
	for _, lines := range [][][]byte{first, last} {
		if id := requestID(lines); id != "" {
			e.IDs = append(e.IDs, id)
		}
	}
	return e, nil
}

// ends returns endSize of each end of the text, or more, and tells whether the file ends within a frame.
func (t *text) ends() (begin, end []byte, torn bool, err error) {
	if t.frames != nil {
		return t.frames.ends()
	}
	info, err := t.file.Stat()
	if err != nil {
		return nil, nil, false, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, false, errors.New("it is no file")
	}
	var both [2][]byte
	for i, from := range []int64{0, max(info.Size()-endSize, 0)} {
		if both[i], err = io.ReadAll(io.NewSectionReader(t.file, from, endSize)); err != nil {
			return nil, nil, false, err
		}
	}
	return both[0], both[1], false, nil
}

// ends is that of a text. It reads the frames at the ends, and only the headers of those in between.
func (r *frameReader) ends() (begin, end []byte, torn bool, err error) {
	begin, err = io.ReadAll(io.LimitReader(r, endSize))
	if err != nil {
		return nil, nil, false, err
	}
	r.walker = walker{file: r.file, size: r.size}
	var tail []frame // the last ones, with endSize of text
	held := int64(0)
	for {
		var f frame
		if f, err = r.next(); err != nil {
			break
		}
		tail, held = append(tail, f), held+f.text
		for held-tail[0].text >= endSize {
			tail, held = tail[1:], held-tail[0].text
		}
	}
	if torn = errors.Is(err, errTorn); !torn && !errors.Is(err, io.EOF) {
		return nil, nil, false, err
	}
	if len(tail) == 0 {
		return nil, nil, torn, nil
	}
	r.rest, r.size, r.text = nil, r.last.end, r.text-held
	r.last = frame{number: tail[0].number - 1, end: tail[0].at}
	end, err = io.ReadAll(r)
	return begin, end, torn, err
}

// requestID is the id of the first of the lines that is a sample, "" where none is. A line that was cut is none.
func requestID(lines [][]byte) string {
	for _, b := range lines {
		var l Line
		if bytes.HasPrefix(b, requestLines[0]) && json.Unmarshal(b, &l) == nil && l.Sample != nil {
			return l.Sample.ID
		}
	}
	return ""
}
