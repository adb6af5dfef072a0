package trace

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A trace file is a row of zstd frames (RFC 8878). Each has whole lines, says how long they are, and ends with a
// checksum of them, so that what was written until a kill can be read, and what was changed since is found. Frames
// share nothing: `zstd -dc` reads the file too.

const (
	// frameSize is how much text the Writer puts into a frame, in bytes, unless a second passes before or a line is
	// longer. Smaller frames know too little of what repeats itself: those of 8 kB take a third more. Larger ones gain
	// nothing.
	frameSize = 128 << 10
	// maxFrame is for the text of one frame: a line may fill one.
	maxFrame = maxLine + frameSize
	// maxBlock is for a part of a frame, by zstd's own format, and maxBlocks is how many of these a frame has.
	maxBlock  = 128 << 10
	maxBlocks = maxFrame/maxBlock + 2
)

// What a file of a few kilobytes may ask for. Lines of real runs shrink to a fifteenth: the times and numbers in them
// can't be guessed. Lines that repeat long texts shrink to a thirtieth.
const (
	// maxGrowth is how many times larger than the file its text may be, beyond freeText.
	maxGrowth = 64
	freeText  = 64 << 20
	// Frames have so much text on average, in every trace of more than a few of them: one of a second of two requests
	// has half of it. Six hours have 20,000 of those.
	leastFrame = 4 << 10
	fewFrames  = 100_000
)

// ErrDamaged is wrapped where a part of a trace file is not as it was written.
var ErrDamaged = errors.New("is damaged")

// errTorn is returned where a file ends within a frame.
var errTorn = errors.New("the file ends within a frame")

// newEncoder makes the Writer's encoder. Higher levels take twice as long and more for a tenth less, or nothing less.
func newEncoder() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(frameSize), zstd.WithSingleSegment(true), zstd.WithEncoderCRC(true),
		zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // an option is wrong, and they are constant
	}
	return e
}

func newDecoder() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFrame),
		zstd.WithDecoderMaxWindow(maxFrame))
	if err != nil {
		panic(err) // as above
	}
	return d
}

// A frame is where one is in a file.
type frame struct {
	// number counts from 1.
	number int
	// at is its first byte, end is the one after its last.
	at, end int64
	// text is how long its lines are together, in bytes.
	text int64
}

// damaged is an error about the frame.
func (f frame) damaged(why error) error {
	return fmt.Errorf("frame %d, at byte %d of the file, %w: %w", f.number, f.at, ErrDamaged, why)
}

// A walker finds the frames of a file without reading what is in them.
type walker struct {
	file io.ReaderAt
	size int64
	// last is the frame that was found last; text is that of all until there.
	last frame
	text int64
	head [zstd.HeaderMaxSize]byte
}

// next finds the next frame. The error is io.EOF where the file ends before it, and errTorn where it ends within.
func (w *walker) next() (frame, error) {
	f := frame{number: w.last.number + 1, at: w.last.end}
	if f.at == w.size {
		return f, io.EOF
	}
	if err := w.find(&f); err != nil {
		if errors.Is(err, errTorn) && w.goesOn(f.at) {
			return f, f.damaged(errors.New("it does not end where the next one begins"))
		}
		return f, err
	}
	w.last, w.text = f, w.text+f.text
	if err := growth(w.text, f.end); err != nil {
		return f, err
	}
	if f.number > fewFrames && w.text < leastFrame*int64(f.number) {
		return f, fmt.Errorf("its first %d frames have %d bytes of lines each: those of a run have more", f.number,
			w.text/int64(f.number))
	}
	return f, nil
}

// growth refuses more text than a file of so many bytes has.
func growth(text, packed int64) error {
	if text > freeText && text > maxGrowth*packed {
		return fmt.Errorf("%d bytes of it are %d of lines, more than %d times as many: no run is like that", packed,
			text, maxGrowth)
	}
	return nil
}

// descriptor is the byte after a frame's magic number, but for the two bits that say how its size is written: a
// checksum, and a window of that size.
const descriptor = 1<<5 | 1<<2

