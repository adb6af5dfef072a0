package loadgen

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/canarylab/canarylab/internal/wire"
)

// The agent's stream begins with a line that says what it is, and then has frames: a length of four bytes, the
// highest first, and so many bytes of protobuf. A frame has one message. Samples are fields of its own, because there
// are hundreds a second; what comes once a second or less is the message as JSON.
//
// A sample takes some 30 bytes: times are said as differences, an id not at all, because it follows from the run, the
// cohort and the number, and a name that was said before is its number in the stream's table. As lines of JSON, which
// the stream was at first, a sample took 390 bytes, and 4 µs to write and read; now it takes 0.9 (BenchmarkEncode and
// BenchmarkDecode).
const (
	// streamLine begins the stream, streamVersion ends the line. A change that another build would misread raises it.
	streamLine    = "canarylab load agent, stream "
	streamVersion = "2"
	// maxFrame bounds what Decode accepts as one frame: more than a full batch whose every sample has the longest
	// error, headers and notes.
	maxFrame = 4 << 20
	// failed is set in the length of a last frame that has in words why the agent's process failed.
	failed = 1 << 31
	// maxTexts bounds the table of names. Names of cohorts, versions and pods are some dozens in a run.
	maxTexts = 4096
)

// The fields of a frame.
const (
	// textField adds a name to the stream's table, which begins with number 1.
	textField protowire.Number = iota + 1
	sampleField
	// messageField is a message without samples, as JSON.
	messageField
)

// The fields of a sample. A name is a varint where it is in the table, and else the bytes themselves.
const (
	cohortField protowire.Number = iota + 1
	seqField
	// dueField is in ns after the sample before it in the frame was due, after the run's start for the first one.
	// sentField is in ns after due, and doneField after sent. All three are zigzag.
	dueField
	sentField
	doneField
	codeField
	versionField
	podField
	// serialField is a whole serial. Where it is a name, a dash and a number, it is the name, and serialNumberField.
	serialField
	serialNumberField
	bytesField
	// noteField is a key and a value, in this order, each as bytes, in a field of its own.
	noteField
	errField
	unsentField
	// grpcField is a name.
	grpcField
	localField
	messagesField
	cutField
)

// An encoder writes a stream. It keeps its memory from one frame to the next.
type encoder struct {
	to io.Writer
	// begun tells that the stream's line was written.
	begun bool
	start time.Time
	texts map[string]uint64
	// frame is the one that is made, one is the sample in it.
	frame, one []byte
}

func newEncoder(to io.Writer) *encoder { return &encoder{to: to, texts: map[string]uint64{}} }

// write writes a message as a frame, by one call of to.
func (e *encoder) write(m message) error {
	e.frame = e.frame[:0]
	if !e.begun {
		e.begun = true
		e.frame = append(e.frame, streamLine+streamVersion+"\n"...)
	}
	head := len(e.frame)
	e.frame = append(e.frame, 0, 0, 0, 0)
	if m.Begin != nil {
		e.start = m.Begin.Start
	}
	due := e.start
	for i := range m.Samples {
		e.sample(&m.Samples[i], due)
		due = m.Samples[i].Due
	}
	if len(m.Samples) == 0 {
		b, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("write the results: %w", err)
		}
		e.frame = protowire.AppendTag(e.frame, messageField, protowire.BytesType)
		e.frame = protowire.AppendBytes(e.frame, b)
	}
	binary.BigEndian.PutUint32(e.frame[head:], uint32(len(e.frame)-head-4))
	if _, err := e.to.Write(e.frame); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}

// sample adds a sample to the frame, after one that was due at before.
func (e *encoder) sample(s *Sample, before time.Time) {
	e.one = e.one[:0]
	e.text(cohortField, s.Cohort)
	e.number(seqField, s.Seq)
	e.number(dueField, protowire.EncodeZigZag(int64(s.Due.Sub(before))))
	e.number(sentField, protowire.EncodeZigZag(int64(s.Sent.Sub(s.Due))))
	e.number(doneField, protowire.EncodeZigZag(int64(s.Done.Sub(s.Sent))))
	e.number(codeField, uint64(s.Code))
	e.text(versionField, s.Version)
	e.text(podField, s.Pod)
	if name, n, ok := numbered(s.Serial); ok {
		e.text(serialField, name)
		e.number(serialNumberField, n)
	} else {
		e.bytes(serialField, s.Serial)
	}
	e.number(bytesField, s.Bytes)
	for key, value := range s.Notes {
		e.one = wire.AppendPair(e.one, noteField, key, value)
	}
	e.bytes(errField, s.Err)
	if s.Unsent {
		e.number(unsentField, 1)
	}
	e.text(grpcField, s.GRPC)
	e.bytes(localField, s.Local)
	e.number(messagesField, s.Messages)
	if s.Cut {
		e.number(cutField, 1)
	}
	e.frame = protowire.AppendTag(e.frame, sampleField, protowire.BytesType)
	e.frame = protowire.AppendBytes(e.frame, e.one)
}

// number adds a number to the sample, unless it is 0.
func (e *encoder) number(field protowire.Number, n uint64) {
	if n != 0 {
		e.one = protowire.AppendVarint(protowire.AppendTag(e.one, field, protowire.VarintType), n)
	}
}

// bytes adds a text to the sample, unless it is empty.
func (e *encoder) bytes(field protowire.Number, s string) {
	if s != "" {
		e.one = protowire.AppendString(protowire.AppendTag(e.one, field, protowire.BytesType), s)
	}
}

// text adds a name to the sample, and to the table where that has room.
func (e *encoder) text(field protowire.Number, s string) {
	n, known := e.texts[s]
	switch {
	case s == "":
		return
	case !known && len(e.texts) >= maxTexts:
		e.bytes(field, s)
		return
	case !known:
		n = uint64(len(e.texts)) + 1
		e.texts[strings.Clone(s)] = n
		e.frame = protowire.AppendString(protowire.AppendTag(e.frame, textField, protowire.BytesType), s)
	}
	e.number(field, n)
}

// numbered takes a serial apart into a name and the number behind its last dash. It is false for one that would not
// come out the same when it is put together again.
func numbered(serial string) (name string, n uint64, ok bool) {
	dash := strings.LastIndexByte(serial, '-')
	if dash <= 0 || dash+1 == len(serial) || serial[dash+1] == '0' || serial[dash+1] == '+' {
		return "", 0, false
	}
	n, err := strconv.ParseUint(serial[dash+1:], 10, 64)
	return serial[:dash], n, err == nil
}

// WriteFailure ends a stream, wherever it is, with the words of a process that failed.
func WriteFailure(to io.Writer, words string) error {
	frame := binary.BigEndian.AppendUint32(nil, failed|uint32(len(words)))
	if _, err := to.Write(append(frame, words...)); err != nil {
		return fmt.Errorf("write why the agent failed: %w", err)
	}
	return nil
}
