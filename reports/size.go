package reports

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// The bounds of a report.json that is read. It may come from anywhere, and a file of a few megabytes can ask for
// gigabytes of memory: each element of a list, be it a null, is a structure of a kilobyte. That of an hour at 500
// requests a second has some 40,000 elements of Timelines, 5,000 others, and a megabyte.
const (
	maxReport = 32 << 20
	// maxElements bounds the fields and the elements of lists, but for those of long lists; maxList is for one list.
	maxElements = 300_000
	maxList     = 10_000
	// maxLong is for all lists of plain numbers together.
	maxLong = 4_000_000
	// maxDepth is how deep lists and objects may lie in each other: those of a report do ten times.
	maxDepth = 40
)

// longLists are the lists of plain numbers: a Timeline's and a Curve's.
var longLists = map[string]bool{"counts": true, "percents": true, "latencyMs": true}

// read reads a report.json of bounded size.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxReport+1))
	if err == nil && len(b) > maxReport {
		err = fmt.Errorf("%s is no report: it is larger than %d MB", path, maxReport>>20)
	}
	return b, err
}

// A nest is a list or an object that is open.
type nest struct {
	list, long bool
	elements   int
}

// checkSize counts what a JSON text would make when it is decoded, without decoding it. It takes the text for JSON:
// of what is none, the decoder tells.
func checkSize(b []byte) error {
	var open []nest
	var key string // the last text, which is the key of what follows
	all, long := 0, 0
	count := func() error {
		if len(open) == 0 {
			return nil
		}
		top := &open[len(open)-1]
		top.elements++
		if top.long {
			long++
		} else {
			all++
		}
		switch {
		case top.list && !top.long && top.elements > maxList:
			return fmt.Errorf("a list in it is longer than %d", maxList)
		case all > maxElements:
			return fmt.Errorf("it has more than %d fields", maxElements)
		case long > maxLong:
			return fmt.Errorf("its lists of numbers are longer than %d together", maxLong)
		}
		return nil
	}
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			from := i + 1
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			key = string(b[from:max(min(i, len(b), from+20), from)])
		case '{', '[':
			if err := count(); err != nil {
				return err
			}
			if len(open) == maxDepth {
				return errors.New("it lies too deep within itself")
			}
			list := b[i] == '['
			open = append(open, nest{list: list, long: list && longLists[key]})
			if open[len(open)-1].long && len(open) > 1 && open[len(open)-2].list {
				open[len(open)-1].long = false
			}
		case '}', ']':
			open = open[:max(len(open)-1, 0)]
		case ',':
			if err := count(); err != nil {
				return err
			}
		}
	}
	return nil
}
