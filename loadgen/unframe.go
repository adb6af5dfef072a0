package loadgen

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/canarylab/canarylab/internal/wire"
)

// A frameReader reads a stream's frames. It keeps its memory from one to the next, but for the samples that it hands
// out.
type frameReader struct {
	from *bufio.Reader
	// begun tells that the stream's line was read.
	begun bool
	begin Begin
	texts []string
	frame []byte
	// names has the ids and serials of one frame, ends where each of them ends.
	names []byte
	ends  []int
}

func newFrameReader(from io.Reader) *frameReader {
	return &frameReader{from: bufio.NewReaderSize(from, 64<<10), texts: []string{""}}
}

// errFailed is wrapped by the error of an agent whose process failed. The error has the agent's own words.
var errFailed = errors.New("the load agent failed")

// next returns the next message, or io.EOF at the end of the stream, or io.ErrUnexpectedEOF within a frame.
func (r *frameReader) next() (m message, err error) {
	if !r.begun {
		if err := r.readLine(); err != nil {
			return m, err
		}
		r.begun = true
	}
	var head [4]byte
	if _, err := io.ReadFull(r.from, head[:]); err != nil {
		return m, err
	}
	size := binary.BigEndian.Uint32(head[:])
	says := size&failed != 0
	size &^= failed
	if size > maxFrame {
		return m, fmt.Errorf("a frame of %d bytes is too long", size)
	}
	if cap(r.frame) < int(size) {
		r.frame = make([]byte, size)
	}
	r.frame = r.frame[:size]
	if _, err := io.ReadFull(r.from, r.frame); err != nil {
		return m, cutShort(err)
	}
	if says {
		return m, fmt.Errorf("%w: %s", errFailed, r.frame)
	}
	return r.decode(r.frame)
}

// readLine reads the line that begins the stream. A process that failed before it has written one has only words.
func (r *frameReader) readLine() error {
	first, err := r.from.Peek(1)
	if err != nil || first[0] >= failed>>24 {
		return err
	}
	line, err := r.from.ReadSlice('\n')
	of, ours := strings.CutPrefix(strings.TrimSuffix(string(line), "\n"), streamLine)
	const builds = "; the agent's image and this canarylab are of two builds: run canarylab up again, which brings " +
		"the image that belongs to this one"
	switch {
	case ours && err == nil && of == streamVersion:
		return nil
	case ours && err == nil:
		return fmt.Errorf("the load agent writes version %s of the stream, this canarylab reads version %s"+builds, of,
			streamVersion)
	case strings.HasPrefix(string(line), `{"begin"`):
		return fmt.Errorf("the load agent writes version 1 of the stream, this canarylab reads version %s"+builds,
			streamVersion)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: %.80q", io.ErrUnexpectedEOF, line)
	case err != nil && !errors.Is(err, bufio.ErrBufferFull):
		return err
	}
	return fmt.Errorf("no load agent writes this: %.80q", line)
}

// cutShort makes an end within a frame what it is.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

var errFrame = errors.New("a frame is not as a load agent writes it")

// decode returns a frame's message.
func (r *frameReader) decode(b []byte) (m message, err error) {
	r.names, r.ends = r.names[:0], r.ends[:0]
	if n := count(b); n > 0 {
		m.Samples = make([]Sample, 0, n)
	}
	due := r.begin.Start
	for len(b) > 0 {
		f, rest, ok := wire.Next(b)
		if !ok || f.Type != protowire.BytesType {
			return m, errFrame
		}
		b = rest
		value := f.Raw
		switch f.ID {
		case textField:
			if len(r.texts) > maxTexts {
				return m, fmt.Errorf("%w: it has more than %d names", errFrame, maxTexts)
			}
			r.texts = append(r.texts, string(value))
		case sampleField:
			m.Samples = append(m.Samples, Sample{})
			s := &m.Samples[len(m.Samples)-1]
			if err := r.sample(s, value, due); err != nil {
				return m, err
			}
			due = s.Due
		case messageField:
			if err := unmarshalStrict(value, &m); err != nil {
				return m, fmt.Errorf("%w: %w: %.80q", errFrame, err, value)
			}
		default:
			return m, fmt.Errorf("%w: it has a field %d", errFrame, f.ID)
		}
	}
	if m.Begin != nil {
		r.begin = *m.Begin
	}
	r.name(m.Samples)
	return m, nil
}

// count is how many samples a frame has.
func count(b []byte) (all int) {
	for len(b) > 0 {
		field, _, n := protowire.ConsumeField(b)
		if n < 0 {
			return all
		}
		if field == sampleField {
			all++
		}
		b = b[n:]
	}
	return all
}

// sample decodes one sample, after one that was due at before. Its id, and a serial with a number, are put down in
// r.names.
func (r *frameReader) sample(s *Sample, b []byte, before time.Time) error {
	var due, sent, done int64
	var serial uint64
	for len(b) > 0 {
		f, rest, ok := wire.Next(b)
		if !ok {
			return errFrame
		}
		b = rest
		number, text := f.Number, r.text(f)
		switch f.ID {
		case cohortField:
			s.Cohort = text
		case seqField:
			s.Seq = number
		case dueField:
			due = protowire.DecodeZigZag(number)
		case sentField:
			sent = protowire.DecodeZigZag(number)
		case doneField:
			done = protowire.DecodeZigZag(number)
		case codeField:
			s.Code = int(number)
		case versionField:
			s.Version = text
		case podField:
			s.Pod = text
		case serialField:
			s.Serial = text
		case serialNumberField:
			serial = number
		case bytesField:
			s.Bytes = number
		case noteField:
			if err := s.note(f.Raw); err != nil {
				return err
			}
		case errField:
			s.Err = text
		case unsentField:
			s.Unsent = number != 0
		case grpcField:
			s.GRPC = text
		case localField:
			s.Local = text
		case messagesField:
			s.Messages = number
		case cutField:
			s.Cut = number != 0
		default:
			return fmt.Errorf("%w: a sample has a field %d", errFrame, f.ID)
		}
	}
	s.Due = before.Add(time.Duration(due))
	s.Sent = s.Due.Add(time.Duration(sent))
	s.Done = s.Sent.Add(time.Duration(done))
	r.names = appendID(r.names, r.begin.Run, s.Cohort, s.Seq)
	r.ends = append(r.ends, len(r.names))
	if serial != 0 {
		r.names = append(append(r.names, s.Serial...), '-')
		r.names = strconv.AppendUint(r.names, serial, 10)
	}
	r.ends = append(r.ends, len(r.names))
	return nil
}

// text is what a sample's field says in words: the name that its number stands for, or its bytes but for a note's.
func (r *frameReader) text(f wire.Field) string {
	switch {
	case f.Type == protowire.VarintType && f.Number < uint64(len(r.texts)):
		return r.texts[f.Number]
	case f.Type == protowire.BytesType && f.ID != noteField:
		return string(f.Raw)
	}
	return ""
}

// note decodes one note.
func (s *Sample) note(b []byte) error {
	key, value, ok := wire.Pair(b)
	if !ok {
		return errFrame
	}
	if s.Notes == nil {
		s.Notes = map[string]string{}
	}
	s.Notes[string(key)] = string(value)
	return nil
}

// name gives samples their ids and serials: parts of one string, as a frame's samples are of one slice.
func (r *frameReader) name(all []Sample) {
	names, from := string(r.names), 0
	for i := range all {
		id, serial := r.ends[2*i], r.ends[2*i+1]
		all[i].ID = names[from:id]
		if serial > id {
			all[i].Serial = names[id:serial]
		}
		from = serial
	}
}
