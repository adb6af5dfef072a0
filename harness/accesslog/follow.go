package accesslog

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// retry is how soon Follow connects again after a connection broke.
	retry = 100 * time.Millisecond
	// readTimeout is how long a Collector may send nothing before its connection counts as broken: several heartbeats.
	readTimeout = 5 * heartbeat
	// maxLine bounds what is read as one line: a full batch with room to spare.
	maxLine = 16 << 20
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
	f := follower{sink: sink, next: 1}
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
	next uint64
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
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 0, 256<<10), maxLine)
	for lines.Scan() {
		watchdog.Reset(readTimeout)
		var l struct {
			Instance string `json:"instance"`
			From     uint64 `json:"from"`
			Items    []item `json:"items"`
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return fmt.Errorf("it sent what is no line: %w", err)
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
		f.take(l.From, l.Items)
	}
	return cause(ctx, errors.Join(lines.Err(), errors.New("the connection ended")))
}

// take gives sink a batch.
func (f *follower) take(from uint64, all []item) {
	if len(all) == 0 {
		return
	}
	if from > f.next {
		f.sink.Trouble(fmt.Sprintf("%d access log entries were gone before they were read", from-f.next))
	}
	f.next = from + uint64(len(all))
	var entries []Entry
	flush := func() {
		if len(entries) > 0 {
			f.sink.Entries(entries)
			entries = nil
		}
	}
	for _, it := range all {
		switch {
		case it.Entry != nil:
			entries = append(entries, *it.Entry)
		case it.Stream != nil:
			flush()
			f.sink.Stream(*it.Stream)
		}
	}
	flush()
}

// cause returns what ended ctx, or err if ctx has not ended.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil {
		return c
	}
	return err
}
