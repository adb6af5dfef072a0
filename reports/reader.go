package reports

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

// LoadTrace reads the trace file at path. See ReadTrace.
func LoadTrace(path string) (*Trace, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read trace: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	t, err := ReadTrace(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// ReadTrace reads what a Writer wrote. A last line that was cut off by a crash is left out and sets Truncated;
// anything else that is no Line is an error that names the line, counted from 1.
func ReadTrace(r io.Reader) (*Trace, error) {
	t := &Trace{}
	in := bufio.NewReaderSize(r, 1<<20)
	for number := 1; ; number++ {
		b, err := in.ReadBytes('\n')
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return nil, fmt.Errorf("read trace: line %d: %w", number, err)
		}
		if last && len(b) == 0 {
			return t, nil
		}
		var l Line
		if err := json.Unmarshal(bytes.TrimSuffix(b, []byte("\n")), &l); err != nil {
			// The writer ends every line with a newline: without one, this line was being written.
			if last {
				t.Truncated = true
				return t, nil
			}
			return nil, fmt.Errorf("read trace: line %d is no line of a trace: %w", number, err)
		}
		if n := l.fields(); n != 1 {
			return nil, fmt.Errorf("read trace: line %d is no line of a trace: want one of event, sample, log, counters, got %d of them",
				number, n)
		}
		t.add(l)
		if last {
			return t, nil
		}
	}
}

// add puts a line where it belongs.
func (t *Trace) add(l Line) {
	switch {
	case l.Event != nil:
		t.Events = append(t.Events, *l.Event)
	case l.Sample != nil:
		t.Samples = append(t.Samples, *l.Sample)
	case l.Log != nil:
		t.Log = append(t.Log, *l.Log)
	case l.Health != nil:
		t.Health = append(t.Health, *l.Health)
	case l.Pod != nil:
		t.Pods = append(slices.DeleteFunc(t.Pods, func(p Pod) bool { return p.Name == l.Pod.Name }), *l.Pod)
	default:
		if t.Counters == nil {
			t.Counters = map[string]uint64{}
		}
		maps.Copy(t.Counters, l.Counters)
	}
}
