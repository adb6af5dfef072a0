package accesslog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	alsv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// maxBytes bounds the memory of a Collector to some 80,000 entries, which 1,000 requests a second write in
	// 40 s on both sides. The process takes about four times as much, because of the garbage collector.
	maxBytes = 16 << 20
	// maxBatch is how many items a message has at most.
	maxBatch = 500
	// batchDelay is how long the handler waits for more entries before it writes the next message. Entries come
	// in Envoy's own batches, one for each worker.
	batchDelay = 20 * time.Millisecond
	// heartbeat is how often a Collector without news writes an empty message, so that each side finds out when
	// the other is gone.
	heartbeat = time.Second
	// readHeaderTimeout is for readers that connect and send nothing.
	readHeaderTimeout = 10 * time.Second
)

// A message is what a reader gets, one in a frame. The first one has Instance. An empty one is a heartbeat.
type message struct {
	// Instance identifies the Collector until it restarts.
	Instance string
	// From is the number of the first of Items, which are encoded.
	From  uint64
	Items [][]byte
}

// A Collector receives access logs and keeps the newest. NewCollector makes one.
type Collector struct {
	alsv3.UnimplementedAccessLogServiceServer
	ring     *ring
	instance string
}

// NewCollector returns a Collector without entries.
func NewCollector() *Collector {
	return &Collector{ring: newRing(maxBytes), instance: strings.ToLower(rand.Text()[:6])}
}

// Serve receives logs by gRPC on logs and answers readers by HTTP on readers until ctx ends. It closes all of them.
func (c *Collector) Serve(ctx context.Context, logs net.Listener, readers ...net.Listener) error {
	g := grpc.NewServer()
	alsv3.RegisterAccessLogServiceServer(g, c)
	h := &http.Server{
		Handler: c.Handler(), ReadHeaderTimeout: readHeaderTimeout,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1+len(readers))
	go func() { failed <- fmt.Errorf("serve the access log service on %s: %w", logs.Addr(), g.Serve(logs)) }()
	for _, r := range readers {
		go func() { failed <- fmt.Errorf("serve readers on %s: %w", r.Addr(), h.Serve(r)) }()
	}
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	g.Stop()
	return errors.Join(err, h.Close())
}

// StreamAccessLogs implements the gRPC service.
func (c *Collector) StreamAccessLogs(s alsv3.AccessLogService_StreamAccessLogsServer) error {
	var stream Stream
	for {
		m, err := s.Recv()
		if err != nil {
			if stream.Open {
				stream.Open, stream.At, stream.Why = false, time.Now(), endReason(err)
				if err := c.ring.add([]item{{Stream: &stream}}); err != nil {
					return err
				}
			}
			if errors.Is(err, io.EOF) {
				return s.SendAndClose(&alsv3.StreamAccessLogsResponse{})
			}
			return err
		}
		var all []item
		// Only the first message of a stream says where it comes from.
		if id := m.GetIdentifier(); id != nil && !stream.Open {
			stream = Stream{Proxy: podOfNode(id.GetNode().GetId()), Log: id.GetLogName(), At: time.Now(), Open: true}
			opened := stream
			all = append(all, item{Stream: &opened})
		}
		for _, in := range m.GetHttpLogs().GetLogEntry() {
			e := newEntry(stream.Proxy, stream.Log, in)
			all = append(all, item{Entry: &e})
		}
		for _, in := range m.GetTcpLogs().GetLogEntry() {
			e := newConnection(stream.Proxy, stream.Log, in)
			all = append(all, item{Entry: &e})
		}
		if err := c.ring.add(all); err != nil {
			return err
		}
	}
}

// endReason says in words why a stream ended.
func endReason(err error) string {
	switch {
	case errors.Is(err, io.EOF):
		return "the proxy ended it"
	case status.Code(err) == codes.Canceled:
		return "the connection to the proxy broke"
	}
	return err.Error()
}

// Handler answers readers. GET /entries?from=N is an endless answer with the items from number N on. /healthz
// is for Kubernetes.
func (c *Collector) Handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	m.HandleFunc("GET /entries", func(w http.ResponseWriter, r *http.Request) {
		from := uint64(1)
		if s := r.URL.Query().Get("from"); s != "" {
			var err error
			if from, err = strconv.ParseUint(s, 10, 64); err != nil || from == 0 {
				http.Error(w, fmt.Sprintf("from: %q is not a number from 1 on", s), http.StatusBadRequest)
				return
			}
		}
		w.Header().Set("Content-Type", wireVersion)
		// It fails when the reader is gone, and then there is nobody to tell.
		_ = c.send(r.Context(), w, from)
	})
	return m
}

// send writes messages until ctx ends or a write fails.
func (c *Collector) send(ctx context.Context, w http.ResponseWriter, from uint64) error {
	flush := http.NewResponseController(w)
	var frame []byte
	write := func(m message) error {
		frame = m.encode(frame)
		if _, err := w.Write(frame); err != nil {
			return err
		}
		return flush.Flush()
	}
	if err := write(message{Instance: c.instance}); err != nil {
		return err
	}
	alive := time.NewTicker(heartbeat)
	defer alive.Stop()
	for {
		items, first, more := c.ring.from(from, maxBatch)
		if len(items) > 0 {
			if err := write(message{From: first, Items: items}); err != nil {
				return err
			}
			from = first + uint64(len(items))
			if len(items) == maxBatch {
				continue
			}
			wait := time.NewTimer(batchDelay)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-wait.C:
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-more:
		case <-alive.C:
			if err := write(message{}); err != nil {
				return err
			}
		}
	}
}
