package trace

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// File is the trace's name in a run's folder: lines of JSON in frames of zstd. PlainFile is that of runs of before: the
// lines as they are.
const (
	File      = "trace.jsonl.zst"
	PlainFile = "trace.jsonl"
)

// Find returns the path of the trace in a run's folder. The error wraps fs.ErrNotExist where there is none; where there
// are two, nobody knows which of them the run wrote.
func Find(dir string) (string, error) {
	var found []string
	for _, name := range []string{File, PlainFile} {
		path := filepath.Join(dir, name)
		switch _, err := os.Stat(path); {
		case err == nil:
			found = append(found, path)
		case !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("find the trace: %w", err)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("find the trace: %s has neither %s nor %s: %w", dir, File, PlainFile, fs.ErrNotExist)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("find the trace: %s has %s and %s: move the one away that the run did not write", dir, File,
		PlainFile)
}

// sized is a file whose size can be asked for.
type sized interface{ Stat() (fs.FileInfo, error) }

// A text is that of a trace file, which is read as if it were plain.
type text struct {
	io.Reader
	file *os.File
	// frames is nil where the file is plain.
	frames *frameReader
}

// open opens the trace file at path, by its name. Only what ends with .zst has frames.
func open(path string) (*text, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if filepath.Ext(path) != filepath.Ext(File) {
		return &text{Reader: file, file: file}, nil
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no file")
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	frames := &frameReader{walker: walker{file: file, size: info.Size()}, decoder: newDecoder()}
	return &text{Reader: frames, file: file, frames: frames}, nil
}

// torn tells, at the end, that the file ends within a frame.
func (t *text) torn() bool { return t.frames != nil && t.frames.torn }

// Close closes the file.
func (t *text) Close() error {
	if t.frames != nil {
		t.frames.decoder.Close()
	}
	return t.file.Close()
}

// CheckGrowth refuses a trace file whose lines are more than those of a run for a file of so many bytes, as reading it
// does by its own size. A bundle may be smaller than what is in it. What is damaged is left to whoever reads it.
func CheckGrowth(path string, packed int64) error {
	t, err := open(path)
	if err != nil {
		return err
	}
	defer func() { _ = t.Close() }()
	if t.frames == nil {
		return nil
	}
	for err == nil {
		_, err = t.frames.next()
	}
	return growth(t.frames.text, packed)
}
