package trace

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// A Digest tells one trace from every other. It is of the lines, however they are kept: two files that have the same
// lines have the same one.
type Digest struct {
	// Lines counts the lines, Bytes is their size.
	Lines int   `json:"lines"`
	Bytes int64 `json:"bytes"`
	// SHA256 is that of the lines, in hexadecimal digits.
	SHA256 string `json:"sha256"`
}

// DigestOf reads the trace file at path.
func DigestOf(path string) (*Digest, error) {
	f, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("read trace: %w", err)
	}
	defer func() { _ = f.Close() }()
	d, sum, buffer := &Digest{}, sha256.New(), make([]byte, 64<<10)
	for {
		n, err := f.Read(buffer)
		sum.Write(buffer[:n])
		d.Bytes += int64(n)
		d.Lines += bytes.Count(buffer[:n], []byte("\n"))
		if errors.Is(err, io.EOF) {
			d.SHA256 = hex.EncodeToString(sum.Sum(nil))
			return d, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read trace: %s: %w", path, err)
		}
	}
}