// find finds the end of a frame, and how long its lines are, by its headers.
func (w *walker) find(f *frame) error {
	head, err := w.read(f.at, zstd.HeaderMaxSize)
	if err != nil {
		return err
	}
	var h zstd.Header
	switch err := h.Decode(head); {
	case errors.Is(err, io.ErrUnexpectedEOF) && len(head) < zstd.HeaderMaxSize:
		return errTorn
	case err != nil:
		return f.damaged(err)
	case h.Skippable || head[4]&^(3<<6) != descriptor || h.FrameContentSize == 0:
		return f.damaged(errors.New("it is none of a trace"))
	case h.FrameContentSize > maxFrame:
		return f.damaged(fmt.Errorf("its lines are longer than %d bytes together", maxFrame))
	}
	f.text, f.end = int64(h.FrameContentSize), f.at+int64(h.HeaderSize)
	for range maxBlocks {
		b, err := w.read(f.end, 3)
		if err != nil {
			return err
		}
		if len(b) < 3 {
			return errTorn
		}
		// Last_Block, Block_Type and Block_Size: RFC 8878, section 3.1.1.2.
		block := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16
		last, kind, size := block&1 == 1, block>>1&3, block>>3
		const repeated, reserved = 1, 3
		if kind == reserved || size > maxBlock {
			return f.damaged(errors.New("a part of it is longer than it can be"))
		}
		if kind == repeated {
			size = 1
		}
		if f.end += 3 + size; last {
			f.end += 4 // the checksum
		}
		if f.end > w.size {
			return errTorn
		}
		if last {
			return nil
		}
	}
	return f.damaged(errors.New("it has more parts than it can have"))
}

// read reads n bytes from a byte of the file on, or fewer where it ends.
func (w *walker) read(from int64, n int) ([]byte, error) {
	n, err := w.file.ReadAt(w.head[:min(int64(n), w.size-from)], from)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return w.head[:n], nil
}

// magic is how a frame begins.
var magic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// goesOn tells of a frame that seems to be longer than the file whether a whole one begins behind its beginning: then
// it is not torn, but its headers were changed.
func (w *walker) goesOn(at int64) bool {
	rest := make([]byte, max(min(w.size-at, maxFrame)-1, 0))
	n, _ := w.file.ReadAt(rest, at+1) // what can't be read is no frame
	rest = rest[:n]
	// The four bytes come by chance once in four gigabytes.
	for range 4 {
		i := bytes.Index(rest, magic)
		if i < 0 {
			return false
		}
		rest = rest[i:]
		found := frame{}
		if (&walker{file: bytes.NewReader(rest), size: int64(len(rest))}).find(&found) == nil {
			return true
		}
		rest = rest[1:]
	}
	return false
}

// A frameReader reads the text in a file's frames. A frame's text is handed on only once its checksum was seen to be
// right. It is not safe for concurrent use.
type frameReader struct {
	walker
	decoder *zstd.Decoder
	packed  []byte
	// unpacked is the text of the last frame, rest is what of it was not read yet.
	unpacked, rest []byte
	// lines is how many lines were handed on.
	lines int
	// torn tells, at the end, that the file ends within a frame.
	torn bool
	// idle, where it is there, is asked at the end of the file. It returns nil for a look at whether there is more.
	idle func() error
}

// resize is called at the end of a file that may have grown.
func (r *frameReader) resize() error {
	if file, ok := r.file.(sized); ok {
		info, err := file.Stat()
		if err != nil {
			return err
		}
		r.size = info.Size()
	}
	return nil
}

// Read implements io.Reader.
func (r *frameReader) Read(b []byte) (int, error) {
	for len(r.rest) == 0 {
		if err := r.unpack(); err != nil {
			return 0, err
		}
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// unpack reads the next frame.
func (r *frameReader) unpack() error {
	f, err := r.next()
	r.torn = errors.Is(err, errTorn)
	switch ended := r.torn || errors.Is(err, io.EOF); {
	case ended && r.idle != nil:
		if err := r.idle(); err != nil {
			return err
		}
		return r.resize()
	case ended:
		return io.EOF
	case err != nil:
		return r.after(err)
	}
	if size := int(f.end - f.at); cap(r.packed) < size {
		r.packed = make([]byte, size)
	}
	r.packed = r.packed[:f.end-f.at]
	if _, err := r.file.ReadAt(r.packed, f.at); err != nil {
		return r.after(fmt.Errorf("frame %d, at byte %d of the file: %w", f.number, f.at, err))
	}
	if r.unpacked, err = r.decoder.DecodeAll(r.packed, r.unpacked[:0]); err != nil {
		return r.after(f.damaged(err))
	}
	r.rest = r.unpacked
	r.lines += bytes.Count(r.rest, []byte("\n"))
	return nil
}

// after says how far a trace could be read.
func (r *frameReader) after(err error) error {
	return fmt.Errorf("%w (%d lines before it can be read)", err, r.lines)
}
