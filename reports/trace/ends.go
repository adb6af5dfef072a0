package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
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
	f, err := os.Open(path)
	if err != nil {
		return e, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return e, err
	}
	if !info.Mode().IsRegular() {
		return e, errors.New("it is no file")
	}
	for i, from := range []int64{0, max(info.Size()-endSize, 0)} {
		b, err := io.ReadAll(io.NewSectionReader(f, from, endSize))
		if err != nil {
			return e, err
		}
		lines := bytes.Split(b, []byte("\n"))
		if i == 1 {
			e.Cut = len(lines[len(lines)-1]) > 0
			slices.Reverse(lines)
		}
		if id := requestID(lines); id != "" {
			e.IDs = append(e.IDs, id)
		}
	}
	return e, nil
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
