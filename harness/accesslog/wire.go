package accesslog

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/canarylab/canarylab/internal/wire"
)

// The fields of an item, which is one of a frame. An entry has its own, and what else there is, is an item as JSON.
const (
	idField protowire.Number = iota + 1
	proxyField
	logField
	startField
	tookField
	reachedField
	codeField
	flagField
	detailsField
	failureField
	clusterField
	upstreamField
	attemptsField
	// headerField is a name and a value, in this order, each as bytes, in a field of its own.
	headerField
	otherField
	grpcField
	downstreamField
	upstreamLocalField
)

// encode appends an item.
func (it item) encode(b []byte) ([]byte, error) {
	e := it.Entry
	if e == nil {
		other, err := json.Marshal(it)
		if err != nil {
			return b, fmt.Errorf("encode an access log item: %w", err)
		}
		return protowire.AppendBytes(protowire.AppendTag(b, otherField, protowire.BytesType), other), nil
	}
	text := func(field protowire.Number, s string) {
		if s != "" {
			b = protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
		}
	}
	number := func(field protowire.Number, n int64) {
		if n != 0 {
			b = protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(n))
		}
	}
	// An id is there in any case, so that an entry is never nothing.
	b = protowire.AppendString(protowire.AppendTag(b, idField, protowire.BytesType), e.ID)
	text(proxyField, e.Proxy)
	text(logField, e.Log)
	number(startField, e.Start)
	number(tookField, int64(e.Took))
	number(reachedField, int64(e.Reached))
	number(codeField, int64(e.Code))
	for _, f := range e.Flags {
		text(flagField, f)
	}
	text(detailsField, e.Details)
	text(failureField, e.Failure)
	text(clusterField, e.Cluster)
	text(upstreamField, e.Upstream)
	number(attemptsField, int64(e.Attempts))
	text(grpcField, e.GRPC)
	text(downstreamField, e.Downstream)
	text(upstreamLocalField, e.UpstreamLocal)
	for name, value := range e.Header {
		b = wire.AppendPair(b, headerField, name, value)
	}
	return b, nil
}

var errItem = errors.New("an item is not as a collector writes it")

// names gives each text that is said again and again once: proxies, clusters, addresses and details are some dozens in
// a run. Its memory is bounded, whatever is read.
type names map[string]string

// maxNames bounds names.
const maxNames = 4096

func (n names) of(b []byte) string {
	if s, ok := n[string(b)]; ok { // the compiler makes no string for it
		return s
	}
	if len(n) >= maxNames {
		clear(n)
	}
	s := string(b)
	n[s] = s
	return s
}

// decode decodes an item.
func decode(b []byte, n names) (it item, err error) {
	e := &Entry{}
	for len(b) > 0 {
		f, rest, ok := wire.Next(b)
		if !ok {
			return it, errItem
		}
		b = rest
		number, raw := f.Number, f.Raw
		switch f.ID {
		case idField:
			e.ID = string(raw)
			it.Entry = e
		case proxyField:
			e.Proxy = n.of(raw)
		case logField:
			e.Log = n.of(raw)
		case startField:
			e.Start = int64(number)
		case tookField:
			e.Took = time.Duration(number)
		case reachedField:
			e.Reached = time.Duration(number)
		case codeField:
			e.Code = int(number)
		case flagField:
			e.Flags = append(e.Flags, n.of(raw))
		case detailsField:
			e.Details = n.of(raw)
		case failureField:
			e.Failure = n.of(raw)
		case clusterField:
			e.Cluster = n.of(raw)
		case upstreamField:
			e.Upstream = n.of(raw)
		case attemptsField:
			e.Attempts = int(number)
		case grpcField:
			e.GRPC = n.of(raw)
		case downstreamField:
			e.Downstream = string(raw)
		case upstreamLocalField:
			e.UpstreamLocal = string(raw)
		case headerField:
			if err := e.header(raw, n); err != nil {
				return it, err
			}
		case otherField:
			if err := json.Unmarshal(raw, &it); err != nil {
				return it, fmt.Errorf("%w: %w", errItem, err)
			}
		default:
			return it, fmt.Errorf("%w: it has a field %d", errItem, f.ID)
		}
	}
	return it, nil
}

// header decodes one header.
func (e *Entry) header(b []byte, n names) error {
	name, value, ok := wire.Pair(b)
	if !ok {
		return errItem
	}
	if e.Header == nil {
		e.Header = map[string]string{}
	}
	// A serial is said once, a version a hundred times a second.
	text := n[string(value)]
	if text == "" {
		text = string(value)
		if strings.HasSuffix(string(name), "version") {
			text = n.of(value)
		}
	}
	e.Header[n.of(name)] = text
	return nil
}

// A frame is what a reader gets: a length of four bytes, the highest first, and the fields of a message.
const (
	instanceField protowire.Number = iota + 1
	fromField
	itemField
)

// wireVersion is told in the type of the answer's content. A change that another build would misread raises it.
const wireVersion = "application/vnd.canarylab.entries; version=2"

// encode makes a message a frame, in b's memory.
func (m message) encode(b []byte) []byte {
	b = append(b[:0], 0, 0, 0, 0)
	if m.Instance != "" {
		b = protowire.AppendString(protowire.AppendTag(b, instanceField, protowire.BytesType), m.Instance)
	}
	if m.From != 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, fromField, protowire.VarintType), m.From)
	}
	for _, it := range m.Items {
		b = protowire.AppendBytes(protowire.AppendTag(b, itemField, protowire.BytesType), it)
	}
	n := len(b) - 4
	b[0], b[1], b[2], b[3] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return b
}

// decodeMessage decodes a frame without its length. Its items are b's memory.
func decodeMessage(b []byte, m *message) error {
	m.Instance, m.From, m.Items = "", 0, slices.Delete(m.Items, 0, len(m.Items))
	for len(b) > 0 {
		f, rest, ok := wire.Next(b)
		if !ok {
			return errItem
		}
		b = rest
		switch {
		case f.ID == instanceField && f.Type == protowire.BytesType:
			m.Instance = string(f.Raw)
		case f.ID == fromField && f.Type == protowire.VarintType:
			m.From = f.Number
		case f.ID == itemField && f.Type == protowire.BytesType:
			m.Items = append(m.Items, f.Raw)
		default:
			return fmt.Errorf("%w: a message has a field %d", errItem, f.ID)
		}
	}
	return nil
}
