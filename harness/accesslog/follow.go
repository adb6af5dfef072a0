package accesslog

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// retry is how soon Follow connects again after a connection broke.
	retry = 100 * time.Millisecond
	// readTimeout is how long a Collector may send nothing before its connection counts as broken: several heartbeats.
	readTimeout = 5 * heartbeat
	// maxFrame bounds what is read as one frame: a full batch with room to spare.
	maxFrame = 16 << 20
)

// A Sink gets what Follow reads, in the Collector's order and one call at a time.
type Sink struct {
	Entries func([]Entry)
	Stream  func(Stream)
	// Trouble gets, in words, what may have cost entries.
	Trouble func(text string)
}

// Follow gives sink what a Collector has and gets, from the first entry that it still keeps, until ctx ends,
// which is not an error. connect returns a client for the Collector's HTTP port, whatever host is asked for.
// Follow calls it again when a connection broke, and it may find the Collector in another place. Follow gives
// sink nothing twice.
func Follow(ctx context.Context, connect func(context.Context) (*http.Client, error), sink Sink) error {
	f := follower{sink: sink, next: 1, names: names{}}
	broken := false
	for {
		err := f.read(ctx, connect, func() {
			if broken {
				broken = false
				sink.Trouble("the connection to the access log collector is back")
			}
		})
		if ctx.Err() != nil {
			if f.instance == "" {
				return fmt.Errorf("the access log collector was never reached: %w", err)
			}
			return nil
		}
		if !broken && f.instance != "" {
			broken = true
			sink.Trouble(fmt.Sprintf("the connection to the access log collector broke: %v", err))
		}
		wait := time.NewTimer(retry)
		select {
		case <-ctx.Done():
		case <-wait.C:
		}
		wait.Stop()
	}
}

type follower struct {
	sink     Sink
	instance string
	// next is the number of the next item.
	next  uint64
	names names
}

var errSilent = errors.New("it said nothing for too long")

// read follows one connection to its end. It always returns an error.
func (f *follower) read(
	ctx context.Context, connect func(context.Context) (*http.Client, error), connected func(),
) error {
	client, err := connect(ctx)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(readTimeout, func() { cancel(errSilent) })
	defer watchdog.Stop()
	entries := fmt.Sprintf("http://localhost/entries?from=%d", f.next)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, entries, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return cause(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("it answered %s", resp.Status)
	}
	if got := resp.Header.Get("Content-Type"); got != wireVersion {
		return fmt.Errorf("it answers as %q, want %q: the collector's image and this canarylab are of two builds; "+
			"run canarylab up again, which brings the image that belongs to this one", got, wireVersion)
	}
	from := bufio.NewReaderSize(resp.Body, 64<<10)
	var head [4]byte
	var frame []byte
	var l message
	for {
		if _, err := io.ReadFull(from, head[:]); err != nil {
			return cause(ctx, fmt.Errorf("the connection ended: %w", err))
		}
		watchdog.Reset(readTimeout)
		size := binary.BigEndian.Uint32(head[:])
		if size > maxFrame {
			return fmt.Errorf("it sent what is no frame: %d bytes", size)
		}
		if cap(frame) < int(size) {
			frame = make([]byte, size)
		}
		frame = frame[:size]
		if _, err := io.ReadFull(from, frame); err != nil {
			return cause(ctx, fmt.Errorf("the connection ended: %w", err))
		}
		if err := decodeMessage(frame, &l); err != nil {
			return fmt.Errorf("it sent what is no message: %w", err)
		}
		if l.Instance != "" {
			restarted := f.instance != "" && l.Instance != f.instance
			f.instance = l.Instance
			if restarted {
				f.sink.Trouble("the access log collector began anew: entries that it had not handed over are lost")
				if f.next > 1 {
					// The numbers are new, so read from the first.
					f.next = 1
					return errors.New("it began anew")
				}
			}
			connected()
		}
		if err := f.take(l.From, l.Items); err != nil {
			return err
		}
	}
}

// take gives sink a batch.
func (f *follower) take(from uint64, all [][]byte) error {
	if len(all) == 0 {
		return nil
	}
	if from > f.next {
		f.sink.Trouble(fmt.Sprintf("%d access log entries were gone before they were read", from-f.next))
	}
	f.next = from + uint64(len(all))
	entries := make([]Entry, 0, len(all))
	flush := func() {
		if len(entries) > 0 {
			f.sink.Entries(entries)
			entries = make([]Entry, 0, len(all))
		}
	}
	for _, b := range all {
		it, err := decode(b, f.names)
		if err != nil {
			return fmt.Errorf("it sent what is no entry: %w", err)
		}
		switch {
		case it.Entry != nil:
			entries = append(entries, *it.Entry)
		case it.Stream != nil:
			flush()
			f.sink.Stream(*it.Stream)
		}
	}
	flush()
	return nil
}

// cause returns what ended ctx, or err if ctx has not ended.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil {
		return c
	}
	return err
}
