package trace_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/canarylab/canarylab/reports/trace"
)

// unpacked is the text in frames, by zstd alone.
func unpacked(t testing.TB, frames []byte) string {
	t.Helper()
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	text, err := d.DecodeAll(frames, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// packed is a frame as the Writer makes it, or with other options.
func packed(t testing.TB, text string, o ...zstd.EOption) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil, append([]zstd.EOption{
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithSingleSegment(true), zstd.WithEncoderConcurrency(1),
	}, o...)...)
	if err != nil {
		t.Fatal(err)
	}
	return e.EncodeAll([]byte(text), nil)
}

// pods are lines of n pods from i on.
func pods(i, n int) (text string) {
	for k := range n {
		text += fmt.Sprintf(`{"pod":{"name":"pod-%d","role":"app","ip":"10.244.0.%d","sidecar":true}}`+"\n", i+k, i+k)
	}
	return text
}

// three is a trace of three frames with three pods each, and where each begins.
func three(t testing.TB) (file []byte, begins []int) {
	for i := range 3 {
		begins = append(begins, len(file))
		file = append(file, packed(t, pods(3*i, 3))...)
	}
	return file, begins
}

func save(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), trace.File)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A trace that is cut anywhere is read to its last whole frame, and says so.
func TestTornFrames(t *testing.T) {
	file, begins := three(t)
	for n := range len(file) + 1 {
		whole, torn := 0, n < len(file)
		for _, at := range append(begins[1:], len(file)) {
			if at <= n {
				whole++
			}
			torn = torn && at != n && n > 0
		}
		path := save(t, file[:n])
		got, err := trace.Load(path)
		if err != nil {
			t.Fatalf("cut after %d bytes: %v", n, err)
		}
		if len(got.Pods) != 3*whole || got.Truncated != torn {
			t.Errorf("cut after %d bytes: got %d pods, cut %t, want %d, %t", n, len(got.Pods), got.Truncated, 3*whole,
				torn)
		}
		if ends, err := trace.LookAt(path); err != nil || ends.Cut != torn {
			t.Errorf("cut after %d bytes: a look at its ends found %+v, %v, want %t", n, ends, err, torn)
		}
	}
}

// Whichever bit is wrong: it is found, in the frame that has it. Nobody can tell a last frame that ends nowhere from
// one that was cut, and a few bits say nothing: without them the text is the same.
func TestFlippedBits(t *testing.T) {
	file, begins := three(t)
	want, err := trace.Load(save(t, file))
	if err != nil {
		t.Fatal(err)
	}
	idle := 0
	for i := range file {
		number := 1
		for number < 3 && i >= begins[number] {
			number++
		}
		for bit := range 8 {
			bad := bytes.Clone(file)
			bad[i] ^= 1 << bit
			got, err := trace.Load(save(t, bad))
			if err == nil {
				if reflect.DeepEqual(got, want) {
					idle++
				} else if number < 3 || !got.Truncated || len(got.Pods) != 6 {
					t.Errorf("bit %d of byte %d: got no error, cut %t, %d pods", bit, i, got.Truncated, len(got.Pods))
				}
				continue
			}
			where := fmt.Sprintf("frame %d, at byte %d of the file, is damaged: ", number, begins[number-1])
			before := fmt.Sprintf("(%d lines before it can be read)", 3*(number-1))
			if !errors.Is(err, trace.ErrDamaged) || !strings.Contains(err.Error(), where) ||
				!strings.Contains(err.Error(), before) {
				t.Errorf("bit %d of byte %d: got error %v, want %q and %q", bit, i, err, where, before)
			}
		}
	}
	if all := 8 * len(file); idle > all/50 {
		t.Errorf("got %d of %d bits that say nothing, want 2 %% at most", idle, all)
	}
}

// bomb is a frame that has n bytes of nothing, in some two hundred of its own.
func bomb(n int) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{0x28, 0xb5, 0x2f, 0xfd, 2<<6 | 1<<5 | 1<<2}, uint32(n))
	for n > 0 {
		const repeated = 1
		size := min(n, 128<<10)
		header := size<<3 | repeated<<1
		if n -= size; n == 0 {
			header |= 1
		}
		b = append(b, byte(header), byte(header>>8), byte(header>>16), '\n')
	}
	return append(b, 0, 0, 0, 0)
}

