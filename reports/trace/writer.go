package trace

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// flushEvery bounds what a crash of the lab can lose: a second of samples.
const flushEvery = time.Second

// ErrClosed is returned by a Writer's Append after Close.
var ErrClosed = errors.New("trace writer is closed")

// A Writer appends lines to a trace file as newline delimited JSON in zstd frames. It writes a frame once lines fill
// it, once a second and on Close. It is safe for concurrent use. The first error sticks: every later call returns it,
// and nothing more is written, so that a file never has a hole in its middle.
type Writer struct {
	mu sync.Mutex
	// text has the lines of the frame to come, frame has the one that was written last.
	text, frame []byte
	encoder     *zstd.Encoder
	to          io.WriteCloser
	err         error
	stop        chan struct{} // closed by Close
	done        chan struct{} // closed when the flusher is gone
	once        sync.Once
}

// Create makes the trace file at path, which must not exist: a run's record is never overwritten.
func Create(path string) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create trace file: %w", err)
	}
	return NewWriter(f), nil
}

// NewWriter writes lines to w until Close, which closes w too.
func NewWriter(w io.WriteCloser) *Writer {
	t := &Writer{encoder: newEncoder(), to: w, stop: make(chan struct{}), done: make(chan struct{})}
	go t.flushOften()
	return t
}

// Append adds one line. Exactly one of l's fields must be set; another line is refused, without becoming the sticky
// error. Append has copied everything that it needs of l when it returns.
func (t *Writer) Append(l Line) error {
	if n := l.fields(); n != 1 {
		return fmt.Errorf("append to trace: a line has exactly one field, this one has %d", n)
	}
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("append to trace: %w", err)
	}
	b = append(b, '\n')

	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	if len(t.text)+len(b) > frameSize {
		t.writeFrame()
	}
	t.text = append(t.text, b...)
	return t.err
}

// writeFrame writes the lines that wait as one frame, for whoever holds mu. It is one call of the system: a kill leaves
// whole frames.
func (t *Writer) writeFrame() {
	if t.err != nil || len(t.text) == 0 {
		return
	}
	t.frame = t.encoder.EncodeAll(t.text, t.frame[:0])
	t.text = t.text[:0]
	if _, err := t.to.Write(t.frame); err != nil {
		t.err = fmt.Errorf("write to trace: %w", err)
	}
}

// Err returns the error that stuck, nil where there is none.
func (t *Writer) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// Close flushes what is buffered and closes the file. It returns the error that stuck, joined with its own. Closing
// again does nothing and returns nil.
func (t *Writer) Close() error {
	var err error
	t.once.Do(func() {
		close(t.stop)
		<-t.done
		err = t.Flush()
		t.mu.Lock()
		defer t.mu.Unlock()
		t.text, t.frame = nil, nil
		if e := t.to.Close(); e != nil {
			err = errors.Join(err, fmt.Errorf("close trace: %w", e))
		}
		if t.err == nil {
			t.err = ErrClosed
		}
	})
	return err
}

// Flush writes to the file what waits for more. It returns the error that stuck.
func (t *Writer) Flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writeFrame()
	return t.err
}

// flushOften flushes once in flushEvery until the writer is closed.
func (t *Writer) flushOften() {
	defer close(t.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-tick.C:
			_ = t.Flush() // the error sticks
		}
	}
}