func TestHostileFrames(t *testing.T) {
	good := packed(t, pods(0, 1))
	edited := func(change func(b []byte)) []byte {
		b := bytes.Clone(good)
		change(b)
		return b
	}
	skippable := append([]byte{0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0}, "text"...)
	const none = "it is none of a trace"
	for _, test := range []struct {
		name string
		file []byte
		want string
	}{
		{"a text", []byte(pods(0, 3)), "frame 1, at byte 0 of the file, is damaged: invalid input: magic number mis"},
		{"nothing between frames", append(bytes.Clone(good), make([]byte, 100)...), "frame 2, at byte "},
		{"a part to skip", append(skippable, good...), none},
		{"no checksum", packed(t, pods(0, 1), zstd.WithEncoderCRC(false)), none},
		{"a window", packed(t, pods(0, 50), zstd.WithSingleSegment(false), zstd.WithWindowSize(1024)), none},
		{"a dictionary", edited(func(b []byte) { b[4] |= 1 }), none},
		{"no text", packed(t, "", zstd.WithZeroFrames(true)), none},
		{"a long frame", bomb(10 << 20), "its lines are longer than"},
		{"more text than it says", edited(func(b []byte) { b[5]-- }), "is damaged"},
		{"less text than it says", edited(func(b []byte) { b[5]++ }), "is damaged"},
		{"many parts", append([]byte{0x28, 0xb5, 0x2f, 0xfd, 2<<6 | 1<<5 | 1<<2, 0, 0, 1, 0}, make([]byte, 1000)...),
			"it has more parts than it can have"},
		{"a long part", []byte{0x28, 0xb5, 0x2f, 0xfd, 2<<6 | 1<<5 | 1<<2, 0, 0, 1, 0, 0xff, 0xff, 0xff},
			"a part of it is longer than it can be"},
		{"a bomb", bytes.Repeat(bomb(8<<20), 1000), "more than 64 times as many: no run is like that"},
		{"tiny frames", bytes.Repeat(packed(t, `{"health":{}}`+"\n"), 100_001),
			"its first 100001 frames have 14 bytes of lines each: those of a run have more"},
		{"a line without end", packed(t, `{"pod":{}}`+"\n"+`{"po`), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := save(t, test.file)
			_, err := trace.FileSource(path).Lines(false, func(*trace.Line) error { return nil })
			if test.want == "" && err == nil {
				return
			}
			// A bomb is found by its frames; before, its text is seen to be none.
			if strings.Contains(test.name, "bomb") {
				err = trace.CheckGrowth(path, int64(len(test.file)))
			}
			if err == nil || test.want == "" || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want %q", err, test.want)
			}
		})
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	if _, err := trace.Find(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that there is none", err)
	}
	for _, name := range []string{trace.PlainFile, trace.File} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if name == trace.File {
			break
		}
		if got, err := trace.Find(dir); err != nil || filepath.Base(got) != name {
			t.Errorf("got %s, %v, want %s", got, err, name)
		}
	}
	if _, err := trace.Find(dir); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("of two: got error %v, want one that says so", err)
	}
	if err := os.Remove(filepath.Join(dir, trace.PlainFile)); err != nil {
		t.Fatal(err)
	}
	if got, err := trace.Find(dir); err != nil || filepath.Base(got) != trace.File {
		t.Errorf("got %s, %v, want %s", got, err, trace.File)
	}
}

// FuzzFrames takes anything for a trace of frames: whoever reads it all and who looks at its ends agree.
func FuzzFrames(f *testing.F) {
	file, begins := three(f)
	f.Add(file)
	f.Add(file[:begins[2]+9])
	f.Add(append(bytes.Clone(file[:begins[1]]), bomb(300<<10)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := save(t, b)
		var text bytes.Buffer
		torn, err := trace.Printer{}.Print(&text, path)
		ends, looked := trace.LookAt(path)
		if err != nil {
			return
		}
		if looked != nil {
			t.Fatalf("all of it can be read, and its ends can't: %v", looked)
		}
		if torn != ends.Cut {
			t.Errorf("cut: got %t by reading and %t by a look", torn, ends.Cut)
		}
		d, err := trace.DigestOf(path)
		if err != nil || d.Lines < bytes.Count(text.Bytes(), []byte("\n")) {
			t.Errorf("got %+v, %v of %d lines", d, err, bytes.Count(text.Bytes(), []byte("\n")))
		}
	})
}
